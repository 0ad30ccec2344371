"""What does approvals remember? One file per noun."""

from approvals.models.desks import Account, Book, Desk, MarginMode, TradeMode, Venue, VenueKind
from approvals.models.evidence import AuditEvent
from approvals.models.halts import (
    HaltAction,
    HaltEpoch,
    HaltRelease,
    HaltState,
    KillSwitch,
    KillSwitchEvent,
    Mode,
    ModeName,
    Positions,
    ReleaseState,
)
from approvals.models.keys import AnswerState, ApiKey, IdempotentAnswer, KeyKind
from approvals.models.limits import LimitKind, LossLimit

__all__ = [
    "Account",
    "AnswerState",
    "ApiKey",
    "AuditEvent",
    "Book",
    "Desk",
    "HaltAction",
    "HaltEpoch",
    "HaltRelease",
    "HaltState",
    "IdempotentAnswer",
    "KeyKind",
    "KillSwitch",
    "KillSwitchEvent",
    "LimitKind",
    "LossLimit",
    "MarginMode",
    "Mode",
    "ModeName",
    "Positions",
    "ReleaseState",
    "TradeMode",
    "Venue",
    "VenueKind",
]
