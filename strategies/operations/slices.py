"""What is a trading slice? At most four seconds of a session, under a lease and a fence, that ring the next one.

A slice claims its group, goes on where the last one stopped, and trades in one asyncio loop driven turn by turn:
whatever needs the database runs between two turns (`turns.Turns`). It owns no transaction of its own.
"""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from celery.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError, connection

from crs.kernel import work
from crs.kernel.refusal import Refusal
from crs.kernel.work import FenceLost
from execution import queries as execution_queries
from guardian import queries as guardian_queries
from guardian.adapters.gateway_mt5.address import configured
from guardian.adapters.gateway_mt5.answers import AccountMismatch, GatewayRejected
from guardian.adapters.gateway_mt5.blocking import reading
from guardian.adapters.gateway_mt5.feed import DealFeed
from guardian.adapters.gateway_mt5.wire import Wire
from strategies import telemetry
from strategies.models import Session, SymbolGroup
from strategies.operations import desk as desks
from strategies.operations import ending, marking, opening, saving, sessions
from strategies.operations.carrying import Carrier
from strategies.operations.trading import HAND_OVER_WAIT, Start, Trading
from strategies.operations.turns import Turns
from strategies.rules import lifecycle
from strategies.rules import state as states
from strategies.telemetry import Tag

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from crs.kernel.work import Lease
    from strategies.operations.desk import TradingDesk

logger = logging.getLogger(__name__)

SLICE: Final = timedelta(seconds=4)
# The whole task, with its wait for the predecessor: the worker's soft time limit is 5 s, and the end needs some of it.
TASK: Final = timedelta(milliseconds=4_200)
MARGIN: Final = timedelta(milliseconds=200)  # of a slice, for its last save
POLL_S: Final = 0.004  # how often a successor looks whether the lease has fallen free
OPEN_TRIES: Final = 3  # refusals in a row that end a session which never began
OPEN_FOR: Final = timedelta(seconds=45)  # less than the command waits: whoever started it hears why
OPENED_LATE: Final = TASK / 2  # no time is left to trade in: the next slice begins with all of its own
# Answers that another try would get again: the session cannot be opened.
DEFINITE: Final = (GatewayRejected, AccountMismatch, opening.AccountNotFresh)
RETRY_MAX_S: Final = 5
LET_GO_PAUSES_S: Final = (0.2, 0.3, 0.5, 0.5, 0.5, 1.0)  # in all less than a lease: waiting longer would gain nothing


def trade(*, group_id: int, holder: str, now: Callable[[], datetime]) -> bool:
    """Do one slice of a group's session and return whether there was anything to do.

    1. Claim the group; held by somebody who is not about to let go, leave.
    2. Open the session at the venue if nobody has; where that took long, leave the trading to the next slice.
    3. Get everything ready; while a predecessor hands over, claim as soon as he lets go.
    4. Trade for at most `SLICE`, or until the session is closed and flat.
    5. Finish under the fence: cursor, state and lease in one statement; or end the session.

    A lost fence is no error: somebody else has gone on, and what was done late is undone.
    """
    return Slice(group_id, holder=holder, now=now).do()


class Slice:
    """One slice, from its claim to its finish."""

    def __init__(self, group_id: int, *, holder: str, now: Callable[[], datetime]) -> None:
        self.group_id, self.holder, self.now = group_id, holder, now
        self.began = now()
        self.lease: Lease | None = None
        self.turns = Turns()

    def do(self) -> bool:
        """Do the slice and return whether the group was ours."""
        try:
            # Asked twice: it may fall free between the two questions.
            if not self._claim() and not saving.is_handing_over(self.group_id) and not self._claim():
                return False
            self._work()
        except FenceLost as lost:
            logger.warning("%s: %s", self.holder, lost)
        except Exception as error:  # whatever it was: let go, count it, and let another try
            logger.exception("a slice of group %d failed", self.group_id)
            if self.lease is not None:
                _let_go(self.lease, error, now=self.now)
        finally:
            self.turns.close()
        return self.lease is not None

    def _claim(self) -> bool:
        self.lease = work.claim(SymbolGroup, id=self.group_id, holder=self.holder)
        return self.lease is not None

    def _work(self) -> None:
        session = Session.objects.select_related("desk", "account__venue", "account__desk").get(group=self.group_id)
        if self.lease is not None and session.state in lifecycle.SESSION.final:
            work.finish(self.lease, is_done=True)
            return
        if self.lease is not None and session.state == "OPENING" and not self._open(session, self.lease):
            return
        desk = desks.take(session)
        ran = self.turns.run(self._trade(desk))
        if ran is None:
            return
        assert self.lease is not None, "nobody trades without a lease"
        if ran.is_flat:
            with reading() as wire:
                ending.end(self.lease, desk, ran.state, wire=wire, at=self.now())
        else:
            saving.finish(self.lease, ran.state, cursor=ran.cursor, at=self.now())

    def _open(self, session: Session, lease: Lease) -> bool:
        """Open the session at the venue and tell whether this slice goes on; one stopped before it began ends here."""
        if session.stop_requested_at is not None and session.account_id is None:
            ending.abandon(lease, session, error="", at=self.now())
            return False
        with reading() as wire:
            opening.open_at_venue(session=session, plan=sessions.plan_of(session), wire=wire, at=self.now())
        telemetry.say(Tag.INIT, f"session {session.pk} on {session.account}, limit {session.max_loss_units}")
        telemetry.say(Tag.CONCURRENT, f"session {session.pk}: one loop, a coroutine for each symbol")
        if self.now() - self.began < OPENED_LATE:
            return True
        work.finish(lease)
        work.ring(sessions.TRADE_TASK, lease.id)
        return False

    async def _trade(self, desk: TradingDesk) -> Trading | None:
        """Stand ready, take the lease if it is not ours yet, and run the loop; None when it never became ours."""
        account_id = desk.account.pk
        identity = await self.turns.outside(lambda: execution_queries.identity_facts(desk.account))
        history_from = await self.turns.outside(lambda: execution_queries.history_start(account_id))
        reader = guardian_queries.hot_ticks(desk.account.code)
        try:
            address = configured()
            async with Wire(address) as wire, DealFeed(address, desk.account.login) as deals:
                await reader.connect()
                if not await self._is_ours() or self.lease is None:
                    return None
                start = await self.turns.outside(lambda: _load(self.group_id, desk))
                trading = Trading(
                    turns=self.turns,
                    lease=self.lease,
                    desk=desk,
                    start=start,
                    carrier=Carrier(desk, self.turns, wire, deals, history_from=history_from, now=self.now),
                    reader=reader,
                    now=self.now,
                    # The wait for the predecessor counts: the worker's own time limit runs from the task's start.
                    until=min(self.now() + SLICE - MARGIN, self.began + TASK - MARGIN),
                )
                trading.identity = identity
                await trading.run()
                return trading
        finally:
            await reader.close()

    async def _is_ours(self) -> bool:
        until = self.now() + HAND_OVER_WAIT
        while self.lease is None and self.now() < until:
            if await self.turns.outside(self._claim):
                break
            if not await self.turns.outside(lambda: saving.is_handing_over(self.group_id)):
                return await self.turns.outside(self._claim)
            await asyncio.sleep(POLL_S)
        return self.lease is not None


def _load(group_id: int, desk: TradingDesk) -> Start:
    """Return where the last slice stopped. Its session may be closing since the desk was taken."""
    group = SymbolGroup.objects.select_related("session").get(pk=group_id)
    session = desk.session
    session.state, session.halt_reason = group.session.state, group.session.halt_reason
    return Start(
        cursor=group.cursor,
        state=states.group(group.state, desk.seats),
        books=marking.read(desk.account.pk, desk.account.currency),
    )


def _let_go(lease: Lease, error: Exception, *, now: Callable[[], datetime]) -> None:
    """Give up the lease. It may be the database that failed, and that is back within seconds: asked until then.

    Raises `OperationalError` when it stays away; the lease lapses then.
    """
    for pause_s in LET_GO_PAUSES_S:
        try:
            _give_up(lease, error, at=now())
            return
        except OperationalError:
            connection.close()
            time.sleep(pause_s)
    _give_up(lease, error, at=now())


def _give_up(lease: Lease, error: Exception, *, at: datetime) -> None:
    """Let go after a failure and try again soon; a session that cannot be opened ends.

    A machine that is still starting needs more time than one slice has: running out of it is no refusal and is not
    counted as one. What an unfinished try has done is found by the next.
    """
    if isinstance(error, SoftTimeLimitExceeded):
        connection.close()  # it may have been interrupted in the middle of an answer
    session = Session.objects.get(group=lease.id)
    said = f"{getattr(error, 'code', type(error).__name__)}: {getattr(error, 'detail', error)}"
    telemetry.say(Tag.TASK_FAILURE, f"session {session.pk} {said}", level=logging.ERROR)
    try:
        if session.state == "OPENING" and _is_hopeless(session, error, attempt=lease.attempt, at=at):
            ending.abandon(lease, session, error=said, at=at)
            return
        Session.objects.filter(pk=session.pk).update(error=said[:2_000])
        work.give_up(lease, wait=timedelta(seconds=min(2 ** (lease.attempt - 1), RETRY_MAX_S)))
    except FenceLost as lost:
        logger.warning("%s", lost)


def _is_hopeless(session: Session, error: Exception, *, attempt: int, at: datetime) -> bool:
    """Tell whether another try to open the session would end as this one did."""
    if isinstance(error, DEFINITE) or at - session.created_at >= OPEN_FOR:
        return True
    return isinstance(error, Refusal) and attempt >= OPEN_TRIES
