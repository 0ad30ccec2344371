"""Which sessions are there, and which of them wait for somebody to trade them?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Max, Q

from crs.kernel import work
from crs.kernel.lookup import row_ids, uuid_span
from execution import queries as execution_queries
from guardian import queries as guardian_queries
from strategies.models import Session, SymbolGroup, SymbolRun
from strategies.rules import lifecycle
from strategies.rules.signals import STRATEGY

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from django.db.models import QuerySet

    from approvals.rules.scope import Scope


@dataclass(frozen=True, slots=True)
class TradedSymbol:
    """A symbol that an open session trades, and whose it is, by their codes."""

    session_id: int
    desk: str
    venue: str
    account: str
    symbol: str


@dataclass(frozen=True, slots=True)
class VenueClock:
    """The clock of a replay: what the venue's time was at `read_at`, and how many venue seconds a second takes."""

    account: str
    venue_at: datetime
    read_at: datetime
    speed: int


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


def session_on(account_id: int) -> Session | None:
    """Return the session that trades, or traded, on an account of its own."""
    return sessions().filter(account_id=account_id).first()


def find_sessions(text: str, *, limit: int) -> list[Session]:
    """Return the sessions with this id, whose key begins so, or whose account's code does, newest first."""
    named = Q(pk__in=row_ids(text)) | Q(account__code__istartswith=text)
    if (span := uuid_span(text)) is not None:
        named |= Q(key__range=span)
    return list(sessions().filter(named)[:limit])


def runs(session_id: int) -> QuerySet[SymbolRun]:
    """Return how each symbol of a session did, by name."""
    return SymbolRun.objects.filter(session_id=session_id).order_by("symbol")


def open_sessions() -> QuerySet[Session]:
    """Return the sessions that have not ended, oldest first."""
    return Session.objects.filter(state__in=lifecycle.OPEN).order_by("id")


def ended_sessions(since: datetime) -> QuerySet[Session]:
    """Return the sessions that ended after `since`, in whatever way, oldest first."""
    return Session.objects.filter(state__in=lifecycle.SESSION.final, ended_at__gt=since).order_by("id")


def last_begun_by_people(since: datetime) -> dict[int, datetime]:
    """Return when a person last began a session after `since`, by desk; the demo's own is no person's act."""
    rows = Session.objects.filter(created_at__gt=since, actor__startswith="person:", is_demo=False)
    return dict(rows.order_by().values_list("desk").annotate(last=Max("created_at")))


def runs_by_symbol(sessions: Sequence[Session]) -> dict[tuple[int, str], SymbolRun]:
    """Return how each symbol of these sessions did, by session and symbol."""
    return {(run.session_id, run.symbol): run for run in SymbolRun.objects.filter(session__in=sessions)}


def traded_symbols() -> list[TradedSymbol]:
    """Return what the open sessions trade; one that has no account yet trades nothing."""
    runs = SymbolRun.objects.filter(session__state__in=lifecycle.OPEN, session__account__isnull=False)
    rows = runs.order_by("session", "symbol").values_list(
        "session", "session__desk__code", "session__account__venue__code", "session__account__code", "symbol"
    )
    return [TradedSymbol(*row) for row in rows]


def speeds() -> dict[int, int]:
    """Return how many venue seconds a second takes on the account of every open session."""
    return dict(Session.objects.filter(state__in=lifecycle.OPEN, account__isnull=False).values_list("account", "speed"))


def venue_clock() -> VenueClock | None:
    """Return the clock of the first running session: where its last tick stood, and how fast it goes."""
    row = (
        Session.objects.filter(state="RUNNING", account__symbols__venue_at__isnull=False)
        .annotate(venue_at=Max("account__symbols__venue_at"), read_at=Max("account__symbols__received_at"))
        .order_by("id")
        .values_list("account__code", "venue_at", "read_at", "speed")
        .first()
    )
    return None if row is None else VenueClock(*row)


def free_groups() -> list[int]:
    """Return the groups of open sessions that nobody holds and that are due, by the database clock."""
    rows = work.free(SymbolGroup).filter(is_done=False).order_by("id")
    return list(rows.values_list("id", flat=True))


def is_known(scope: Scope) -> bool:
    """Tell whether anything has the name of a scope now: a symbol of an account or a session, a strategy that is ours.

    Nothing has a chain's name yet. Desks, venues, accounts and keys are refused before they are halted when unknown.
    """
    if scope.kind == "SYMBOL":
        return guardian_queries.is_symbol(scope.id) or SymbolRun.objects.filter(symbol__iexact=scope.id).exists()
    if scope.kind == "STRATEGY":
        return scope.id.lower() == STRATEGY.lower() or execution_queries.is_strategy(scope.id)
    return scope.kind != "CHAIN"
