"""Whose is it, who may, what stands still, and what happened?"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import F, Q

from approvals.adapters import halt_watch
from approvals.models import (
    Account,
    ApiKey,
    AuditEvent,
    Desk,
    HaltAction,
    HaltRelease,
    HaltState,
    KillSwitch,
    KillSwitchEvent,
    LossLimit,
    ReleaseState,
    Venue,
)
from approvals.rules import roles
from approvals.rules.desks import UnknownDesk, house_code
from crs.kernel.lookup import row_ids

if TYPE_CHECKING:
    from datetime import datetime

    from django.contrib.auth.models import User
    from django.db.models import QuerySet

    from approvals.rules.halts import Halts
    from approvals.rules.roles import Act
    from approvals.rules.scope import Scope
    from crs.kernel.actor import Actor

# Events stand nearly in the order of their moments: another transaction's statement may have taken its numbers between.
EVENTS_APART_MAX = 5_000
# Halving the sequence until the first event that is not older: some 30 steps down the primary key, whatever the table
# holds. An index for journals would cost every posting.
EVENT_RECORDED = """
WITH RECURSIVE halving (low, high) AS (
    SELECT min(id), max(id) FROM public.approvals_auditevent
    UNION ALL
    SELECT CASE WHEN probe.recorded_at < %(at)s THEN (low + high) / 2 + 1 ELSE low END,
           CASE WHEN probe.recorded_at < %(at)s THEN high ELSE (low + high) / 2 END
    FROM halving CROSS JOIN LATERAL (
        SELECT event.recorded_at FROM public.approvals_auditevent AS event
        WHERE event.id >= (low + high) / 2 ORDER BY event.id LIMIT 1
    ) AS probe
    WHERE low < high
), place AS (SELECT low AS id FROM halving WHERE low = high)
SELECT event.id FROM place CROSS JOIN LATERAL (
    SELECT near.id FROM public.approvals_auditevent AS near
    WHERE near.id BETWEEN place.id - %(apart)s AND place.id + %(apart)s
      AND near.subject_kind = %(kind)s AND near.subject_id = %(id)s AND near.recorded_at = %(at)s
    ORDER BY near.id LIMIT 1
) AS event
"""

_watch: halt_watch.HaltWatch | None = None
_watch_lock = threading.Lock()


def account(code: str) -> Account:
    """Return the account with this code, its desk and venue read with it. Raises `Account.DoesNotExist`."""
    return Account.objects.select_related("desk", "venue").get(code=code)


def desk(code: str) -> Desk:
    """Return the desk with this code. Raises `UnknownDesk`."""
    found = Desk.objects.filter(code=code).first()
    if found is None:
        raise UnknownDesk(f"there is no desk {code[:40]}", given=code[:100])
    return found


def keys() -> QuerySet[ApiKey]:
    """Return every key, live ones first, then the newest."""
    return ApiKey.objects.select_related("desk").order_by(F("revoked_at").asc(nulls_first=True), "-id")


def is_inside(scope: Scope, desk_id: int) -> bool:
    """Return whether a scope touches one desk alone: the desk itself, or one of its accounts."""
    if scope.kind == "DESK":
        return Desk.objects.filter(id=desk_id, code__iexact=scope.id).exists()
    return scope.kind == "ACCOUNT" and Account.objects.filter(desk_id=desk_id, code__iexact=scope.id).exists()


def venues() -> QuerySet[Venue]:
    """Return the places where orders are executed."""
    return Venue.objects.all()


def house_account(desk: Desk, book: str) -> Account:
    """Return a desk's house account in a book."""
    return Account.objects.select_related("desk", "venue").get(code=house_code(desk.code, book))


def accounts(desk_id: int | None = None) -> QuerySet[Account]:
    """Return the accounts of one desk, or every account, closed ones too, by code."""
    rows = Account.objects.select_related("desk", "venue").order_by("code")
    return rows if desk_id is None else rows.filter(desk_id=desk_id)


def responsible_of(actor: Actor) -> str:
    """Return the person that answers for what `actor` does: himself, or whoever made the key that he uses."""
    if actor.kind != "key":
        return actor.name
    key = ApiKey.objects.filter(key_id=actor.name).first()
    return actor.name if key is None else key.created_by.rpartition(":")[2]


def open_accounts(desk: Desk | None = None) -> QuerySet[Account]:
    """Return the accounts that are not closed, of one desk or of all, by code."""
    accounts = Account.objects.select_related("desk", "venue").filter(closed_at=None).order_by("code")
    return accounts if desk is None else accounts.filter(desk=desk)


def events_of(subject_kind: str, subject_id: str | int) -> QuerySet[AuditEvent]:
    """Return what happened to one subject, oldest first."""
    return AuditEvent.objects.filter(subject_kind=subject_kind, subject_id=str(subject_id)).order_by("id")


def event_recorded(subject_kind: str, subject_id: str | int, *, recorded_at: datetime) -> int | None:
    """Return the event of a subject that was recorded at this very moment, such as a journal's; None when none is near.

    Journals have no index of their events: both carry the same moment, and the sequence is searched for that.
    """
    told: dict[str, Any] = {"kind": subject_kind, "id": str(subject_id), "at": recorded_at, "apart": EVENTS_APART_MAX}
    with connection.cursor() as cursor:
        cursor.execute(EVENT_RECORDED, told)
        row = cursor.fetchone()
    return None if row is None else int(row[0])


# ── Who may ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def roles_of(username: str) -> frozenset[str]:
    """Return the roles of an active person; an unknown or disabled one has none."""
    groups = get_user_model().objects.filter(username=username, is_active=True).values_list("groups__name", flat=True)
    return frozenset(name for name in groups if name in roles.ROLES)


def may(username: str, act: Act) -> bool:
    """Return whether a person may do `act` by the permission matrix. Being superuser gives nothing here."""
    return roles.allows(roles_of(username), act)


# ── What stands still ─────────────────────────────────────────────────────────────────────────────────────────────────
def halts() -> Halts:
    """Return what is stopped now: engaged kill switches, modes and the epoch, from one statement."""
    with connection.cursor() as cursor:
        cursor.execute(halt_watch.SNAPSHOT)
        row: tuple[Any, ...] | None = cursor.fetchone()
    assert row is not None
    return halt_watch.read(row)


def watch() -> halt_watch.HaltWatch:
    """Return this process's own copy of the halts, begun on first use (and again in a forked child)."""
    global _watch  # noqa: PLW0603 — one copy per process is the point
    if _watch is None or _watch.pid != os.getpid():
        with _watch_lock:
            if _watch is None or _watch.pid != os.getpid():
                _watch = halt_watch.HaltWatch().start()
    return _watch


def kill_switch(scope: Scope) -> KillSwitch | None:
    """Return the row of a scope, engaged or released, or None when it was never stopped."""
    return KillSwitch.objects.filter(scope_type=scope.kind, scope_id__iexact=scope.id).first()


def kill_switches() -> QuerySet[KillSwitch]:
    """Return every scope that was ever stopped: what stands still first, then the newest."""
    return KillSwitch.objects.order_by("state", "-epoch")  # ENGAGED before SAFE


def halt_events(scope: Scope | None = None) -> QuerySet[KillSwitchEvent]:
    """Return what happened to one scope or to all, newest first."""
    events = KillSwitchEvent.objects.order_by("-id")
    return events if scope is None else events.filter(scope_type=scope.kind, scope_id__iexact=scope.id)


def last_receipt(scope: Scope) -> KillSwitchEvent | None:
    """Return what the gateways answered last when this scope was stopped."""
    return halt_events(scope).filter(action=HaltAction.RECEIPT).first()


def open_releases() -> QuerySet[HaltRelease]:
    """Return the releases that wait for a second person, oldest first."""
    return HaltRelease.objects.select_related("kill_switch").filter(state=ReleaseState.OPEN).order_by("id")


def engaged() -> QuerySet[KillSwitch]:
    """Return what stands still, oldest first."""
    return KillSwitch.objects.filter(state=HaltState.ENGAGED).order_by("epoch")


def loss_limit(account_id: int) -> LossLimit | None:
    """Return how much an account may lose, or None when it has no limit."""
    return LossLimit.objects.filter(account_id=account_id).first()


def api_keys() -> QuerySet[ApiKey]:
    """Return every key that was ever made, newest first."""
    return ApiKey.objects.select_related("desk").order_by("-id")


# ── Found by an id, a key, or how it begins ───────────────────────────────────────────────────────────────────────────
def find_accounts(text: str, *, limit: int) -> list[Account]:
    """Return the accounts whose code begins so or whose login is this, by code."""
    return list(accounts().filter(Q(code__istartswith=text) | Q(login=text))[:limit])


def find_keys(text: str, *, limit: int) -> list[ApiKey]:
    """Return the keys whose id or name begins so, live ones first."""
    return list(keys().filter(Q(key_id__istartswith=text) | Q(name__istartswith=text))[:limit])


def find_halts(text: str, *, limit: int) -> list[KillSwitch]:
    """Return the scopes with this epoch, or that begin so, written KIND:id or as the id alone; engaged ones first."""
    kind, colon, scope_id = text.partition(":")
    named = Q(scope_type__iexact=kind, scope_id__istartswith=scope_id) if colon else Q(scope_id__istartswith=text)
    return list(kill_switches().filter(named | Q(scope_type__istartswith=text) | Q(epoch__in=row_ids(text)))[:limit])


def find_events(text: str, *, limit: int) -> list[AuditEvent]:
    """Return the event of evidence with this number in the sequence."""
    return list(AuditEvent.objects.filter(id__in=row_ids(text))[:limit])


def find_people(text: str, *, limit: int) -> list[User]:
    """Return the people whose user name, first name or last name begins so, by user name."""
    named = Q(username__istartswith=text) | Q(first_name__istartswith=text) | Q(last_name__istartswith=text)
    return list(get_user_model().objects.filter(named).order_by("username")[:limit])
