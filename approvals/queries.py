"""Whose is it, and what happened?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from approvals.models import Account, AuditEvent
from approvals.rules.desks import house_code

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from approvals.models import Desk


def account(code: str) -> Account:
    """Return the account with this code, its desk and venue read with it. Raises `Account.DoesNotExist`."""
    return Account.objects.select_related("desk", "venue").get(code=code)


def house_account(desk: Desk, book: str) -> Account:
    """Return a desk's house account in a book."""
    return Account.objects.select_related("desk", "venue").get(code=house_code(desk.code, book))


def open_accounts(desk: Desk | None = None) -> QuerySet[Account]:
    """Return the accounts that are not closed, of one desk or of all, by code."""
    accounts = Account.objects.select_related("desk", "venue").filter(closed_at=None).order_by("code")
    return accounts if desk is None else accounts.filter(desk=desk)


def events_of(subject_kind: str, subject_id: str | int) -> QuerySet[AuditEvent]:
    """Return what happened to one subject, oldest first."""
    return AuditEvent.objects.filter(subject_kind=subject_kind, subject_id=str(subject_id)).order_by("id")
