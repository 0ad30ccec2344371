"""How may a session's state change?"""

from __future__ import annotations

from typing import Final

from crs.kernel.lifecycle import Lifecycle

# OPENING  its account is opened at the venue, its symbols registered, the deposit booked
# RUNNING  slices trade it
# CLOSING  no new risk; positions are closed until the venue reports zero; then the figures are compared
# ENDED    flat, compared, reported
# HALTED   the same, but stopped by its loss limit or a kill switch
# FAILED   it could not be opened, or could not go on; what it left is in `error`
SESSION: Final = Lifecycle(
    {
        "OPENING": frozenset({"RUNNING", "CLOSING", "FAILED"}),
        "RUNNING": frozenset({"CLOSING"}),
        "CLOSING": frozenset({"ENDED", "HALTED", "FAILED"}),
        "ENDED": frozenset(),
        "HALTED": frozenset(),
        "FAILED": frozenset(),
    }
)

OPEN: Final = tuple(state for state in SESSION.states if state not in SESSION.final)  # they count against SESSIONS_MAX

SESSION_LOSS: Final = "SESSION_LOSS"
KILL_SWITCH: Final = "KILL_SWITCH"
