"""What is a trading slice? At most four seconds of a session, under a lease and a fence, that ring the next one.

A slice claims its group, goes on where the last one stopped, and trades in one asyncio loop driven turn by turn:
whatever needs the database runs between two turns (`turns.Turns`). It owns no transaction of its own.
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from crs.kernel import work
from crs.kernel.work import FenceLost
from execution import queries as execution_queries
from guardian.adapters import gateway_mt5
from strategies import telemetry
from strategies.models import Session, SymbolGroup
from strategies.operations import desk as desks
from strategies.operations import ending, marking, opening, saving, sessions
from strategies.operations.carrying import Carrier
from strategies.operations.trading import HAND_OVER_WAIT, Trading
from strategies.operations.turns import Turns
from strategies.rules import state as states
from strategies.telemetry import Tag

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from crs.kernel.work import Lease
    from strategies.operations.desk import TradingDesk
    from strategies.rules.state import GroupState

logger = logging.getLogger(__name__)

SLICE: Final = timedelta(seconds=4)
TASK: Final = timedelta(milliseconds=4_500)
MARGIN: Final = timedelta(milliseconds=200)  # of a slice, for its last save
POLL_S: Final = 0.004  # how often a successor looks whether the lease has fallen free
OPEN_TRIES: Final = 3
# Answers that another try would get again: the session cannot be opened.
DEFINITE: Final = (gateway_mt5.GatewayRejected, gateway_mt5.AccountMismatch, opening.AccountNotFresh)
RETRY_MAX_S: Final = 5


def trade(*, group_id: int, holder: str, now: Callable[[], datetime]) -> bool:
    """Do one slice of a group's session and return whether there was anything to do.

    1. Claim the group; while a predecessor hands over, wait for it; held by anybody else, leave.
    2. Open the session at the venue if nobody has.
    3. Trade for at most `SLICE`, or until the session is closed and flat.
    4. Finish under the fence: cursor, state and lease in one statement, the doorbell with it; or end the session.

    A lost fence is no error: somebody else has gone on, and what was done late is undone.
    """
    began = now()
    lease = _claimed(group_id, holder=holder, now=now)
    if lease is None:
        return False
    try:
        # The wait for the predecessor counts: the worker's own time limit runs from the start of the task.
        _slice(lease, now=now, until=min(now() + SLICE - MARGIN, began + TASK - MARGIN))
    except FenceLost as lost:
        logger.warning("%s: %s", holder, lost)
    except Exception as error:  # whatever it was: let go, count it, and let another try
        logger.exception("a slice of group %d failed", group_id)
        _give_up(lease, error, at=now())
    return True


def _claimed(group_id: int, *, holder: str, now: Callable[[], datetime]) -> Lease | None:
    until = now() + HAND_OVER_WAIT
    while True:
        lease = work.claim(SymbolGroup, id=group_id, holder=holder)
        if lease is not None or now() >= until or not saving.is_handing_over(group_id):
            return lease
        time.sleep(POLL_S)


def _slice(lease: Lease, *, now: Callable[[], datetime], until: datetime) -> None:
    group = SymbolGroup.objects.select_related(
        "session__desk", "session__account__venue", "session__account__desk"
    ).get(pk=lease.id)
    session = group.session
    if group.is_done:
        work.finish(lease)
        return
    if session.state == "OPENING":
        if session.stop_requested_at is not None and session.account_id is None:
            ending.abandon(lease, session, error="", at=now())
            return
        with gateway_mt5.reading() as wire:
            opening.open_at_venue(session=session, plan=sessions.plan_of(session), wire=wire, at=now())
        telemetry.say(Tag.INIT, f"session {session.pk} on {session.account}, limit {session.max_loss_units}")
    desk = desks.take(session)
    state = states.group(group.state, desk.seats)
    is_flat, cursor = _traded(lease, desk, state, cursor=group.cursor, now=now, until=until)
    if is_flat:
        with gateway_mt5.reading() as wire:
            ending.end(lease, desk, state, wire=wire, at=now())
    else:
        saving.finish(lease, state, cursor=cursor, at=now())


def _traded(
    lease: Lease, desk: TradingDesk, state: GroupState, *, cursor: str, now: Callable[[], datetime], until: datetime
) -> tuple[bool, str]:
    """Run the loop of one slice; returns whether the session is closed and flat, and the new cursor."""
    turns = Turns()
    books = marking.read(desk.account.pk, desk.account.currency)

    async def main() -> tuple[bool, str]:
        async with gateway_mt5.Wire(gateway_mt5.configured()) as wire:
            trading = Trading(
                turns=turns,
                lease=lease,
                desk=desk,
                state=state,
                cursor=cursor,
                books=books,
                carrier=Carrier(desk, turns, wire, history_from=history_from, now=now),
                now=now,
                until=until,
            )
            trading.identity = identity
            if desk.session.state == "CLOSING":
                trading.stop_reason = desk.session.halt_reason
            await trading.run()
            return trading.is_flat, trading.cursor

    identity = execution_queries.identity_facts(desk.account)
    history_from = execution_queries.history_start(desk.account.pk)
    try:
        return turns.run(main())
    finally:
        turns.close()


def _give_up(lease: Lease, error: Exception, *, at: datetime) -> None:
    """Let go after a failure: try again soon, but open a session three times at most."""
    session = Session.objects.get(group=lease.id)
    said = f"{getattr(error, 'code', type(error).__name__)}: {getattr(error, 'detail', error)}"
    telemetry.say(Tag.TASK_FAILURE, f"session {session.pk} {said}", level=logging.ERROR)
    try:
        if session.state == "OPENING" and (isinstance(error, DEFINITE) or lease.attempt >= OPEN_TRIES):
            ending.abandon(lease, session, error=said, at=at)
            return
        Session.objects.filter(pk=session.pk).update(error=said[:2_000])
        work.give_up(lease, wait=timedelta(seconds=min(2 ** (lease.attempt - 1), RETRY_MAX_S)))
    except FenceLost as lost:
        logger.warning("%s", lost)
