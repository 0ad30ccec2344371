"""What would a stop reach? Counted at most once in a few seconds, and never in the way of the act."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from django.core.cache import cache
from django.db import DatabaseError
from django.utils.translation import gettext as _
from redis import RedisError

from approvals.rules import scope as scopes
from approvals.rules.halts import POSITIONS_BY_KIND
from approvals.rules.scope import GLOBAL, Scope, Subject
from crs.kernel import clock
from execution import queries as execution_queries
from strategies import queries as strategies_queries
from strategies.rules.signals import STRATEGY

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from approvals.rules.halts import Halt, Positions
    from execution.models import Order, Position

log = logging.getLogger(__name__)

CACHE_KEY = "crs:portal:reach"
CACHE_S = 5  # short enough for a page that says how old its count is
CHOICES_MAX = 24


@dataclass(frozen=True, slots=True)
class Reachable:
    """Everything that could be stopped now: running sessions (a subject per symbol), open orders, open positions."""

    sessions: tuple[frozenset[Subject], ...]
    orders: tuple[Subject, ...]
    positions: tuple[Subject, ...]
    read_at: datetime


@dataclass(frozen=True, slots=True)
class Choice:
    """One scope that can be stopped, in words, with what is in it; None where it could not be counted."""

    value: str
    name: str
    hint: str
    usual: Positions
    sessions: int | None = None
    orders: int | None = None
    positions: int | None = None
    is_engaged: bool = False


@dataclass(frozen=True, slots=True)
class Preview:
    """The scopes that a page offers, the widest first; `read_at` is None when nothing could be counted."""

    choices: tuple[Choice, ...]
    read_at: datetime | None

    def chosen(self, scope: Scope) -> Choice:
        """Return the choice of `scope`; it is always among them when it was asked for."""
        return next(choice for choice in self.choices if choice.value.lower() == str(scope).lower())


def preview(*, asked: Scope, halts: Sequence[Halt]) -> Preview:
    """Return the scopes with something in them, those that stand still, and the one that was asked for."""
    found = _read()
    offered = {scope.key: scope for scope in (GLOBAL, asked, *(halt.scope for halt in halts))}
    if found is not None:
        offered |= {scope.key: scope for scope in _with_something(found)}
    ordered = sorted(offered.values(), key=lambda scope: (scopes.KINDS.index(scope.kind), scope.id.lower()))
    kept = ordered[:CHOICES_MAX]
    if asked not in kept:
        kept.append(asked)
    engaged = {halt.scope.key for halt in halts}
    choices = (_choice(scope, found) for scope in kept)
    return Preview(
        choices=tuple(
            replace(choice, is_engaged=scope.key in engaged) for scope, choice in zip(kept, choices, strict=True)
        ),
        read_at=found.read_at if found else None,
    )


def _choice(scope: Scope, found: Reachable | None) -> Choice:
    name, hint = words(scope)
    usual = POSITIONS_BY_KIND[scope.kind]
    if found is None:
        return Choice(str(scope), name, hint, usual)
    return Choice(
        str(scope),
        name,
        hint,
        usual,
        sessions=sum(any(scopes.covers(scope, of) for of in session) for session in found.sessions),
        orders=sum(scopes.covers(scope, of) for of in found.orders),
        positions=sum(scopes.covers(scope, of) for of in found.positions),
    )


def words(scope: Scope) -> tuple[str, str]:
    """Return a scope as a reader says it: its name, and what it is."""
    hints = {
        "GLOBAL": _("all desks, venues and sessions"),
        "DESK": _("desk: all its accounts"),
        "VENUE": _("venue: all accounts there"),
        "ACCOUNT": _("one account at a venue"),
        "CHAIN": _("chain"),
        "STRATEGY": _("strategy, wherever it trades"),
        "SYMBOL": _("symbol, on every account"),
        "KEY": _("key of a program"),
    }
    return (scope.id or _("Everything")), hints[scope.kind]


def _with_something(found: Reachable) -> set[Scope]:
    subjects = {*(of for session in found.sessions for of in session), *found.orders, *found.positions}
    kinds = tuple(kind for kind in scopes.KINDS if kind not in ("GLOBAL", "CHAIN", "KEY"))
    return {Scope(kind, subject.of(kind)) for subject in subjects for kind in kinds if subject.of(kind)}


def subject(row: Order | Position) -> Subject:
    """Return what an order or a position belongs to, as halts ask it."""
    account = row.account
    return Subject(
        desk=account.desk.code,
        venue=account.venue.code,
        account=account.code,
        strategy=row.strategy,
        symbol=row.symbol,
    )


def _sessions() -> tuple[frozenset[Subject], ...]:
    """Return the running sessions, each as what its symbols belong to: it is stopped where one of them is."""
    found: dict[int, set[Subject]] = {}
    for run in strategies_queries.traded_symbols():
        of = Subject(desk=run.desk, venue=run.venue, account=run.account, strategy=STRATEGY, symbol=run.symbol)
        found.setdefault(run.session_id, set()).add(of)
    return tuple(frozenset(subjects) for subjects in found.values())


def _read() -> Reachable | None:
    """Return what runs, at most a few seconds old; None when it cannot be read: stopping must not wait for it."""
    try:
        found: Reachable | None = cache.get(CACHE_KEY)
    except RedisError:
        log.warning("the cache does not answer; counting anew")
        found = None
    if found is not None:
        return found
    try:
        found = Reachable(
            sessions=_sessions(),
            orders=tuple(subject(row) for row in execution_queries.every_in_flight()),
            positions=tuple(subject(row) for row in execution_queries.every_open_position()),
            read_at=clock.now(),
        )
    except DatabaseError:
        log.exception("what a stop would reach could not be counted")
        return None
    try:
        cache.set(CACHE_KEY, found, CACHE_S)
    except RedisError:
        log.warning("the cache does not answer; the count is not kept")
    return found
