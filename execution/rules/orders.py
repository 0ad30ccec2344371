"""How may an order's state change?"""

from __future__ import annotations

from typing import Final

from crs.kernel.lifecycle import Lifecycle

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
