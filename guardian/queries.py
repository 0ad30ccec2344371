"""What do we watch, and what did we see last?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings

from guardian.adapters.hot_redis import TickReader
from guardian.models import Symbol

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


def active_symbols() -> QuerySet[Symbol]:
    """Return the symbols that are watched, by account and name."""
    return Symbol.objects.filter(is_active=True).select_related("account").order_by("account__code", "symbol")


def watched() -> list[Watched]:
    """Return the active symbols for the listener: one light statement, asked twice a second."""
    rows = active_symbols().values_list("id", "account__login", "account__code", "symbol", "seq")
    return [Watched(*row) for row in rows]


def hot_ticks(account_code: str) -> TickReader:
    """Return a reader of an account's ticks in the hot stream, for the caller's own event loop."""
    return TickReader(settings.REDIS_URL, environment=settings.CRS_ENV, account_code=account_code)
