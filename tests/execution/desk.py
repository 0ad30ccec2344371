"""A desk that may trade: an account with its symbol map, its identity proved and a price a moment ago."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from execution.models import AccountCheck
from execution.queries import expected_identity
from execution.rules.facts import Live, Loss, Wish
from execution.rules.proposals import Proposal
from guardian.models import Symbol
from tests.execution.facts import LOT, USD, VENUE_AT
from tests.support.factories import NOON, make_account

if TYPE_CHECKING:
    from datetime import datetime

    from approvals.models import Account

ALWAYS_OPEN = {"calendar": "CRYPTO", "timezone": "UTC", "day_ends": "00:00", "weekly": [], "always_open": True}
LOSS = Loss(limit=100 * USD, opening_equity=10_000 * USD, flows=0, equity=10_000 * USD)


def make_symbol(account: Account, *, at: datetime = NOON, **changed: Any) -> Symbol:
    """Return BTCUSD.s in the account's symbol map, with a tick received at `at`."""
    stated: dict[str, Any] = {
        "symbol": "BTCUSD.s",
        "venue_symbol": "BTCUSD.s",
        "digits": 2,
        "point": Decimal("0.01"),
        "tick_size": Decimal("0.01"),
        "tick_value": Decimal("0.01"),
        "contract_size": Decimal(1),
        "volume_min": LOT // 1000,
        "volume_step": LOT // 1000,
        "volume_max": 100 * LOT,
        "stops_level": 100,
        "sessions": ALWAYS_OPEN,
        "base_asset": "BTC",
        "quote_asset": "USD",
        "registered_at": at,
        "bid": Decimal("16000.00"),
        "ask": Decimal("16010.00"),
        "seq": 1,
        "venue_at": VENUE_AT,
        "received_at": at,
    }
    return Symbol.objects.create(account=account, **{**stated, **changed})


def make_trading_account(*, at: datetime = NOON, **changed: Any) -> Account:
    """Return an account on which every fact of the gate is good at `at`."""
    account = make_account(**changed)
    identity = expected_identity(account)
    AccountCheck.objects.create(account=account, expected=identity, actual=identity, checked_at=at)
    make_symbol(account, at=at)
    return account


def proposal(account: Account, *, key: str = "", **changed: Any) -> Proposal:
    """Return a proposal to buy 0.01 lots at the market; `changed` are fields of the wish or of the proposal."""
    own = {name: changed.pop(name) for name in list(changed) if name in PROPOSAL_FIELDS}
    terms: dict[str, Any] = {"strategy": "pulse", "symbol": "BTCUSD.s", "side": "BUY", "quantity": LOT // 100}
    wish = Wish(account=account.code, **{**terms, **changed})
    return Proposal(key=key or str(uuid.uuid4()), wish=wish, **{"responsible": "alice", **own})


PROPOSAL_FIELDS = ("responsible", "mode", "position_id", "magic", "carrier", "epoch_known", "api_key")
IN_SESSION = Live(loss=LOSS)
