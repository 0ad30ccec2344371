"""Which sessions are there, and which of them wait for somebody to trade them?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crs.kernel import work
from strategies.models import Session, SymbolGroup, SymbolRun
from strategies.rules import lifecycle

if TYPE_CHECKING:
    from django.db.models import QuerySet


def sessions(desk_id: int | None = None) -> QuerySet[Session]:
    """Return the sessions of one desk or of all with desk and account, newest first."""
    rows = Session.objects.select_related("desk", "account").order_by("-id")
    return rows if desk_id is None else rows.filter(desk_id=desk_id)


def sessions_with_runs(desk_id: int | None = None) -> QuerySet[Session]:
    """Return the sessions of one desk or of all with how each of their symbols did, newest first."""
    return sessions(desk_id).prefetch_related("runs__session")


def session(session_id: int) -> Session:
    """Return one session. Raises `Session.DoesNotExist`."""
    return sessions().get(pk=session_id)


def runs(session_id: int) -> QuerySet[SymbolRun]:
    """Return how each symbol of a session did, by name."""
    return SymbolRun.objects.filter(session_id=session_id).order_by("symbol")


def open_sessions() -> QuerySet[Session]:
    """Return the sessions that have not ended, oldest first."""
    return Session.objects.filter(state__in=lifecycle.OPEN).order_by("id")


def free_groups() -> list[int]:
    """Return the groups of open sessions that nobody holds and that are due, by the database clock."""
    rows = work.free(SymbolGroup).filter(is_done=False).order_by("id")
    return list(rows.values_list("id", flat=True))
