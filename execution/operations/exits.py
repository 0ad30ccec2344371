"""Who closes what has to be closed? A FORCE_CLOSE mode and a CLOSE halt are rows; here they are carried out.

Each second, until the venue itself reports that nothing is left. Closing asks nobody: every exit passes the gate as a
reduction, is an order like any other, and is booked like any other.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from approvals import queries as approvals_queries
from approvals.rules import scope as scopes
from approvals.rules.scope import Subject
from execution import queries
from execution.operations import booking, gate, orders
from execution.rules.facts import Wish
from execution.rules.orders import FOREIGN
from execution.rules.proposals import Proposal
from guardian.adapters.gateway_mt5.address import GatewayKeyMissing
from guardian.adapters.gateway_mt5.answers import GatewayRejected, GatewaySilent, GatewayUnreachable
from guardian.adapters.gateway_mt5.blocking import reading

if TYPE_CHECKING:
    from datetime import datetime

    from approvals.models import Account
    from approvals.rules.halts import Halts
    from crs.kernel.actor import Actor
    from guardian.adapters.gateway_mt5.blocking import BlockingWire
    from guardian.adapters.gateway_records import Position as VenuePosition

log = logging.getLogger(__name__)
# A closing order that the venue refused (a closed market, no quote) is tried again after this many seconds.
RETRY_S: Final = 5


@dataclass(frozen=True, slots=True)
class Carried:
    """What one round did: accounts looked at, closing orders sent, resting orders cancelled, positions left."""

    accounts: int
    closing: int
    cancelled: int
    left: int


def carry_out(*, actor: Actor, at: datetime) -> Carried:
    """Close and cancel what FORCE_CLOSE and CLOSE cover, one round, and book what the venue did meanwhile.

    1. Nothing of the kind stands: one statement, and done.
    2. Ask the venue for its positions: it is the truth, our copy may be behind.
    3. Close each covered position that no order is closing yet; cancel covered resting orders.
    4. Book the deals that the venue made by itself, such as those of its own kill switch.
    """
    halts = approvals_queries.halts()
    if not _closes_anything(halts):
        return Carried(0, 0, 0, 0)
    looked = closed = cancelled = left = 0
    try:
        with reading() as wire:
            for account in queries.venue_accounts():
                if not _may_cover(halts, account):
                    continue
                looked += 1
                held = [row for row in wire.positions(account.login) if _is_closed(halts, account, row)]
                cancelled += _cancel_resting(account, halts, wire=wire, actor=actor, at=at)
                venue_at = wire.account(account.login).venue_at if held else None
                closed += sum(_close(account, row, venue_at=venue_at, actor=actor, at=at) for row in held)
                left += len(held)
                _catch_up(account, wire=wire, actor=actor, at=at)
    except (GatewayUnreachable, GatewaySilent, GatewayKeyMissing, GatewayRejected) as refusal:
        log.warning("exits wait for the gateway: %s", refusal)
    return Carried(looked, closed, cancelled, left)


def close_position(account: Account, row: VenuePosition, *, key: str, actor: Actor, at: datetime) -> bool:
    """Close one position of the venue at the market, and return whether an order went out."""
    copy = queries.open_positions(account.id).filter(position_id=str(row.position_id)).first()
    decided = gate.decide(
        Proposal(
            key=key,
            wish=Wish(
                account=account.code,
                strategy=copy.strategy if copy else FOREIGN,
                symbol=row.symbol,
                side="SELL" if row.type == "BUY" else "BUY",
                quantity=row.volume,
                reduce_only=True,
            ),
            responsible=copy.responsible if copy else actor.name,
            position_id=str(row.position_id),
            magic=row.magic,
            carrier="SLICE",  # sent right here
        ),
        actor=actor,
        at=at,
    )
    sent = [orders.carry(order_id, actor=actor, at=at) for order_id in decided.orders]
    return any(recorded is not None for recorded in sent)


def _close(account: Account, row: VenuePosition, *, venue_at: datetime | None, actor: Actor, at: datetime) -> bool:
    if queries.is_closing(account.id, str(row.position_id)):
        return False
    market = queries.market_facts(queries.symbol_row(account.id, row.symbol), venue_at)
    if market is not None and not market.is_open:
        return False  # the venue would refuse; when the market opens, it is closed at once
    # One try each few seconds: the key is the try, so that two workers of one second send one order.
    key = f"exit:{account.code}:{row.position_id}:{int(at.timestamp()) // RETRY_S}"
    return close_position(account, row, key=key, actor=actor, at=at)


def _cancel_resting(account: Account, halts: Halts, *, wire: BlockingWire, actor: Actor, at: datetime) -> int:
    count = 0
    for order in queries.resting(account.id):
        if _covers(halts, _subject(account, strategy=order.strategy, symbol=order.symbol)):
            orders.cancel(order, wire=wire, actor=actor, at=at)
            count += 1
    return count


def _catch_up(account: Account, *, wire: BlockingWire, actor: Actor, at: datetime) -> None:
    history = wire.history(account.login, start=queries.history_start(account.id), end=queries.NEVER)
    booking.adopt(history, account=account, actor=actor, at=at)


def _closes_anything(halts: Halts) -> bool:
    return any(halt.positions == "CLOSE" for halt in halts.engaged) or any(
        moded.mode == "FORCE_CLOSE" for moded in halts.modes
    )


def _may_cover(halts: Halts, account: Account) -> bool:
    """Return whether something that closes can touch this account: its own scopes, or a narrower one anywhere."""
    closing = [halt.scope for halt in halts.engaged if halt.positions == "CLOSE"]
    closing += [moded.scope for moded in halts.modes if moded.mode == "FORCE_CLOSE"]
    subject = _subject(account)
    return any(scope.kind in ("STRATEGY", "SYMBOL") or scopes.covers(scope, subject) for scope in closing)


def _is_closed(halts: Halts, account: Account, row: VenuePosition) -> bool:
    copy = queries.open_positions(account.id).filter(position_id=str(row.position_id)).first()
    return _covers(halts, _subject(account, strategy=copy.strategy if copy else FOREIGN, symbol=row.symbol))


def _covers(halts: Halts, subject: Subject) -> bool:
    if any(halt.positions == "CLOSE" for halt in halts.covering(subject)):
        return True
    return any(moded.mode == "FORCE_CLOSE" and scopes.covers(moded.scope, subject) for moded in halts.modes)


def _subject(account: Account, *, strategy: str = "", symbol: str = "") -> Subject:
    return Subject(
        desk=account.desk.code, venue=account.venue.code, account=account.code, strategy=strategy, symbol=symbol
    )
