"""How much may an account lose? Set once, lowered at will, raised by nobody yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.db import transaction

from approvals.models import LossLimit
from approvals.operations import audit
from crs.kernel.refusal import Refusal

if TYPE_CHECKING:
    from datetime import datetime

    from approvals.models import Account
    from crs.kernel.actor import Actor


class LimitLoosened(Refusal):
    """A limit is lowered by one person; raising it needs four eyes, which do not exist yet."""

    code: ClassVar[str] = "LIMIT_LOOSENED"
    title: ClassVar[str] = "A limit is not raised"
    status: ClassVar[int] = 403


class LimitMalformed(Refusal):
    """A loss limit is a positive amount of the account's currency."""

    code: ClassVar[str] = "LIMIT_MALFORMED"
    title: ClassVar[str] = "This is no loss limit"


@transaction.atomic
def set_loss_limit(
    *, account: Account, limit_units: int, opening_equity_units: int, actor: Actor, at: datetime
) -> LossLimit:
    """Limit what `account` may lose from `opening_equity_units` on; both in base units of the account's currency.

    The limit trips when the loss is strictly larger (`approvals.rules.limits.is_passed`). Setting it again may lower it
    and keeps the opening equity. Raises `LimitMalformed` for a limit that is not positive, `LimitLoosened` for a raise.
    """
    if limit_units <= 0:
        raise LimitMalformed("a loss limit is positive", limit_units=limit_units)
    limit, is_new = LossLimit.objects.select_for_update().get_or_create(
        account=account,
        defaults={
            "desk_id": account.desk_id,
            "limit_units": limit_units,
            "currency": account.currency,
            "opening_equity_units": opening_equity_units,
            "set_at": at,
            "set_by": str(actor),
        },
    )
    before = None if is_new else {"limit_units": str(limit.limit_units)}
    if not is_new:
        if limit_units > limit.limit_units:
            raise LimitLoosened(limit_units=limit.limit_units, asked=limit_units)
        if limit_units == limit.limit_units:
            return limit
        limit.limit_units, limit.set_at, limit.set_by = limit_units, at, str(actor)
        limit.save(update_fields=["limit_units", "set_at", "set_by"])
    audit.record(
        action="approvals.limit.set",
        actor=actor,
        subject_kind="approvals.account",
        subject_id=account.code,
        at=at,
        desk_id=account.desk_id,
        before=before,
        after={
            "kind": "SESSION_LOSS",
            "limit_units": str(limit_units),
            "currency": account.currency,
            "opening_equity_units": str(limit.opening_equity_units),
        },
    )
    return limit
