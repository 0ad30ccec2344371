"""How does a halt reach the venues? The row first, then every covered gateway in parallel, then a receipt.

Needs PostgreSQL and the gateways, nothing else: the command and the sweep each second walk the same way. Engaging
blocks before it closes; a CLOSE is repeated until the venue itself reports that nothing is left.
"""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from approvals import queries as approvals_queries
from approvals.operations import killswitch
from crs.kernel import clock
from crs.kernel.actor import machine
from crs.kernel.evidence import instant
from crs.kernel.refusal import Refusal
from crs.kernel.stopwatch import NS_PER_MS, Stopwatch
from execution import queries
from execution.adapters import gateway_mt5
from execution.models import GatewayLatch
from guardian.adapters.gateway_mt5.address import configured
from guardian.adapters.gateway_mt5.blocking import BlockingWire

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from approvals.models import KillSwitch
    from approvals.operations.killswitch import Engaged
    from approvals.rules.halts import Halt, Positions
    from approvals.rules.scope import Scope
    from crs.kernel.actor import Actor
    from execution.queries import Target

CALL_MS: Final = 3_000  # one call to one gateway; the others do not wait for it
CLOSE_WITHIN: Final = timedelta(seconds=20)  # asked again and again, positions are zero after 20 s
ANSWER_WITHIN: Final = timedelta(seconds=6)  # two calls to a gateway that does not answer
CLOSE_PAUSE_MAX: Final = timedelta(seconds=30)
PAUSE_MS: Final = 200  # between two rounds
PARALLEL_MAX: Final = 32


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a receipt: what was done, when it began, how long it took, and what came of it."""

    name: str
    started_at: datetime
    ms: int
    ok: bool
    facts: dict[str, Any] = field(default_factory=dict)  # Any: text, int and bool, for the evidence

    def as_json(self) -> dict[str, Any]:
        """Return the step as it stands in the receipt."""
        return {"name": self.name, "started_at": instant(self.started_at), "ms": self.ms, "ok": self.ok, **self.facts}


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a halt or its release. `ok`: everybody answered and, with CLOSE, nothing is left."""

    scope: str
    epoch: int
    state: str
    steps: tuple[Step, ...]
    ms: int
    ok: bool


@dataclass(frozen=True, slots=True)
class Told:
    """What one gateway answered about one part of a scope."""

    target: Target
    ms: int
    ok: bool
    code: str = ""
    cancelled: int = 0
    closed: int = 0
    left: int = 0


def engage(
    *,
    scope: Scope,
    reason: str,
    actor: Actor,
    at: datetime,
    positions: Positions | None = None,
    request_id: str = "",
) -> Receipt:
    """Stop new risk in `scope`, at our gate and at every covered gateway, and return the receipt.

    1. Engage the row: from its commit on the gate refuses new risk.
    2. Call KILL_SWITCH at every covered gateway, in parallel: it blocks, cancels and, with CLOSE, closes.
    3. Ask again until nobody is silent and, with CLOSE, nothing is left, or the time for it is over.
    4. Keep the receipt with the halt and in the evidence. What is left is carried on each second (`carry_on`).

    Raises what `killswitch.engage` raises, and nothing for a gateway that does not answer: the receipt names it.
    """
    watch = Stopwatch(at)
    engaged = killswitch.engage(
        scope=scope, positions=positions, reason=reason, actor=actor, at=at, request_id=request_id
    )
    return carry_out(engaged, actor=actor, at=at, watch=watch)


def carry_out(engaged: Engaged, *, actor: Actor, at: datetime, watch: Stopwatch | None = None) -> Receipt:
    """Bring a halt whose row stands to every covered gateway, and keep the receipt: steps 2 to 4 of `engage`.

    For a page that answers as soon as the row stands; whoever dies in between is replaced by `carry_on`.
    """
    watch = watch or Stopwatch(at)
    halt = engaged.halt
    steps = [Step("new risk refused", at, watch.ms, ok=True, facts={"is_new": engaged.is_new})]
    steps += _tell_all(halt, queries.targets(halt.scope), watch=watch)
    ok = all(step.ok for step in steps)
    receipt = Receipt(str(halt.scope), halt.epoch, "ENGAGED", tuple(steps), watch.ms, ok)
    killswitch.add_receipt(halt, [step.as_json() for step in steps], actor=actor, at=watch.at)
    return receipt


def release(*, scope: Scope, reason: str, actor: Actor, at: datetime) -> Receipt:
    """Release `scope` by the command on the machine, at our gate and at every covered gateway.

    Raises what `killswitch.release` raises. A silent gateway keeps its latch, which refuses new risk, until it is told.
    """
    watch = Stopwatch(at)
    epoch = killswitch.release(scope=scope, reason=reason, actor=actor, at=at)
    steps = [Step("released", at, watch.ms, ok=True)]
    row = approvals_queries.kill_switch(scope)
    assert row is not None, "what was released has a row"
    call = _Call(str(row.scope), epoch, "KEEP", reason, "SAFE")
    steps += _steps(_round(call, queries.targets(scope)), watch, "gateway told")
    ok = all(step.ok for step in steps)
    if ok:
        _note(call, at=watch.at, is_flat=True)
    return Receipt(str(row.scope), epoch, "SAFE", tuple(steps), watch.ms, ok)


def carry_on(*, at: datetime) -> int:
    """Tell the gateways every halt and release that they do not know yet, and close on where CLOSE is not finished.

    Returns how many scopes were carried. One round each; the next second goes on. It is how a halt that only wrote its
    row (by key, by the portal, while a gateway was down) reaches the venue; the round that finishes it keeps a receipt
    where there is none yet.
    """
    carried, watch = 0, Stopwatch(at)
    latches = queries.latches(queries.gateway_id())
    for row in approvals_queries.kill_switches():
        if not _is_due(row, latches.get(str(row.scope)), at):
            continue
        call = _Call(str(row.scope), row.epoch, row.positions, row.reason, row.state)
        told = _round(call, queries.targets(row.scope))
        if all(one.ok for one in told):
            is_flat = not sum(one.left for one in told)
            _note(call, at=at, is_flat=is_flat)
            if row.state == "ENGAGED" and (is_flat or row.positions == "KEEP"):
                _keep_receipt(row.as_halt(), _steps(told, watch, "gateway told"), at=watch.at)
        carried += 1
    return carried


def _keep_receipt(halt: Halt, steps: Sequence[Step], *, at: datetime) -> None:
    """Write what the gateways answered to a halt that only wrote its row; whoever engaged by command wrote his own."""
    known = approvals_queries.last_receipt(halt.scope)
    if known is None or known.epoch < halt.epoch:
        killswitch.add_receipt(halt, [step.as_json() for step in steps], actor=machine("worker"), at=at)


def _is_due(row: KillSwitch, latch: GatewayLatch | None, at: datetime) -> bool:
    """Return whether the gateway has to hear of this row now: it does not know it, or its CLOSE is not finished.

    What cannot be closed for long (a market that is shut) is asked ever less often: after a tenth of its age, at most
    every 30 s, since each try is a record on the gateway's disk.
    """
    if latch is None:
        return row.state == "ENGAGED"
    if latch.epoch < row.epoch or latch.state != row.state:
        return True
    if row.state == "SAFE" or latch.flat_at is not None or row.positions == latch.positions == "KEEP":
        return latch.positions != row.positions and row.state == "ENGAGED"
    return at - latch.told_at >= min(CLOSE_PAUSE_MAX, (at - row.engaged_at) / 10)


@dataclass(frozen=True, slots=True)
class _Call:
    scope: str
    epoch: int
    positions: str
    reason: str
    state: str


def _tell_all(halt: Halt, targets: Sequence[Target], *, watch: Stopwatch) -> list[Step]:
    """Call every covered gateway until all have answered and, with CLOSE, hold nothing, or the time is over."""
    if not targets:
        return [Step("no gateway is covered", watch.at, 0, ok=True)]
    call = _Call(str(halt.scope), halt.epoch, halt.positions, halt.reason, "ENGAGED")
    deadline_ms = watch.ms + (CLOSE_WITHIN if halt.positions == "CLOSE" else ANSWER_WITHIN) // timedelta(milliseconds=1)
    first = _round(call, targets)
    steps = _steps(first, watch, "gateway told")
    open_ended = _unfinished(call, first)
    rounds = 1
    while open_ended and watch.ms < deadline_ms:
        time.sleep(PAUSE_MS / 1000)
        open_ended = _unfinished(call, _round(call, [one.target for one in open_ended]))
        rounds += 1
    left = sum(one.left for one in open_ended)
    silent = [one.target.name for one in open_ended if not one.ok]
    is_done = not open_ended
    if is_done:
        _note(call, at=watch.at, is_flat=True)
    facts = {"rounds": rounds, "positions_left": left, "no_answer": silent}
    steps.append(Step("asked again: nothing left" if is_done else "asked again", watch.at, watch.ms, is_done, facts))
    # Somebody who answered later has answered: the first round's silence is no failure of the whole.
    return [Step(step.name, step.started_at, step.ms, step.ok or is_done, step.facts) for step in steps]


def _unfinished(call: _Call, told: Sequence[Told]) -> list[Told]:
    return [one for one in told if not one.ok or (call.positions == "CLOSE" and one.left)]


def _round(call: _Call, targets: Sequence[Target]) -> list[Told]:
    """Call every target once, in parallel, each with its own wire and time-out."""
    if not targets:
        return []
    with ThreadPoolExecutor(max_workers=min(len(targets), PARALLEL_MAX)) as pool:
        return list(pool.map(lambda target: _tell(call, target), targets))


def _tell(call: _Call, target: Target) -> Told:
    """Call one gateway for one target. Runs in a thread of its own and touches no database."""
    watch_ns = clock.monotonic_ns()

    def told(*, ok: bool, code: str = "", data: dict[str, Any] | None = None) -> Told:  # Any: JSON of the wire
        said = data or {}
        closed, total = said.get("positions_closed", 0), said.get("total_positions", 0)
        ms = (clock.monotonic_ns() - watch_ns) // NS_PER_MS
        return Told(target, ms, ok, code, said.get("orders_cancelled", 0), closed, total - closed)

    try:
        with BlockingWire(configured()) as wire:
            answer = gateway_mt5.kill_switch(
                wire,
                account_id=target.account_id,
                scope=call.scope,
                epoch=call.epoch,
                positions="CLOSE" if call.positions == "CLOSE" else "KEEP",
                reason=call.reason,
                key=str(uuid.uuid4()),  # a repeat must act again, not give the recorded answer
                state=call.state,
                symbol=target.symbol,
                magic_numbers=list(target.magic_numbers) if target.magic_numbers else None,
                timeout_ms=CALL_MS,
            )
    except Refusal as refusal:
        return told(ok=False, code=refusal.code)
    # A release of a higher epoch than this halt has been there already: nothing of this one is left to do.
    is_echo = answer.code == "STALE_EPOCH"
    return told(ok=answer.status == "OK" or is_echo, code=answer.code, data=answer.data)


def _steps(told: Sequence[Told], watch: Stopwatch, name: str) -> list[Step]:
    now = watch.at
    return [
        Step(
            f"{name}: {one.target.name}",
            now - timedelta(milliseconds=one.ms),
            one.ms,
            one.ok,
            {
                "code": one.code or ("" if one.ok else "no answer"),
                "orders_cancelled": one.cancelled,
                "positions_closed": one.closed,
                "positions_left": one.left,
            },
        )
        for one in told
    ]


def _note(call: _Call, *, at: datetime, is_flat: bool) -> None:
    """Keep what the gateway knows now; nothing older than what it knew before."""
    GatewayLatch.objects.update_or_create(
        gateway_id=queries.gateway_id(),
        scope=call.scope,
        defaults={
            "epoch": call.epoch,
            "state": call.state,
            "positions": call.positions,
            "told_at": at,
            "flat_at": at if is_flat else None,
        },
    )
