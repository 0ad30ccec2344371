"""What does approvals remember? One file per noun."""

from approvals.models.desks import Account, Book, Desk, MarginMode, TradeMode, Venue, VenueKind
from approvals.models.evidence import AuditEvent

__all__ = ["Account", "AuditEvent", "Book", "Desk", "MarginMode", "TradeMode", "Venue", "VenueKind"]
