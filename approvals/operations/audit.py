"""How does a decision get into the evidence? Inside the transaction that makes it, by one call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from approvals.models import AuditEvent

if TYPE_CHECKING:
    from datetime import datetime

    from crs.kernel.actor import Actor


def record(
    *,
    action: str,
    actor: Actor,
    subject_kind: str,
    subject_id: str | int,
    at: datetime,
    desk_id: int | None = None,
    reason: str = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    request_id: str = "",
    facts: dict[str, Any] | None = None,
    ip: str | None = None,
    login: str = "",
) -> int:
    """Append one event to the evidence and return its id; it commits or vanishes with the caller's transaction.

    `action` is dotted and in the past tense, app first: `approvals.halt.engaged`. `subject_kind` is the app and the
    noun: `approvals.account`. Documents hold text, int, bool, None and aware datetimes; a float raises `TypeError`.
    """
    return AuditEvent.write(
        action=action,
        actor=actor,
        subject_kind=subject_kind,
        subject_id=str(subject_id),
        at=at,
        desk_id=desk_id,
        reason=reason,
        request_id=request_id,
        before=before,
        after=after,
        facts=facts,
        ip=ip,
        login=login,
    )
