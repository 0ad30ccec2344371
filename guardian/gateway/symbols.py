"""Which symbols does the paper gateway offer, on which terms, and when are their markets open?

Terms are chosen to be plausible for a retail account of December 2017; they are ours to change, and clients learn them
from SYMBOL_INFO. Prices are in 10⁻⁸ of the quote currency, volumes in 10⁻⁸ lots.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from crs.kernel.money import text_of
from guardian.gateway.payloads import FILLINGS, PRICE_DECIMALS, VOLUME_DECIMALS

LOT: Final = 10**VOLUME_DECIMALS
NEW_YORK: Final = ZoneInfo("America/New_York")
SATURDAY, SUNDAY, WEDNESDAY = 5, 6, 2


@dataclass(frozen=True, slots=True)
class Hours:
    """A venue's calendar. `day_ends_h` is the local hour at which one trading day becomes the next; a market without
    weekends never closes, the others close from Friday's day end to Sunday's."""

    name: str
    zone: ZoneInfo
    day_ends_h: int
    has_weekend: bool
    triple_swap: int | None  # the weekday whose end charges the weekend's swap as well

    def trading_day(self, micros: int) -> date:
        """Return the trading day of a moment; 17:00 in New York already belongs to the next one."""
        local = datetime.fromtimestamp(micros // 1_000_000, tz=self.zone)
        return (local.replace(tzinfo=None) + timedelta(hours=-self.day_ends_h % 24)).date()

    def is_open(self, micros: int) -> bool:
        """Whether the market trades at this moment."""
        return not self.has_weekend or self.trading_day(micros).weekday() not in (SATURDAY, SUNDAY)

    def day_end(self, day: date) -> int:
        """Return the moment, in microseconds, at which a trading day ends."""
        start = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=0 if self.day_ends_h else 1)
        local = datetime(start.year, start.month, start.day, self.day_ends_h, tzinfo=self.zone)
        return int(local.timestamp()) * 1_000_000

    def swap_nights(self, day: date) -> int:
        """Return how many nights of swap the end of a trading day charges."""
        if self.triple_swap is None:
            return 1
        return 0 if day.weekday() in (SATURDAY, SUNDAY) else 3 if day.weekday() == self.triple_swap else 1

    def sessions(self) -> dict[str, Any]:
        """Return the weekly sessions as SYMBOL_INFO states them: local times of the venue's zone."""
        end = f"{self.day_ends_h:02d}:00"
        weekly = [{"opens": f"SUN {end}", "closes": f"FRI {end}"}] if self.has_weekend else []
        return {"calendar": self.name, "timezone": str(self.zone), "day_ends": end, "weekly": weekly,
                "always_open": not self.has_weekend}  # fmt: skip


CRYPTO: Final = Hours("CRYPTO", ZoneInfo("UTC"), 0, has_weekend=False, triple_swap=None)
FOREX: Final = Hours("FOREX", NEW_YORK, 17, has_weekend=True, triple_swap=WEDNESDAY)


@dataclass(frozen=True, slots=True)
class SymbolSpec:
    """The terms of one symbol. `data_side`: which side of the quote the recorded bars are."""

    name: str
    base_asset: str
    digits: int
    contract_size: int
    volume_min: int
    volume_step: int
    volume_max: int
    depth: int  # volume offered at each price level; a larger order walks on, one spread a level, one deal each
    spread: int  # points
    stops_level: int  # points
    margin_bps: int  # of the notional at a leverage of 100; scales with the account's
    commission_cents: int  # per lot and side
    swap_long: int  # points per lot and night; negative is paid by the holder
    swap_short: int
    hours: Hours
    data_side: Literal["BID", "ASK"] = "BID"
    profit_currency: str = "USD"
    walk_start: int = 0  # where a wholly synthetic path begins, and
    walk_step_bps: int = 0  # how far an hour of it goes at most, in 1/100 of a percent

    @property
    def point(self) -> int:
        """The smallest price step."""
        point: int = 10 ** (PRICE_DECIMALS - self.digits)
        return point

    def price_text(self, price: int) -> str:
        """Return a price with the symbol's digits; a mean between two steps keeps the digits that it needs."""
        text = text_of(price, PRICE_DECIMALS)
        spare = PRICE_DECIMALS - self.digits
        kept = text[-spare:].rstrip("0") if spare else ""
        return (text[:-spare] if spare else text) + kept

    def info(self, *, is_synthetic: bool, source: str) -> dict[str, Any]:
        """Return the data of SYMBOL_INFO."""
        volume = {"volume_min": self.volume_min, "volume_step": self.volume_step, "volume_max": self.volume_max}
        return {
            "symbol": self.name, "base_asset": self.base_asset, "digits": self.digits,
            "point": self.price_text(self.point), "contract_size": str(self.contract_size),
            "tick_size": self.price_text(self.point),
            "tick_value": text_of(self.point * self.contract_size, PRICE_DECIMALS),
            **{name: volume_text(units) for name, units in volume.items()},
            "stops_level": self.stops_level, "freeze_level": 0, "filling_modes": list(FILLINGS),
            "profit_currency": self.profit_currency, "margin_currency": self.profit_currency,
            "margin_bps": self.margin_bps, "spread_points": self.spread,
            "commission_per_lot": text_of(self.commission_cents, 2),
            "swap_mode": "POINTS", "swap_long": self.swap_long, "swap_short": self.swap_short,
            "swap_triple": "WED" if self.hours.triple_swap is not None else None,
            "sessions": self.hours.sessions(), "synthetic": is_synthetic, "path_synthetic": True, "source": source,
        }  # fmt: skip


def volume_text(units: int) -> str:
    """Return a volume in lots without needless zeros, at least two decimals: 0.10, 0.001."""
    text = text_of(units, VOLUME_DECIMALS)
    return text[: -VOLUME_DECIMALS + 2] + text[-VOLUME_DECIMALS + 2 :].rstrip("0")


SYMBOLS: Final = {
    spec.name: spec
    for spec in (
        SymbolSpec(
            "BTCUSD.s", "BTC", digits=2, contract_size=1, volume_min=LOT // 1000, volume_step=LOT // 1000,
            volume_max=100 * LOT, depth=2 * LOT, spread=1_000, stops_level=100, margin_bps=1_000, commission_cents=500,
            swap_long=-833, swap_short=-200, hours=CRYPTO,
        ),
        SymbolSpec(
            "ETHUSD.s", "ETH", digits=2, contract_size=1, volume_min=LOT // 1000, volume_step=LOT // 1000,
            volume_max=1_000 * LOT, depth=20 * LOT, spread=60, stops_level=10, margin_bps=1_000, commission_cents=30,
            swap_long=-28, swap_short=-7, hours=CRYPTO,
        ),
        SymbolSpec(
            "XAUUSD.s", "XAU", digits=2, contract_size=100, volume_min=LOT // 1000, volume_step=LOT // 1000,
            volume_max=100 * LOT, depth=5 * LOT, spread=30, stops_level=10, margin_bps=100, commission_cents=350,
            swap_long=-4, swap_short=1, hours=FOREX, walk_start=1_272 * 10**PRICE_DECIMALS, walk_step_bps=12,
        ),
        SymbolSpec(
            "EURUSD.s", "EUR", digits=5, contract_size=100_000, volume_min=LOT // 100, volume_step=LOT // 100,
            volume_max=100 * LOT, depth=10 * LOT, spread=10, stops_level=10, margin_bps=100, commission_cents=350,
            swap_long=-7, swap_short=2, hours=FOREX, data_side="ASK",
        ),
    )
}  # fmt: skip
