"""What goes to a venue and what comes back? Plain values, between the adapter that speaks and the operation that books.

An outside call has three answers: the venue did it, the venue refused it, or nobody knows. The third is `UNKNOWN`, and
is resolved by asking with the same key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from execution.rules.facts import OrderType, Side
    from guardian.adapters.gateway_records import Deal

OutcomeState = Literal["SENT", "PARTIAL", "FILLED", "REJECTED", "CANCELLED", "UNKNOWN", "NOT_FOUND"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """An order that stands as SENT in the database and may now go to the wire, once.

    `key` is its idempotency key, `decision_id` the intent whose permit it uses, `epoch` the one it was decided under,
    `login` the account at the gateway. With `position_id` it closes; volumes are 10⁻⁸ lots.
    """

    order_id: int
    account_id: int
    login: str
    key: str
    decision_id: str
    epoch: int
    symbol: str
    side: Side
    order_type: OrderType
    quantity: int
    price: Decimal | None
    stop_loss: Decimal | None
    take_profit: Decimal | None
    reduce_only: bool
    position_id: str
    magic: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What is known about an order now.

    `is_settled`: the venue will do nothing more with it. `complete_through` is the venue's receipt on its history, in
    wall time: NOT_FOUND counts only when it is later than the order could still arrive.
    """

    state: OutcomeState
    code: str = ""
    message: str = ""
    retcode: int | None = None
    venue_order: str = ""
    deals: tuple[Deal, ...] = ()
    is_settled: bool = True
    complete_through: datetime | None = None


NO_ANSWER = Outcome(state="UNKNOWN", code="NO_ANSWER", message="no answer in time; asked about, never resent")

NOT_SENT = Outcome(state="CANCELLED", code="GATEWAY_UNREACHABLE", message="no connection; nothing was sent")

# What the venue does on a position of ours without an order of ours: booked with its reason, and no break.
VENUE_REASONS = ("SL", "TP", "SO", "ROLLOVER", "KILL_SWITCH", "CORRECTION")
