"""Which recorded bars does a symbol replay, and is every row of the file sound?

A file is called `<PAIR>_<period>.csv` or `<PAIR>_<period>_<anything>.csv` with a period such as 1m, 15m, 1h or 1d, and
holds `time,open,high,low,close,volume`: the start of the bar in ISO 8601 with a zone, decimal prices, volume maybe
empty. A bar of volume 0 is a placeholder: no trade, a stale feed. Parquet comes with the `research` extra.
"""

from __future__ import annotations

import csv
import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from crs.kernel.money import InexactAmount, units_of
from guardian.gateway.codes import Refused
from guardian.gateway.payloads import PRICE_DECIMALS, micros_of

if TYPE_CHECKING:
    from pathlib import Path

    from guardian.gateway.symbols import SymbolSpec

HEADER = ["time", "open", "high", "low", "close", "volume"]
UNIT_S = {"m": 60, "h": 3_600, "d": 86_400}
ROWS_MAX = 200_000  # what is read between two ticks of everybody else
ERRORS_SHOWN = 20


class Bar(NamedTuple):
    """One bar: its start in microseconds, prices in 10⁻⁸, and whether anybody traded in it."""

    start: int
    open: int
    high: int
    low: int
    close: int
    is_traded: bool


@dataclass(frozen=True, slots=True)
class Series:
    """The bars of one file, ascending."""

    source: str
    period: int  # microseconds
    bars: tuple[Bar, ...]


def find(folder: Path, spec: SymbolSpec, *, start: int) -> Series | None:
    """Return the finest series of a symbol that covers `start`, or None when the folder has no file for it.

    Raises `Refused` INVALID_VALUE: a folder that is none, bad rows (each named), only Parquet, or no bar at `start`.
    """
    if not folder.is_dir():
        raise Refused("INVALID_VALUE", f"{folder} is no folder")
    pair = spec.name.partition(".")[0]
    named = re.compile(rf"{pair}_([1-9][0-9]?)([mhd])(?:_[A-Za-z0-9_-]*)?\.(csv|parquet)")
    files = sorted((path, match) for path in folder.iterdir() if (match := named.fullmatch(path.name)))
    if not files:
        return None
    if all(match[3] == "parquet" for _, match in files):
        raise Refused("INVALID_VALUE", f"{files[0][0].name}: Parquet needs the extra research; give CSV")
    found = [
        read_csv(path, spec, period_s=int(match[1]) * UNIT_S[match[2]]) for path, match in files if match[3] == "csv"
    ]
    covering = [series for series in found if _covers(series, start)]
    if not covering:
        raise Refused("INVALID_VALUE", f"{spec.name}: no bar at the start of the replay in {_names(found)}")
    return min(covering, key=lambda series: series.period)


def _covers(series: Series, start: int) -> bool:
    return series.bars[0].start <= start < series.bars[-1].start + series.period


def _names(found: list[Series]) -> str:
    return ", ".join(series.source for series in found)


def read_csv(path: Path, spec: SymbolSpec, *, period_s: int) -> Series:
    """Return the bars of a file. Raises `Refused` INVALID_VALUE with one error per bad row in `data.errors`."""
    stat = path.stat()
    return _read(path, spec, period_s, (stat.st_mtime_ns, stat.st_size, stat.st_ino))


# Every session replays the same files: reading them anew takes as long as fifty ticks.
@functools.lru_cache(maxsize=32)
def _read(path: Path, spec: SymbolSpec, period_s: int, _version: tuple[int, int, int]) -> Series:
    period = period_s * 1_000_000
    bars: list[Bar] = []
    errors: list[dict[str, object]] = []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.reader(file, strict=True)
            if next(rows, None) != HEADER:
                raise Refused("INVALID_VALUE", f"{path.name}, line 1: the header is {','.join(HEADER)}")
            for row in rows:
                try:
                    bars.append(_bar(row, spec, period=period, before=bars[-1] if bars else None))
                except (ValueError, InexactAmount) as error:
                    errors.append({"line": rows.line_num, "reason": str(error)})
                if len(bars) > ROWS_MAX:
                    raise Refused("INVALID_VALUE", f"{path.name}: more than {ROWS_MAX} rows; cut it by month")
    except (UnicodeDecodeError, csv.Error) as error:
        raise Refused("INVALID_VALUE", f"{path.name}: no CSV in UTF-8: {error}") from error
    if errors:
        shown = "; ".join(f"line {error['line']}: {error['reason']}" for error in errors[:ERRORS_SHOWN])
        raise Refused(
            "INVALID_VALUE", f"{path.name}: {len(errors)} bad rows: {shown}", data={"errors": errors[:ERRORS_SHOWN]}
        )
    if not bars:
        raise Refused("INVALID_VALUE", f"{path.name}: no row")
    return Series(path.name, period, tuple(bars))


def _bar(row: list[str], spec: SymbolSpec, *, period: int, before: Bar | None) -> Bar:
    if len(row) != len(HEADER):
        raise ValueError(f"{len(row)} fields instead of {len(HEADER)}")
    start = micros_of(row[0])
    if start % period:
        raise ValueError(f"{row[0]} is no start of a bar of {period // 1_000_000} s")
    if before and start <= before.start:
        raise ValueError(f"{row[0]} is not later than the row before")
    prices = []
    for name, text in zip(HEADER[1:5], row[1:5], strict=True):
        price = units_of(text, PRICE_DECIMALS, asset=name)
        if price <= 0:
            raise ValueError(f"{name} {text} is not positive")
        if price % spec.point:
            raise ValueError(f"{name} {text} has more than {spec.digits} decimals")
        prices.append(price)
    opened, high, low, close = prices
    if high < max(opened, close, low) or low > min(opened, close):
        raise ValueError("high is the highest and low the lowest price of a bar")
    if row[5] and units_of(row[5], 18, asset="volume") < 0:
        raise ValueError("volume is negative")
    return Bar(start, opened, high, low, close, is_traded=not row[5] or row[5].strip("0.") != "")
