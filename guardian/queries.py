"""What do we watch, and what did we see last?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connection

from guardian.adapters.hot_redis import TickReader
from guardian.models import Canary, Heartbeat, Symbol

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from approvals.models import Account


@dataclass(frozen=True, slots=True)
class Watched:
    """An active symbol as the listener needs it: whose it is and where its ticks go."""

    id: int
    login: str
    account_code: str
    symbol: str
    seq: int


def symbols(account: Account) -> QuerySet[Symbol]:
    """Return the symbols of an account, by name."""
    return Symbol.objects.filter(account=account).order_by("symbol")


def symbol(account_id: int, name: str) -> Symbol:
    """Return one symbol of an account. Raises `Symbol.DoesNotExist`."""
    return Symbol.objects.get(account_id=account_id, symbol=name)


def is_symbol(name: str) -> bool:
    """Return whether an account trades a symbol of this name, in any case."""
    return Symbol.objects.filter(symbol__iexact=name).exists()


def active_symbols() -> QuerySet[Symbol]:
    """Return the symbols that are watched, by account and name."""
    return Symbol.objects.filter(is_active=True).select_related("account").order_by("account__code", "symbol")


def find_symbols(text: str, *, limit: int) -> list[Symbol]:
    """Return the symbols whose name begins so, on every account: watched ones first, then the newest."""
    rows = Symbol.objects.filter(symbol__istartswith=text).select_related("account")
    return list(rows.order_by("-is_active", "-id")[:limit])


def synthetic_symbols(account_id: int) -> set[str]:
    """Return the symbols of an account whose whole path is invented."""
    return set(Symbol.objects.filter(account_id=account_id, is_synthetic=True).values_list("symbol", flat=True))


def watched() -> list[Watched]:
    """Return the active symbols for the listener: one light statement, asked twice a second."""
    rows = active_symbols().values_list("id", "account__login", "account__code", "symbol", "seq")
    return [Watched(*row) for row in rows]


def hot_ticks(account_code: str) -> TickReader:
    """Return a reader of an account's ticks in the hot stream, for the caller's own event loop."""
    return TickReader(settings.REDIS_URL, environment=settings.CRS_ENV, account_code=account_code)


# ── Signs of life ─────────────────────────────────────────────────────────────────────────────────────────────────────
LAST_RUN = "SELECT extract(epoch FROM clock_timestamp() - max(made_at))::float FROM public.guardian_scheduledrun"
CANARIES = "SELECT queue, extract(epoch FROM clock_timestamp() - answered_at)::float FROM public.guardian_canary"
HEARTBEATS = "SELECT process, extract(epoch FROM clock_timestamp() - at)::float FROM public.guardian_heartbeat"


@dataclass(frozen=True, slots=True)
class Signs:
    """Seconds since each part was last seen, by the database's clock; None when no schedule ran within its memory."""

    timetable: float | None
    canaries: dict[str, float]
    heartbeats: dict[str, float]


def heartbeats() -> QuerySet[Heartbeat]:
    """Return the last sign of life of every process, by name."""
    return Heartbeat.objects.order_by("process")


def canaries() -> QuerySet[Canary]:
    """Return the last answer of every queue, by name."""
    return Canary.objects.order_by("queue")


def signs() -> Signs:
    """Return the age of every sign of life."""
    with connection.cursor() as cursor:
        cursor.execute(LAST_RUN)
        row = cursor.fetchone()
        cursor.execute(CANARIES)
        canaries = dict(cursor.fetchall())
        cursor.execute(HEARTBEATS)
        return Signs(row[0] if row else None, canaries, dict(cursor.fetchall()))
