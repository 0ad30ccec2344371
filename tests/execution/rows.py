"""Rows of execution, as raw as the attacks on them need."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from execution.models import Fill, Intent, Order
from ledger import queries
from ledger.operations import accounts, posting
from ledger.rules.posting import Entry
from tests.execution.facts import LOT, USD
from tests.support.cast import ALICE
from tests.support.factories import NOON

if TYPE_CHECKING:
    from approvals.models import Account


def intent_row(account: Account, **changed: Any) -> Intent:
    """Return an allowed intent on 0.01 lots of BTCUSD.s."""
    wanted: dict[str, Any] = {
        "desk_id": account.desk_id,
        "account": account,
        "strategy": "pulse",
        "responsible": "alice",
        "symbol": "BTCUSD.s",
        "side": "BUY",
        "quantity": LOT // 100,
        "principal": "person:alice",
        "key": str(uuid.uuid4()),
        "digest": bytes(32),
        "mode": "MANAGED",
        "result": "ALLOWED",
        "rules": [],
        "added": LOT // 100,
        "epoch": 0,
        "decided_at": NOON,
        "permit_expires_at": NOON + timedelta(seconds=10),
    }
    return Intent.objects.create(**{**wanted, **changed})


def order_row(account: Account, **changed: Any) -> Order:
    """Return a new order of a new intent."""
    wanted: dict[str, Any] = {
        "intent": changed.get("intent") or intent_row(account),
        "client_order_id": uuid.uuid4(),
        "carrier": "TASK",
        "epoch": 0,
        "desk_id": account.desk_id,
        "account": account,
        "strategy": "pulse",
        "responsible": "alice",
        "symbol": "BTCUSD.s",
        "side": "BUY",
        "quantity": LOT // 100,
        "created_at": NOON,
        "expires_at": NOON + timedelta(seconds=10),
    }
    return Order.objects.create(**{**wanted, **changed})


def journal_id(account: Account) -> int:
    """Return a journal of the account: one dollar brought in."""
    queries.forget()  # assets of an earlier test are rolled back
    chart = accounts.open_chart(account, actor=ALICE, at=NOON)
    usd = queries.asset("USD").id
    entry = Entry(
        key=str(uuid.uuid4()),
        desk=account.desk_id,
        account=account.id,
        kind="FUNDING",
        book=account.book,
        occurred_at=NOON,
        memo="",
        accounts=(chart.venue, chart.external),
        assets=(usd, usd),
        units=(USD, -USD),
    )
    return posting.post(entry, actor=ALICE).id


def fill_row(account: Account, **changed: Any) -> Fill:
    """Return a fill of 0.01 lots at 16,000."""
    wanted: dict[str, Any] = {
        "desk_id": account.desk_id,
        "account": account,
        "strategy": "pulse",
        "responsible": "alice",
        "symbol": "BTCUSD.s",
        "side": "BUY",
        "quantity": LOT // 100,
        "journal_id": journal_id(account),
        "deal": str(uuid.uuid4().int % 10**9),
        "entry": "IN",
        "reason": "EXPERT",
        "price": 16_000,
        "occurred_at": NOON,
        "booked_at": NOON,
    }
    return Fill.objects.create(**{**wanted, **changed})
