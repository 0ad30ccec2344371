"""What is the account worth right now? Cash and positions of the book at the last ticks, without asking anybody."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from execution import queries as execution_queries
from ledger import queries as ledger_queries
from ledger.rules import valuation
from ledger.rules.valuation import Mark, MarkMissing
from strategies.rules.signals import STRATEGY
from strategies.rules.trips import MarkTaken, PositionTaken, Trip

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from crs.kernel.money import Asset
    from execution.rules.facts import Loss
    from guardian.rules.ticks import Tick
    from ledger.rules.venue_recipes import Position


@dataclass(frozen=True, slots=True)
class Marked:
    """One valuation: the marks, the moment of the venue clock, and equity and flows in base units."""

    marks: Mapping[str, Mark]
    venue_at: datetime
    swap_accrued: int
    equity: int
    flows: int


@dataclass(slots=True)
class Books:
    """The book's own figures of one account, read again after each booking."""

    cash: int
    flows: int
    positions: list[Position]
    assets: dict[str, Asset]
    currency: Asset
    swap_accrued: int = 0  # as the venue states it; charged when the position closes
    foreign: frozenset[str] = frozenset()  # positions of other strategies: they count, and are theirs to close
    marks: dict[str, Mark] = field(default_factory=dict)

    def value(self) -> Marked | None:
        """Return what the account is worth at the last marks; None while there is none (no data is never zero)."""
        if not self.marks:
            return None
        try:
            values = valuation.values(self.positions, marks=self.marks, assets=self.assets, currency=self.currency)
        except MarkMissing:
            return None
        unrealised = sum(value.unrealised for value in values)
        return Marked(
            marks=dict(self.marks),
            venue_at=max(mark.at for mark in self.marks.values()),
            swap_accrued=self.swap_accrued,
            equity=self.cash + unrealised + self.swap_accrued,
            flows=self.flows,
        )

    def trip(self, loss: Loss, *, ticks: Mapping[str, Tick], at: datetime) -> Trip:
        """Return what a loss was computed from, at the very marks that `value` has used; there is a value."""
        values = valuation.values(self.positions, marks=self.marks, assets=self.assets, currency=self.currency)
        unrealised = {value.position_id: value.unrealised for value in values}
        return Trip(
            at=at,
            venue_at=max(mark.at for mark in self.marks.values()),
            limit=loss.limit,
            opening_equity=loss.opening_equity,
            flows=loss.flows,
            cash=self.cash,
            swap_accrued=self.swap_accrued,
            marks=[
                MarkTaken(name, ticks[name].seq, mark.bid, mark.ask, mark.at)
                for name, mark in sorted(self.marks.items())
            ],
            positions=[
                PositionTaken(
                    position.position_id,
                    position.symbol,
                    position.side,
                    position.volume,
                    self.assets[position.base_asset].decimals,
                    position.cost,
                    unrealised[position.position_id],
                )
                for position in self.positions
            ],
        )

    def holds(self, symbol: str) -> bool:
        """Tell whether a position of our own strategy is open on a symbol."""
        return any(row.symbol == symbol and str(row.position_id) not in self.foreign for row in self.positions)

    def take(self, tick: Tick) -> None:
        """Take a tick as the mark of its symbol."""
        self.marks[tick.symbol] = Mark(tick.symbol, tick.bid, tick.ask, tick.venue_at)


def read(account_id: int, currency: str, *, before: Books | None = None) -> Books:
    """Return the book's figures now; marks and accrued swap are kept from `before`."""
    positions = ledger_queries.open_positions(account_id)
    foreign = execution_queries.open_positions(account_id).exclude(strategy=STRATEGY) if positions else None
    return Books(
        cash=ledger_queries.venue_cash(account_id),
        flows=ledger_queries.flows(account_id),
        positions=positions,
        assets={position.base_asset: ledger_queries.money_asset(position.base_asset) for position in positions},
        currency=ledger_queries.money_asset(currency),
        swap_accrued=before.swap_accrued if before and positions else 0,
        foreign=frozenset(foreign.values_list("position_id", flat=True)) if foreign is not None else frozenset(),
        marks=before.marks if before else {},
    )
