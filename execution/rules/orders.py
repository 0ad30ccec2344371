"""How may an order's state change, and what does an answer of the venue make of it?"""

from __future__ import annotations

from typing import Final

from crs.kernel.lifecycle import Lifecycle

# NEW        stored with its client_order_id; nothing has been sent
# SENT       handed to the wire; the answer is awaited
# PARTIAL    some of it is filled; the rest is working, or was dropped by the venue (then `settled_at` is set)
# UNKNOWN    the answer did not come; asked about by the same id until the venue is definite, never sent again
# FAILED     the venue's complete history proves that it never arrived
ORDER: Final = Lifecycle(
    {
        "NEW": frozenset({"SENT", "CANCELLED"}),
        "SENT": frozenset({"SENT", "PARTIAL", "FILLED", "REJECTED", "CANCELLED", "UNKNOWN"}),
        "PARTIAL": frozenset({"PARTIAL", "FILLED", "CANCELLED", "UNKNOWN"}),
        "UNKNOWN": frozenset({"UNKNOWN", "SENT", "PARTIAL", "FILLED", "REJECTED", "CANCELLED", "FAILED"}),
        "FILLED": frozenset(),
        "REJECTED": frozenset(),
        "CANCELLED": frozenset(),
        "FAILED": frozenset(),
    }
)

IN_FLIGHT: Final = ("NEW", "SENT", "PARTIAL", "UNKNOWN")  # with `settled_at` null
ASKED_ABOUT: Final = ("SENT", "UNKNOWN")
