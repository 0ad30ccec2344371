"""Who came in, and who left? A sign-in is evidence like every other decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from approvals.operations import audit

if TYPE_CHECKING:
    from datetime import datetime

    from crs.kernel.actor import Actor


def record_signed_in(*, actor: Actor, address: str, at: datetime, request_id: str = "") -> None:
    """Leave that a person signed in, and from where."""
    _record("approvals.session.opened", actor=actor, address=address, at=at, request_id=request_id)


def record_signed_out(*, actor: Actor, address: str, at: datetime, request_id: str = "") -> None:
    """Leave that a person signed out."""
    _record("approvals.session.closed", actor=actor, address=address, at=at, request_id=request_id)


def _record(action: str, *, actor: Actor, address: str, at: datetime, request_id: str) -> None:
    audit.record(
        action=action,
        actor=actor,
        subject_kind="approvals.session",
        subject_id=actor.name[:80],
        at=at,
        ip=address or None,
        request_id=request_id,
    )
