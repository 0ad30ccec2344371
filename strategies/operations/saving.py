"""What does a slice leave behind for its successor and for people's eyes? Under its fence, each second."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import F

from crs.kernel import work
from crs.kernel.work import DatabaseClock
from ledger.operations import nav
from strategies.models import Session, SymbolGroup

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from crs.kernel.work import Lease
    from ledger.models import NavMark
    from strategies.operations.desk import TradingDesk
    from strategies.operations.marking import Marked
    from strategies.rules.state import GroupState


@dataclass(frozen=True, slots=True)
class Told:
    """What others have written about the session since: a wish to stop."""

    stop_requested: bool


def save(lease: Lease, desk: TradingDesk, state: GroupState, *, cursor: str, at: datetime) -> Told:
    """Renew the lease, and save cursor and state with it. Raises `FenceLost`, and nothing is saved."""
    work.renew(lease, cursor=cursor, state=state.as_json(), handled_at=at)
    stop_requested_at = Session.objects.values_list("stop_requested_at", flat=True).get(pk=desk.session.pk)
    return Told(stop_requested=stop_requested_at is not None)


def show(desk: TradingDesk, state: GroupState, marked: Marked | None) -> None:
    """Write the counts and figures that pages show. A step of its own: ticks are handled between it and `save`."""
    count(desk, state)
    if marked is not None:
        Session.objects.filter(pk=desk.session.pk).update(
            nav_units=marked.equity, peak_nav_units=state.peak_units, max_drawdown_units=state.drawdown_units
        )


def strike(desk: TradingDesk, marked: Marked, *, at: datetime) -> NavMark:
    """Make a valuation a NAV mark of the book."""
    return nav.strike(
        account_id=desk.account.pk,
        marks=marked.marks,
        at=at,
        venue_at=marked.venue_at,
        actor=desk.actor,
        swap_accrued=marked.swap_accrued,
    )


def finish(lease: Lease, state: GroupState, *, cursor: str, at: datetime) -> None:
    """End the slice: the last state, and the lease let go, in one statement. Raises `FenceLost`."""
    work.finish(
        lease, cursor=cursor, state=state.as_json(), handled_at=at, slices=F("slices") + 1, handing_over_until=None
    )


def hand_over(lease: Lease, *, within: timedelta, task: str) -> None:
    """Ring for the successor, who waits `within` this time for the lease to fall free. Raises `FenceLost`."""
    work.renew(lease, handing_over_until=DatabaseClock() + within)
    work.ring(task, lease.id)


def is_handing_over(group_id: int) -> bool:
    """Tell whether the holder of a group is about to let go."""
    return SymbolGroup.objects.filter(pk=group_id, handing_over_until__gt=DatabaseClock()).exists()


def count(desk: TradingDesk, state: GroupState) -> None:
    """Write each symbol's counts: what the slice counted itself, and fills, trades and profit from the fills."""
    rows = [
        (name, held.ticks, held.signals, held.heartbeats, held.errors, held.is_stopped)
        for name, held in state.symbols.items()
    ]
    with connection.cursor() as cursor:
        cursor.execute(COUNT, [*(list(column) for column in zip(*rows, strict=True)), desk.account.pk, desk.session.pk])


# Set, never added: counting again gives the same. A trade is a position that was opened and is closed.
COUNT = """
    UPDATE strategies_symbolrun r SET ticks = n.ticks, signals = n.signals, heartbeats = n.heartbeats,
        errors = n.errors, is_stopped = n.is_stopped, fills = coalesce(f.fills, 0), trades = coalesce(f.trades, 0),
        pnl_units = coalesce(f.pnl, 0)
    FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bool[])
            AS n(symbol, ticks, signals, heartbeats, errors, is_stopped)
        LEFT JOIN (
            SELECT symbol, count(*) AS fills, sum(profit + commission + fee + swap) AS pnl,
                count(DISTINCT position_id) FILTER (WHERE entry <> 'IN') AS trades
            FROM execution_fill WHERE account_id = %s GROUP BY symbol
        ) f ON f.symbol = n.symbol
    WHERE r.session_id = %s AND r.symbol = n.symbol
"""
