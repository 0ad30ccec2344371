"""How do orders reach the venue from inside a slice, and how does what it did by itself reach the book?"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from crs.kernel.refusal import Refusal
from execution import queries as execution_queries
from execution.adapters import gateway_mt5
from execution.operations import booking
from execution.rules.facts import Live
from guardian.adapters import gateway_records
from guardian.rules import calendar
from strategies import telemetry
from strategies.operations import marking, ordering
from strategies.rules.signals import STRATEGY
from strategies.telemetry import Tag

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from execution.models import Position
    from execution.operations.orders import Recorded
    from execution.rules.wire import Outcome
    from guardian.adapters.gateway_mt5.feed import DealFeed
    from guardian.adapters.gateway_mt5.wire import Wire
    from strategies.operations.desk import Seat, TradingDesk
    from strategies.operations.trading import Trading
    from strategies.operations.turns import Turns

logger = logging.getLogger(__name__)

# How often the venue is asked what it holds. Its own deals (stop, target, correction) are told as they happen; this is
# the net for one that was not heard, and how accrued swap and orders settled elsewhere are seen.
SYNC_S: Final = 0.5
HISTORY_EVERY: Final = 10  # syncs: the history is read even when positions look as they should
READ_MS: Final = 1_000  # reads inside a slice: a silent gateway is tried again, not waited for
PING_MS: Final = 2_000
OVERLAP: Final = timedelta(seconds=1)  # of the venue clock, between two windows of history


class Carrier:
    """Takes orders to the venue and its deals to the book; knows what is on its way."""

    def __init__(
        self,
        desk: TradingDesk,
        turns: Turns,
        wire: Wire,
        deals: DealFeed,
        *,
        history_from: datetime,
        now: Callable[[], datetime],
    ) -> None:
        self.desk, self.turns, self.wire, self.deals, self.now = desk, turns, wire, deals, now
        self.history_from = history_from  # on the venue clock
        self.unknown: dict[str, int] = {}  # orders without a definite outcome, by symbol
        self.in_flight = 0
        self.at_venue: set[int] | None = None  # positions there when it was asked last; None: not asked yet
        self.venue_at: datetime | None = None
        self.missing: set[str] = set()  # deals that were told of and that neither book nor history has shown
        self.shown: set[str] = set()  # deals that the history has shown last

    async def carry(self, trading: Trading, order_id: int) -> None:
        """Take a prepared order to the wire once, and write down what the venue said."""
        ready = await self.turns.outside(lambda: ordering.prepare(self.desk, order_id, at=self.now()))
        if ready is None:
            return
        telemetry.say(Tag.ZMQ_SENT, f"{ready.symbol} order {order_id}")
        outcome = await gateway_mt5.send(self.wire, ready)
        recorded = await self.turns.outside(lambda: self._record(trading, order_id, outcome))
        is_filled = recorded.state in ("FILLED", "PARTIAL")
        telemetry.say(
            Tag.MT5_FILLED if is_filled else Tag.MT5_REJECTED,
            f"{ready.symbol} order {order_id} {recorded.state} {recorded.code}".rstrip(),
        )
        if is_filled:
            telemetry.say(ready.symbol, f"Trade executed, order {order_id}")
        self.at_venue = None  # what was seen before is no longer so
        await self._look_at_orders()

    def _record(self, trading: Trading, order_id: int, outcome: Outcome) -> Recorded:
        """Write down what the venue said and read the figures again, in one step.

        Between two, the slice would mark a position that is closed, and halt the session for a loss that it has not.
        """
        recorded = ordering.record(self.desk, order_id, outcome, at=self.now())
        self._read(trading)
        return recorded

    def _read(self, trading: Trading) -> None:
        account = self.desk.account
        trading.books = marking.read(account.pk, account.currency, before=trading.books)

    async def close_all(self, trading: Trading, name: str, *, key: str) -> None:
        """Close the positions on a symbol; one that is being closed already is left alone.

        An exit closes what our own strategy holds: what another opened on the account is his to close. A session that
        ends closes all of them, for its account ends with it.
        """
        seat, is_ending = self.desk.seats[name], trading.stop_reason is not None
        for position, attempt in await self.turns.outside(lambda: self._closable(name, is_ending=is_ending)):
            last = trading.last.get(name)
            live = trading.live(seat, trading.state.symbols[name], last) if last else Live()
            decided = await self.turns.outside(
                lambda position=position, attempt=attempt, live=live: ordering.leave(  # type: ignore[misc]  # bound now
                    self.desk, seat, position, key=f"{position.position_id}:{key}:{attempt}", live=live, at=self.now()
                )
            )
            for order_id in decided.orders:
                await self.carry(trading, order_id)

    def _closable(self, name: str, *, is_ending: bool) -> list[tuple[Position, int]]:
        """Return the open positions on a symbol that no order is closing, and how often each was tried."""
        account_id = self.desk.account.pk
        positions = execution_queries.open_positions(account_id, name)
        found = []
        for position in positions if is_ending else positions.filter(strategy=STRATEGY):
            closing = execution_queries.orders().filter(account_id=account_id, position_id=position.position_id)
            if not closing.filter(settled_at=None).exists():
                found.append((position, closing.count()))
        return found

    def may_close(self, seat: Seat) -> bool:
        """Tell whether the market is open for an exit, by the venue's clock."""
        return self.venue_at is None or calendar.is_open(seat.row.sessions, self.venue_at)

    def is_flat(self, trading: Trading) -> bool:
        """Tell whether neither book nor venue holds anything, and nothing is on its way."""
        return not trading.books.positions and self.at_venue == set() and not self.in_flight and not trading.is_acting

    async def ping(self) -> str:
        """Return who the gateway says the account is, as one text. Raises what the wire raises."""
        found = await self.wire.ping(self.desk.account.login, timeout_ms=PING_MS)
        return f"{found.login} {found.server} {found.trade_mode} {found.margin_mode} {found.currency}"

    async def follow(self, trading: Trading) -> None:
        """Watch what the venue holds; where it differs from the book, book what it did by itself.

        A deal that is told of is looked for at once, and until the history shows it. Telling is a doorbell: the deal
        comes from the history and finds its order by the key, so that it is booked once, whether the answer to an order
        of ours is before or behind it.
        """
        rounds = 0
        while True:
            try:
                await self._sync(trading, is_due=bool(self.missing) or rounds % HISTORY_EVERY == 0)
                rounds += 1
            except Refusal as refused:
                self.at_venue = None
                telemetry.say(Tag.ZMQ_ERROR, f"{refused.code} {refused.detail}", level=logging.WARNING)
            await self._listen()

    async def _listen(self) -> None:
        """Wait for the next look; a deal that is told of meanwhile, and that nobody has seen, ends the wait."""
        told = set(await self.deals.wait(SYNC_S)) - self.shown
        if told:  # those of our own orders mostly came with their answers
            booked = await self.turns.outside(lambda: execution_queries.booked_deals(self.desk.account.pk, list(told)))
            self.missing |= told - booked

    async def _sync(self, trading: Trading, *, is_due: bool) -> None:
        login = self.desk.account.login
        answer = await self.wire.read("GET_POSITIONS", login, {}, timeout_ms=READ_MS)
        positions = gateway_records.positions(answer)
        trading.books.swap_accrued = sum(position.swap for position in positions)
        held = {position.position_id for position in positions}
        is_other = held != {position.position_id for position in trading.books.positions}
        if is_due or is_other or trading.stop_reason is not None:
            await self._adopt(trading)
        await self._look_at_orders()
        self.at_venue = held

    async def _adopt(self, trading: Trading) -> None:
        """Book what the venue's history has and the book does not."""
        window = {"time_from": int(self.history_from.timestamp()), "time_to": None, "symbol": None}
        answer = await self.wire.read("GET_HISTORY", self.desk.account.login, window, timeout_ms=READ_MS)
        history = gateway_records.history(answer)

        def adopt() -> booking.Adopted:
            adopted = booking.adopt(history, account=self.desk.account, actor=self.desk.actor, at=self.now())
            self._read(trading)
            return adopted

        adopted = await self.turns.outside(adopt)
        if adopted.booked:
            telemetry.say(
                Tag.MT5_FILLED, f"{adopted.booked} from the history, {adopted.venue_initiated} of the venue's own"
            )
        self.shown = {str(deal.deal) for deal in history.deals}
        self.missing -= self.shown
        self.venue_at = history.complete_through
        self.history_from = history.complete_through - OVERLAP

    async def _look_at_orders(self) -> None:
        account_id = self.desk.account.pk
        orders = await self.turns.outside(
            lambda: list(execution_queries.in_flight(account_id).values_list("symbol", "state"))
        )
        self.in_flight = len(orders)
        self.unknown = {}
        for symbol, state in orders:
            if state == "UNKNOWN":
                self.unknown[symbol] = self.unknown.get(symbol, 0) + 1
