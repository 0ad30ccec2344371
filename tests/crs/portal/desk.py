"""A desk for pages to show: one running session with its account, symbols, fills and marks, made by the operations."""

from __future__ import annotations

import html
import re
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crs.kernel import clock
from execution.models import Fill, Intent, Order
from guardian.models import Symbol
from ledger.models import NavMark
from ledger.operations.venue import book_deal
from ledger.queries import asset
from ledger.rules.venue_recipes import VenueDeal
from strategies.models import Session, SymbolRun
from tests.support.cast import ALICE
from tests.support.factories import make_account, make_chart

if TYPE_CHECKING:
    from django.test import Client

    from approvals.models import Account

M = 10**6
REPORT = {
    "symbols": {"BTCUSD.s": {"synthetic": False}},
    "reconciled": True,
    "ledger_nav_change": "-100.00",
    "gateway_equity_change": "-100.00",
    "slots_total": 4,
    "slots_concurrent": 4,
    "lag_ms": {"p50": "1.20", "p99": "4.00"},
    "duration_s": "60.000",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """The rows of the desk."""

    account: Account
    session: Session
    journal_id: int
    at: datetime


def show(**changes: Any) -> Shown:
    """Make the desk; `changes` are columns of the session."""
    at = clock.now()
    account = make_account(at=at)
    make_chart(account=account, at=at)
    deposit = VenueDeal(
        deal=1,
        order=1,
        position_id=0,
        entry="NONE",
        type="BALANCE",
        reason="CLIENT",
        symbol="",
        base_asset="",
        volume=0,
        price=Decimal(0),
        profit=100_000 * M,
        commission=0,
        fee=0,
        swap=0,
        notional=0,
        magic=0,
        occurred_at=at,
    )
    journal_id = book_deal(deposit, account_id=account.id, actor=ALICE).id
    told = {
        "state": "RUNNING",
        "opening_equity_units": 100_000 * M,
        "nav_units": 99_900 * M,
        "created_at": at - timedelta(minutes=6),
        "started_at": at - timedelta(minutes=5),
        **changes,
    }
    session = Session.objects.create(
        key=uuid.uuid4(),
        desk=account.desk,
        account=account,
        actor="person:alice",
        config={},
        config_version="v1",
        currency="USD",
        max_loss_units=1000 * M,
        duration_s=0,
        speed=60,
        venue_start=at,
        seed=1,
        **told,
    )
    for name, is_synthetic in (("BTCUSD.s", False), ("XAUUSD.s", True)):
        symbol(account, name, at=at, is_synthetic=is_synthetic)
        SymbolRun.objects.create(session=session, symbol=name, magic=1, trades=2, fills=4, pnl_units=-50 * M)
    for step in range(3):
        NavMark.objects.create(
            account=account,
            currency=asset("USD"),
            at=at - timedelta(seconds=10 * (3 - step)),
            venue_at=at,
            cash=(100_000 - step) * M,
            unrealised=0,
            swap_accrued=0,
            nav=(100_000 - step) * M,
            flows=100_000 * M,
            positions=0,
            marks={},
        )
    return Shown(account, session, journal_id, at)


def symbol(account: Account, name: str, *, at: datetime, is_synthetic: bool = False) -> Symbol:
    """Make one watched symbol that ticked at `at`."""
    return Symbol.objects.create(
        account=account,
        symbol=name,
        venue_symbol=name,
        digits=2,
        point=Decimal("0.01"),
        tick_size=Decimal("0.01"),
        tick_value=Decimal(1),
        contract_size=Decimal(1),
        volume_min=M,
        volume_step=M,
        volume_max=10**10,
        base_asset="BTC",
        quote_asset="USD",
        is_synthetic=is_synthetic,
        registered_at=at,
        bid=Decimal("14267.10"),
        ask=Decimal("14267.28"),
        seq=7,
        venue_at=at,
        received_at=at,
        sessions={"always_open": True},
    )


def order(account: Account, *, at: datetime) -> Order:
    """Make an allowed intent with its order, not sent yet."""
    shared: dict[str, Any] = {
        "desk": account.desk,
        "account": account,
        "strategy": "ema-cross",
        "responsible": "alice",
        "symbol": "BTCUSD.s",
        "side": "BUY",
        "quantity": M,
    }
    intent = Intent.objects.create(
        **shared,
        principal="person:alice",
        key=str(uuid.uuid4()),
        digest=bytes(32),
        mode="MANAGED",
        result="ALLOWED",
        rules=[
            {"name": "kill_switch", "verdict": "PASS", "code": "", "limit": "", "actual": "", "headroom": ""},
            {
                "name": "stale_tick",
                "verdict": "REFUSE",
                "code": "STALE_TICK",
                "limit": "2000",
                "actual": "2500",
                "headroom": "-500",
            },
        ],
        added=M,
        epoch=1,
        decided_at=at,
        permit_expires_at=at,
    )
    return Order.objects.create(
        **shared, intent=intent, client_order_id=uuid.uuid4(), carrier="TASK", epoch=1, created_at=at, expires_at=at
    )


def fill(order: Order, *, journal_id: int, deal: str, at: datetime, **changes: Any) -> Fill:
    """Make the fill of an order, whose journal is one that is there."""
    told: dict[str, Any] = {
        "desk": order.desk,
        "account": order.account,
        "strategy": order.strategy,
        "responsible": order.responsible,
        "symbol": order.symbol,
        "side": order.side,
        "quantity": order.quantity,
        "order_id": order.pk,
        "journal_id": journal_id,
        "deal": deal,
        "venue_order": deal,
        "position_id": deal,
        "entry": "IN",
        "reason": "EXPERT",
        "price": Decimal("14267.10"),
        "commission": -M,
        "occurred_at": at,
        "booked_at": at,
        **changes,
    }
    return Fill.objects.create(**told)


def words(browser: Client, path: str = "/admin/") -> str:
    """Return the text of a page."""
    answer = browser.get(path)
    assert answer.status_code == 200
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())
