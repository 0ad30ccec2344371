"""How may an order's state change, and what does an answer of the venue make of it?"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from crs.kernel.lifecycle import Lifecycle

if TYPE_CHECKING:
    from datetime import datetime

    from execution.rules.wire import Outcome

# NEW        stored with its client_order_id; nothing has been sent
# SENT       handed to the wire; the answer is awaited, or the venue works on it
# PARTIAL    some of it is filled; the rest is working, or was dropped by the venue (then `settled_at` is set)
# UNKNOWN    the answer did not come; asked about by the same id until the venue is definite, never sent again
# FAILED     the venue's complete history proves that it never arrived
ORDER: Final = Lifecycle(
    {
        "NEW": frozenset({"SENT", "CANCELLED"}),
        "SENT": frozenset({"PARTIAL", "FILLED", "REJECTED", "CANCELLED", "UNKNOWN"}),
        "PARTIAL": frozenset({"FILLED", "CANCELLED", "UNKNOWN"}),
        "UNKNOWN": frozenset({"SENT", "PARTIAL", "FILLED", "REJECTED", "CANCELLED", "FAILED"}),
        "FILLED": frozenset(),
        "REJECTED": frozenset(),
        "CANCELLED": frozenset(),
        "FAILED": frozenset(),
    }
)
FINAL: Final = ORDER.final
UNSETTLED: Final = ("NEW", "SENT", "UNKNOWN")  # PARTIAL is settled once the venue has dropped the rest

SIDES: Final = ("BUY", "SELL")
TYPES: Final = ("MARKET", "LIMIT", "STOP")
CARRIERS: Final = ("SLICE", "TASK")  # who takes a NEW order to the wire: the trading slice itself, or a worker's task
FOREIGN: Final = "FOREIGN"  # the strategy of trades that are not ours

# A request is worth nothing to the gateway 5 s after its time stamp, and the gateway's own waiting ends after 4 s.
# A key that is not in a history complete through later than both will never be.
EXPIRY: Final = timedelta(seconds=5)
BUDGET: Final = timedelta(seconds=4)


def state_after(
    state: str, outcome: Outcome, *, quantity: int, filled: int, is_settled: bool, sent_at: datetime
) -> str:
    """Return the state that an outcome leads to; `filled` counts the deals that are booked, those of the outcome too.

    What is final stays, and deals count more than words: FILLED without its deals stays an open question, and "not
    found" ends an order only by a receipt later than it could still arrive, and only without a deal.
    """
    if state in FINAL or is_settled:
        return state
    if filled >= quantity:
        return "FILLED"
    if outcome.state == "NOT_FOUND":
        arrives_no_more = outcome.complete_through is not None and outcome.complete_through > sent_at + EXPIRY + BUDGET
        # Only what is UNKNOWN may fail: a resting order that the venue forgot is an open question first.
        wanted = "FAILED" if arrives_no_more and not filled and state == "UNKNOWN" else "UNKNOWN"
    elif outcome.state == "FILLED":
        wanted = "UNKNOWN"
    elif filled and outcome.state in ("SENT", "REJECTED"):
        wanted = "PARTIAL"
    else:
        wanted = outcome.state
    return wanted if wanted in ORDER.moves[state] else state
