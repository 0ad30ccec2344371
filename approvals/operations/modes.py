"""How does a scope become reduce-only, or close itself, without a kill switch?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from approvals.models import Mode
from approvals.operations import audit
from crs.kernel.refusal import ReasonMissing

if TYPE_CHECKING:
    from datetime import datetime

    from approvals.rules.halts import ModeName
    from approvals.rules.scope import Scope
    from crs.kernel.actor import Actor


@transaction.atomic
def set_mode(*, scope: Scope, mode: ModeName, reason: str, actor: Actor, at: datetime) -> bool:
    """Set how `scope` may trade and return whether that changed anything.

    REDUCE_ONLY and FORCE_CLOSE refuse new risk at once; under FORCE_CLOSE execution closes what is open, until the
    venue reports zero. Raises `ReasonMissing`.
    """
    if not reason.strip():
        raise ReasonMissing(pointer="/reason")
    # The row is locked, or made if it is missing; another spelling of the scope is the same row.
    row, _ = Mode.objects.select_for_update().get_or_create(
        scope_type=scope.kind,
        scope_id__iexact=scope.id,
        defaults={"scope_id": scope.id, "mode": "NORMAL", "reason": "never set", "since": at, "set_by": str(actor)},
    )
    before = row.mode
    if before == mode:
        return False
    row.mode, row.reason, row.since, row.set_by = mode, reason, at, str(actor)
    row.save(update_fields=["mode", "reason", "since", "set_by"])
    audit.record(
        action="approvals.mode.set",
        actor=actor,
        subject_kind="approvals.mode",
        subject_id=str(scope),
        at=at,
        reason=reason,
        before={"mode": before},
        after={"mode": mode},
    )
    return True
