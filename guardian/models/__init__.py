"""Which rows does this app own? Django looks for them here."""

from guardian.models.health import Canary, Heartbeat, ScheduledRun
from guardian.models.symbols import Symbol

__all__ = ["Canary", "Heartbeat", "ScheduledRun", "Symbol"]
