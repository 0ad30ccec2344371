"""How does a symbol of a venue become one of ours, and how does its last price reach people's eyes?"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import connection, transaction

from approvals.operations import audit
from crs.kernel.money import LOT_DECIMALS, units_of
from crs.kernel.refusal import Refusal
from guardian.models import Symbol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from approvals.models import Account
    from crs.kernel.actor import Actor
    from guardian.rules.ticks import Tick


class SymbolChanged(Refusal):
    """The venue states other digits or another contract size than before: figures of the past would change meaning."""

    code: ClassVar[str] = "SYMBOL_CHANGED"
    title: ClassVar[str] = "The venue changed what a symbol is"
    status: ClassVar[int] = 409


@transaction.atomic
def register(
    *, account: Account, info: Mapping[str, Any], actor: Actor, at: datetime
) -> Symbol:  # Any: JSON of the wire
    """Write or refresh the row of a symbol from the venue's own SYMBOL_INFO; a change leaves an event.

    Raises `SymbolChanged` when digits or contract size differ from those the row already has.
    """
    stated = _stated(info)
    row, is_new = Symbol.objects.select_for_update().get_or_create(
        account=account, symbol=info["symbol"], defaults={**stated, "registered_at": at}
    )
    before = {name: getattr(row, name) for name in stated}
    changed = {name: value for name, value in stated.items() if before[name] != value}
    if not is_new and {"digits", "contract_size", "base_asset"} & changed.keys():
        raise SymbolChanged(symbol=row.symbol, changed=sorted(changed))
    if changed:
        Symbol.objects.filter(pk=row.pk).update(**changed, registered_at=at)
        row.refresh_from_db()
    if is_new or changed:
        audit.record(
            action="guardian.symbol.registered" if is_new else "guardian.symbol.changed",
            actor=actor,
            subject_kind="guardian.symbol",
            subject_id=row.pk,
            at=at,
            desk_id=account.desk_id,
            before=None if is_new else {name: _plain(before[name]) for name in changed},
            after={"account": account.code, "symbol": row.symbol, **{k: _plain(v) for k, v in stated.items()}},
        )
    return row


def retire(*, account: Account) -> None:
    """Stop watching an account's symbols; their rows stay."""
    Symbol.objects.filter(account=account, is_active=True).update(is_active=False)


def show(latest: Iterable[tuple[int, Tick, int]], *, at: datetime) -> None:
    """Write the last tick of many symbols in one statement: (row id, tick, ticks missing since the last time).

    An older tick never replaces a newer one.
    """
    rows = [(pk, tick.bid, tick.ask, tick.seq, tick.venue_at, tick.received_at, gaps) for pk, tick, gaps in latest]
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE guardian_symbol s SET bid = n.bid, ask = n.ask, seq = n.seq, venue_at = n.venue_at,"
            " received_at = n.received_at, gaps = s.gaps + n.gaps,"
            " gap_at = CASE WHEN n.gaps > 0 THEN %s ELSE s.gap_at END"
            " FROM unnest(%s::bigint[], %s::numeric[], %s::numeric[], %s::bigint[], %s::timestamptz[],"
            " %s::timestamptz[], %s::int[]) AS n(id, bid, ask, seq, venue_at, received_at, gaps)"
            " WHERE s.id = n.id AND s.seq < n.seq",
            [at, *(list(column) for column in zip(*rows, strict=True))],
        )


def _stated(info: Mapping[str, Any]) -> dict[str, Any]:  # Any: JSON of the wire, columns of a row
    """Return the columns that SYMBOL_INFO states."""
    sessions = info["sessions"]
    return {
        "venue_symbol": info["symbol"],
        "digits": info["digits"],
        "point": Decimal(info["point"]),
        "tick_size": Decimal(info["tick_size"]),
        "tick_value": Decimal(info["tick_value"]),
        "contract_size": Decimal(info["contract_size"]),
        "volume_min": units_of(info["volume_min"], LOT_DECIMALS),
        "volume_step": units_of(info["volume_step"], LOT_DECIMALS),
        "volume_max": units_of(info["volume_max"], LOT_DECIMALS),
        "stops_level": info["stops_level"],
        "freeze_level": info["freeze_level"],
        "filling_modes": info["filling_modes"],
        "sessions": sessions,
        "base_asset": info["base_asset"],
        "quote_asset": info["profit_currency"],
        "is_synthetic": bool(info["synthetic"]),
        "is_active": True,
    }


def _plain(value: object) -> object:
    return f"{value:f}" if isinstance(value, Decimal) else value
