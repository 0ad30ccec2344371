"""What happens inside a slice? One coroutine per symbol, one clock, one socket, and every tick in its order.

Ticks are decided on in memory. Whatever needs the database — deciding on an order, booking, the save of each second —
runs between two turns of the loop, so a transaction never spans an await.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from approvals import queries as approvals_queries
from approvals.rules import limits
from approvals.rules.halts import HaltsUnknown
from crs.kernel.refusal import Refusal
from execution.rules import bounds, copies, gate
from execution.rules.facts import Facts, Identity, Live, Loss, Market, Orders
from execution.rules.facts import Tick as GateTick
from guardian.adapters.hot_redis import HotTierLost
from guardian.rules import calendar
from guardian.rules.ticks import microseconds
from strategies import telemetry
from strategies.operations import ending, marking, ordering, saving, sessions
from strategies.rules import lifecycle, performance, signals
from strategies.telemetry import Tag

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from datetime import datetime

    from approvals.rules.halts import Halts
    from crs.kernel.work import Lease
    from execution.rules.gate import Decision
    from guardian.adapters.hot_redis import TickReader
    from guardian.rules.ticks import Tick
    from strategies.operations.carrying import Carrier
    from strategies.operations.desk import Seat, TradingDesk
    from strategies.operations.turns import Turns
    from strategies.rules.signals import Wish
    from strategies.rules.state import GroupState, SymbolState

logger = logging.getLogger(__name__)

DRAIN_S: Final = 0.5  # how long the end of a slice waits for orders on their way
STEP_S: Final = 0.1  # guardian.md 11.2: the timer step for marks and limits
SAVE_EVERY: Final = 10  # steps: lease, cursor and state each second
STRIKE_MS: Final = 5_000  # a NAV mark in the book; limits look at the figures of every step
READ_MS: Final = 200
HEARTBEAT_RETRY_MS: Final = 1_000
# The successor is rung this long before the end, so that it stands ready when the lease falls free, and waits as long.
HAND_OVER: Final = timedelta(milliseconds=400)
HAND_OVER_WAIT: Final = timedelta(milliseconds=900)
# New risk ends, and positions are closed, this long before the venue closes its market: what is open over a weekend
# could not be closed when the session ends.
CLOSING_SOON: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Start:
    """Where the last slice stopped, and what the book says now."""

    cursor: str
    state: GroupState
    books: marking.Books


class Trading:
    """One slice of one session at work. `end` says when it is over; `closing` why the session has to end, "" if not."""

    def __init__(
        self,
        *,
        turns: Turns,
        lease: Lease,
        desk: TradingDesk,
        start: Start,
        carrier: Carrier,
        reader: TickReader,
        now: Callable[[], datetime],
        until: datetime,
    ) -> None:
        self.turns, self.lease, self.desk = turns, lease, desk
        self.cursor, self.state, self.books = start.cursor, start.state, start.books
        self.carrier, self.reader, self.now, self.until = carrier, reader, now, until
        self.watch = approvals_queries.watch()
        self.identity: Identity | None = None
        # "" for a plain end, otherwise why it was halted; None while it goes on.
        self.stop_reason: str | None = desk.session.halt_reason if desk.session.state == "CLOSING" else None
        assert desk.session.started_at is not None, "a running session has started"
        self._started_us = microseconds(desk.session.started_at)
        self.last: dict[str, Tick] = {}
        self._queues: dict[str, asyncio.Queue[Tick]] = {name: asyncio.Queue() for name in desk.seats}
        self._acting: dict[str, asyncio.Task[None]] = {}
        self.is_flat = False
        self._over = asyncio.Event()
        self._marked: marking.Marked | None = None
        self._stop_requested = False
        self._has_rung = False

    async def run(self) -> None:
        """Trade until `until`, or until the session has to close; raises what a part of it raised."""
        parts: list[Coroutine[None, None, None]] = [self._feed(), self._keep(), self.carrier.follow(self)]
        for name in self.desk.seats:
            parts += [self._watch(name), self._heartbeat(name)]
        tasks = {asyncio.ensure_future(part) for part in parts}
        try:
            # None of them returns before the slice is over: the first that does has ended it, or failed.
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self._over.set()
            await _cancelled(tasks)
            await self._drain()

    @property
    def is_acting(self) -> bool:
        """Whether an order of this slice is under way."""
        return bool(self._acting)

    async def _drain(self) -> None:
        """Give orders on their way a moment to be answered; what is left is asked about by whoever comes next."""
        if self._acting:
            await asyncio.wait(self._acting.values(), timeout=DRAIN_S)

    # ── Ticks ─────────────────────────────────────────────────────────────────────────────────────────────────────────
    async def _feed(self) -> None:
        """Hand every tick to its symbol, in the order of the stream; the cursor moves when all of them are handled."""
        while not self._over.is_set():
            try:
                entries = await self.reader.read(self.cursor, wait_ms=READ_MS)
            except HotTierLost as lost:
                logger.warning("%s", lost)
                await asyncio.sleep(STEP_S)
                continue
            if self._over.is_set():
                return  # nobody handles them any more: the successor reads them again
            for _, tick in entries:
                if tick.symbol in self._queues:
                    self._queues[tick.symbol].put_nowait(tick)
            await asyncio.gather(*(queue.join() for queue in self._queues.values()))
            if entries:
                self.cursor = entries[-1][0]

    async def _watch(self, name: str) -> None:
        """Handle every tick of one symbol; a failure is counted, and too many in a row stop the symbol."""
        seat, held, queue = self.desk.seats[name], self.state.symbols[name], self._queues[name]
        telemetry.say(Tag.SYMBOL_MONITOR, f"{name} from tick {held.seq + 1}", level=logging.DEBUG)
        while True:
            tick = await queue.get()
            try:
                self._handle(seat, held, tick)
            except Exception as error:  # one symbol's fault is not the others'; it is counted, said and limited
                held.failed(at_ms=_ms(self.now()))
                logger.exception("%s tick %d", name, tick.seq)
                telemetry.say(Tag.TASK_FAILURE, f"{name} {type(error).__name__}", level=logging.ERROR)
            finally:
                queue.task_done()

    def _handle(self, seat: Seat, held: SymbolState, tick: Tick) -> None:
        """Take one tick: state first, then may there be new risk at all, then what the signal wants."""
        if tick.seq <= held.seq:
            return  # handled before a take-over, or written twice by the listener
        bid = signals.points(tick.bid, digits=seat.row.digits)
        wish = signals.on_tick(held.track, bid_points=bid, venue_us=tick.venue_us, parameters=self.desk.plan.signal)
        if held.seq and tick.seq != held.seq + 1:
            held.gap_bar = held.track.bar
        held.seq, held.ticks = tick.seq, held.ticks + 1
        self.last[tick.symbol] = tick
        self.books.take(tick)
        self.state.slots.handled(tick.symbol)

        at = self.now()
        decision = gate.decide_before_signal(self._facts(seat, held, tick, at=at))
        if tick.received_ns // 1000 >= self._started_us:
            held.lagged(microseconds(self.now()) - tick.received_ns // 1000)
        if wish is not None:
            held.signals += 1
        if not calendar.is_open(seat.row.sessions, tick.venue_at + CLOSING_SOON):
            wish = "FLAT"  # the market closes soon
        if wish is not None:
            self._act(seat, held, tick, wish, decision)
        held.failures = 0

    def _act(self, seat: Seat, held: SymbolState, tick: Tick, wish: Wish, decision: Decision) -> None:
        """Enter or leave where the wish differs from what is held; one order of a symbol at a time."""
        if tick.symbol in self._acting or self.stop_reason is not None:
            return
        is_held = self.books.holds(tick.symbol)
        if wish == "LONG" and not is_held and self._may_enter(held, decision):
            self._begin(tick.symbol, self._enter(seat, held, tick))
        elif wish == "FLAT" and is_held:
            self._begin(tick.symbol, self.carrier.close_all(self, tick.symbol, key=f"{tick.seq}:EXIT"))

    def _may_enter(self, held: SymbolState, decision: Decision) -> bool:
        if not decision.is_allowed:
            telemetry.say(Tag.RISK_FAIL, f"before the signal: {decision.reason}", level=logging.DEBUG)
        return decision.is_allowed and not held.is_stopped and _ms(self.now()) >= held.paused_until_ms

    def _begin(self, name: str, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._acting[name] = task
        task.add_done_callback(lambda done: self._ended(name, done))

    def _ended(self, name: str, task: asyncio.Task[None]) -> None:
        self._acting.pop(name, None)
        if not task.cancelled() and (error := task.exception()):
            self.state.symbols[name].failed(at_ms=_ms(self.now()))
            logger.error("an order of %s failed", name, exc_info=error)
            telemetry.say(Tag.TASK_FAILURE, f"{name} {type(error).__name__}", level=logging.ERROR)

    async def _enter(self, seat: Seat, held: SymbolState, tick: Tick) -> None:
        live = self.live(seat, held, tick)
        decided = await self.turns.outside(lambda: ordering.enter(self.desk, seat, tick, live=live, at=self.now()))
        if not decided.is_allowed:
            telemetry.say(Tag.RISK_FAIL, f"{tick.symbol} {decided.intent.reason}")
            return
        telemetry.say(Tag.RISK_PASS, f"{tick.symbol} tick {tick.seq}")
        for order_id in decided.orders:
            await self.carrier.carry(self, order_id)

    # ── May there be new risk? ────────────────────────────────────────────────────────────────────────────────────────
    def _facts(self, seat: Seat, held: SymbolState, tick: Tick, *, at: datetime) -> Facts:
        """Return what the gate may know before the signal, from copies in memory only."""
        halts = self._halts()
        return Facts(
            at=at,
            bounds=bounds.BOUNDS,
            halts=copies.halt_copy(halts, seat.subject) if halts else None,
            modes=copies.mode_copy(halts, seat.subject) if halts else None,
            market=_market(seat, tick),
            identity=self.identity,
            symbol=seat.terms,
            tick=_gate_tick(held, tick),
            orders=Orders(unknown=self.carrier.unknown.get(tick.symbol, 0), same=0),
            loss=self._loss(),
        )

    def live(self, seat: Seat, held: SymbolState, tick: Tick) -> Live:
        """Return what the slice sees fresher than any row."""
        return Live(tick=_gate_tick(held, tick), market=_market(seat, tick), loss=self._loss())

    def _loss(self) -> Loss | None:
        marked, session = self._marked, self.desk.session
        if marked is None or session.opening_equity_units is None:
            return None
        return Loss(
            limit=session.max_loss_units,
            opening_equity=session.opening_equity_units,
            flows=marked.flows - self.desk.plan.deposit_units,
            equity=marked.equity,
        )

    def _halts(self) -> Halts | None:
        try:
            return self.watch.halts()
        except HaltsUnknown:
            return None

    # ── The clock of the slice ────────────────────────────────────────────────────────────────────────────────────────
    async def _keep(self) -> None:
        """Each step: marks and limits; each second: lease, cursor and state; in time: the bell for the successor."""
        step = 0
        while self.now() < self.until:
            await asyncio.sleep(STEP_S)
            step += 1
            at = self.now()
            self.state.slots.advance(self._elapsed_s(at), list(self.desk.seats))
            self._mark()
            if self.stop_reason is None:
                await self._look_for_a_stop(at)
            elif self.carrier.is_flat(self):
                self.is_flat = True
                return
            else:
                self._flatten()
            if step % SAVE_EVERY == 0:
                await self._save(at)
            if not self._has_rung and self.until - at <= HAND_OVER and self.stop_reason is None:
                self._has_rung = True
                await self.turns.outside(
                    lambda: saving.hand_over(self.lease, within=HAND_OVER_WAIT, task=sessions.TRADE_TASK)
                )

    def _mark(self) -> None:
        self._marked = self.books.value()
        if self._marked is not None:
            self.state.marked(self._marked.equity - self._marked.flows)

    async def _save(self, at: datetime) -> None:
        """Save in short steps, between which ticks are handled; who lost his fence gets no further than the first."""
        told = await self.turns.outside(
            lambda: saving.save(self.lease, self.desk, self.state, cursor=self.cursor, at=self.now())
        )
        self._stop_requested = told.stop_requested
        marked = self._marked
        await self.turns.outside(lambda: saving.show(self.desk, self.state, marked))
        if marked is not None and _ms(at) - self.state.struck_ms >= STRIKE_MS:
            self.state.struck_ms = _ms(at)
            await self.turns.outside(lambda: saving.strike(self.desk, marked, at=self.now()))

    async def _look_for_a_stop(self, at: datetime) -> None:
        """Close the session when its time is up, when it was asked to stop, and when it must not go on."""
        reason = self._reason_to_stop(at)
        if reason is None:
            return
        if await self.turns.outside(lambda: self._begin_to_close(reason)):
            self.stop_reason = reason
            self._flatten()

    def _begin_to_close(self, reason: str) -> bool:
        """Start closing on figures read this moment, and keep them; False when they show no such loss.

        Somebody else may have booked since the last look (an exit of execution's, a reconciliation): a session is not
        halted for the marks of a position that it has no more.
        """
        account, at = self.desk.account, self.now()
        self.books = marking.read(account.pk, account.currency, before=self.books)
        self._mark()
        loss, marked = self._loss(), self._marked
        if reason == lifecycle.SESSION_LOSS and not _is_passed(loss):
            return False
        trip = self.books.trip(loss, ticks=self.last, at=at) if loss and marked else None
        ending.begin(self.desk, reason, trip=trip, marked=marked, at=at)
        return True

    def _reason_to_stop(self, at: datetime) -> str | None:
        if _is_passed(self._loss()):
            return lifecycle.SESSION_LOSS
        if (reason := self._halted()) is not None:
            return reason
        started, duration_s = self.desk.session.started_at, self.desk.session.duration_s
        assert started is not None, "a running session has started"
        is_over = duration_s and at >= started + timedelta(seconds=duration_s)
        if not (is_over or self._stop_requested):
            return None
        return lifecycle.KILL_SWITCH if self._is_stopped_anywhere() else ""

    def _is_stopped_anywhere(self) -> bool:
        """Whether a kill switch still covers a symbol: a session that ends like that was halted, not finished."""
        halts = self._halts()
        return halts is not None and any(halts.covering(seat.subject) for seat in self.desk.seats.values())

    def _halted(self) -> str | None:
        """Return why positions have to be closed: a kill switch with CLOSE, or FORCE_CLOSE, over one of our symbols."""
        halts = self._halts()
        if halts is None or not (halts.engaged or halts.modes):
            return None
        for seat in self.desk.seats.values():
            if any(halt.positions == "CLOSE" for halt in halts.covering(seat.subject)):
                return lifecycle.KILL_SWITCH
            moded = halts.mode_of(seat.subject)
            if moded is not None and moded.mode == "FORCE_CLOSE":
                return moded.reason[:32]
        return None

    def _flatten(self) -> None:
        """Close what is open, symbol by symbol, until the venue reports zero; a closed market is waited for."""
        for name in {position.symbol for position in self.books.positions} - self._acting.keys():
            if self.carrier.may_close(self.desk.seats[name]):
                self._begin(name, self.carrier.close_all(self, name, key="CLOSE"))

    def _elapsed_s(self, at: datetime) -> int:
        started = self.desk.session.started_at
        assert started is not None, "a running session has started"
        return int((at - started).total_seconds())

    # ── Heartbeats ────────────────────────────────────────────────────────────────────────────────────────────────────
    async def _heartbeat(self, name: str) -> None:
        """Ask the gateway who it is, each `heartbeat_s`; an error is counted and tried again after a second."""
        held, every_ms = self.state.symbols[name], self.desk.plan.heartbeat_s * 1000
        while True:
            wait_ms = held.heartbeat_due_ms - _ms(self.now())
            if wait_ms > 0:
                await asyncio.sleep(wait_ms / 1000)
                continue
            try:
                found = await self.carrier.ping()
                held.heartbeats += 1
                due = held.heartbeat_due_ms + every_ms
                held.heartbeat_due_ms = due if due > _ms(self.now()) else _ms(self.now()) + every_ms
                self.identity = Identity(expected=self.desk.identity, actual=found, checked_at=self.now())
                telemetry.say(Tag.ZMQ_HEARTBEAT, f"{name} #{held.heartbeats}")
            except Refusal as refused:
                held.errors += 1
                held.heartbeat_due_ms = _ms(self.now()) + HEARTBEAT_RETRY_MS
                telemetry.say(Tag.ZMQ_ERROR, f"{name} {refused.code}", level=logging.WARNING)


def _is_passed(loss: Loss | None) -> bool:
    if loss is None:
        return False
    pnl = performance.pnl(opening_equity=loss.opening_equity, flows=loss.flows, equity=loss.equity)
    return limits.is_passed(pnl_units=pnl, limit_units=loss.limit)


async def _cancelled(tasks: set[asyncio.Task[None]]) -> None:
    """Cancel and wait, again and again: a client of ours may swallow a cancellation that meets its own time-out."""
    while pending := {task for task in tasks if not task.done()}:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=STEP_S)
    await asyncio.gather(*tasks, return_exceptions=True)


def _gate_tick(held: SymbolState, tick: Tick) -> GateTick:
    return GateTick(bid=tick.bid, ask=tick.ask, received_at=tick.received_at, has_gap=held.has_gap)


def _market(seat: Seat, tick: Tick) -> Market:
    return Market(is_open=calendar.is_open(seat.row.sessions, tick.venue_at), venue_at=tick.venue_at)


def _ms(at: datetime) -> int:
    return microseconds(at) // 1000
