"""A desk at a real venue: the paper gateway in its own process, an account there, and our rows about it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db.models import F

from approvals.models import Book, MarginMode, VenueKind
from approvals.operations import desks
from approvals.rules.scope import Subject
from crs.kernel import clock
from execution import queries
from execution.models import Order
from execution.operations import booking, gate, identity, orders
from execution.rules.facts import Live, Loss, Tick
from guardian.models import Symbol
from guardian.operations import symbols
from ledger.operations import accounts
from tests.execution.desk import proposal
from tests.execution.facts import USD
from tests.support.cast import ALICE, WORKER
from tests.support.factories import make_desk
from tests.support.paper_gateway import open_account

if TYPE_CHECKING:
    from datetime import datetime

    from approvals.models import Account
    from execution.operations.gate import Decided
    from execution.operations.orders import Recorded
    from guardian.adapters.gateway_mt5.blocking import BlockingWire
    from guardian.adapters.gateway_records import Deal, Position

SYMBOL = "BTCUSD.s"
PRICE = Decimal("17000.00")  # about what the replay of 20 December 2017 begins at
MAGIC = 202601


@dataclass
class VenueDesk:
    """An account at the venue and in our book; Alice proposes, our worker carries."""

    account: Account
    wire: BlockingWire

    @classmethod
    def open(cls, wire: BlockingWire, *names: str, mode: str = "HEDGING", **terms: Any) -> VenueDesk:
        """Open an account at the venue as a session does, and prove who it is."""
        names = names or (SYMBOL,)
        terms = {"speed": 1, **terms}  # as slow as the wall clock: prices stand still while a test thinks
        login = open_account(wire, *names, mode=mode, **terms)
        now = clock.now()
        found = wire.ping(login)
        venue = desks.open_venue(code="PAPER", name="Paper gateway", kind=VenueKind.PAPER, actor=ALICE, at=now)
        account = desks.open_account(
            desk=make_desk(),
            venue=venue,
            code=f"PAPER-{login}-{uuid.uuid4().hex[:6]}".upper(),
            book=Book.PAPER,
            login=login,
            server=found.server,
            margin_mode=MarginMode(mode),
            actor=ALICE,
            at=now,
        )
        accounts.open_chart(account, actor=ALICE, at=now)
        for name in names:
            symbols.register(account=account, info=wire.symbol_info(login, name).stated, actor=ALICE, at=now)
        desk = cls(account, wire)
        assert identity.ask(account, wire=wire, actor=WORKER, at=now)
        desk.adopt()
        return desk

    # ── What a slice would see ────────────────────────────────────────────────────────────────────────────────────────
    def live(self) -> Live:
        """Return a price of this moment and a session without a loss."""
        now = clock.now()
        venue_at = self.wire.account(self.account.login).venue_at
        row = queries.symbol_row(self.account.id, SYMBOL)
        market = queries.market_facts(row, venue_at)
        held = [position.current_price for position in self.positions() if position.symbol == SYMBOL]
        price = held[0] if held else PRICE
        tick = Tick(bid=price, ask=price, received_at=now)
        loss = Loss(limit=100 * USD, opening_equity=10_000 * USD, flows=0, equity=10_000 * USD)
        return Live(tick=tick, market=market, loss=loss)

    def subject(self) -> Subject:
        """Return what a halt would cover here."""
        return Subject(
            desk=self.account.desk.code,
            venue=self.account.venue.code,
            account=self.account.code,
            strategy="pulse",
            symbol=SYMBOL,
        )

    def show_price(self, *, at: datetime) -> None:
        """Write the last tick into the symbol map, as the listener does."""
        venue_at = self.wire.account(self.account.login).venue_at
        Symbol.objects.filter(account=self.account).update(
            bid=PRICE, ask=PRICE, received_at=at, venue_at=venue_at, seq=F("seq") + 1
        )

    def decide(self, **wanted: Any) -> Decided:
        """Propose as Alice; by default 0.01 lots bought at the market."""
        wish = proposal(self.account, **{"magic": MAGIC, **wanted})
        return gate.decide(wish, actor=ALICE, at=clock.now(), live=self.live())

    def decide_without_venue(self) -> Decided:
        """Propose while the venue is away: nothing fresher than the rows is known."""
        return gate.decide(proposal(self.account), actor=ALICE, at=clock.now())

    def carry(self, decided: Decided) -> Recorded:
        """Take the decision's one order to the venue."""
        assert decided.is_allowed, decided.intent.rules
        recorded = orders.carry(decided.orders[0], actor=WORKER, at=clock.now())
        assert recorded is not None
        return recorded

    def trade(self, **wanted: Any) -> Order:
        """Propose, decide, send, record: return the order as it stands then."""
        return Order.objects.get(id=self.carry(self.decide(**wanted)).order_id)

    # ── What the venue and the book say ───────────────────────────────────────────────────────────────────────────────
    def deals(self) -> list[Deal]:
        """Return the executions that the venue has."""
        history = self.wire.history(self.account.login, start=queries.EVER, end=queries.NEVER)
        return [deal for deal in history.deals if deal.type in ("BUY", "SELL")]

    def positions(self) -> tuple[Position, ...]:
        """Return the positions that the venue holds."""
        return self.wire.positions(self.account.login)

    def adopt(self) -> booking.Adopted:
        """Book what the venue's history has and our book does not."""
        start = queries.history_start(self.account.id)
        history = self.wire.history(self.account.login, start=start, end=queries.NEVER)
        return booking.adopt(history, account=self.account, actor=WORKER, at=clock.now())
