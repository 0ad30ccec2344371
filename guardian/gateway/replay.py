"""Which tick comes when? Recorded bars become ticks on one venue clock per account.

A bar is real, the path through it is not: its first tick is the open, its last the close, high and low are reached at
seeded places in seeded order, and between them the price wanders without leaving the bar. Everything is a function of
the replay's terms and the tick's number, in whole numbers: the same seed gives the same ticks on every machine, and
after a restart as well. A placeholder bar and a closed market have no ticks.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from guardian.gateway.bars import Bar, Series

if TYPE_CHECKING:
    from collections.abc import Mapping

    from guardian.gateway.symbols import SymbolSpec

SCAN = 15 * 60 * 1_000_000  # sessions begin and end on a quarter of an hour
HOUR = 3_600 * 1_000_000
TICKS_PER_BAR_MIN = 4  # open, high, low, close
MASK = 2**64 - 1
SYNTHETIC = "synthetic"  # the source of a path that no file holds


class Tick(NamedTuple):
    """A quote of one symbol: its gap-free number, prices in 10⁻⁸ and its moment on the venue clock, microseconds."""

    seq: int
    bid: int
    ask: int
    venue_time: int


class Bars(Protocol):
    """Bars by number; None past the last one."""

    source: str
    period: int

    def at(self, number: int) -> Bar | None: ...


class Recorded:
    """The bars of a file, from the one that holds `start`."""

    def __init__(self, series: Series, *, start: int) -> None:
        self.source, self.period = series.source, series.period
        first = bisect_right(series.bars, start, key=lambda bar: bar.start + series.period)
        self._bars = series.bars[first:]

    def at(self, number: int) -> Bar | None:
        return self._bars[number] if number < len(self._bars) else None


class Walk:
    """A wholly synthetic path: hourly bars of a seeded random walk, without end, while the market is open."""

    source, period = SYNTHETIC, HOUR

    def __init__(self, spec: SymbolSpec, *, start: int, seed: int) -> None:
        assert spec.walk_start > 0, f"{spec.name} has no synthetic path"
        self._spec = spec
        self._random = random.Random(f"{seed}:{spec.name}:walk")  # noqa: S311 — a repeatable path, no secret
        self._next = start - start % HOUR
        self._bars: list[Bar] = []

    def at(self, number: int) -> Bar:
        while len(self._bars) <= number:
            while not self._spec.hours.is_open(self._next):
                self._next += HOUR
            opened = self._bars[-1].close if self._bars else self._spec.walk_start
            # Four uniform steps instead of a Gaussian: whole numbers are the same on every machine.
            close = max(opened + sum(self._step(opened) for _ in range(4)) // 2, self._spec.point * 100)
            high = max(opened, close) + abs(self._step(opened)) // 2
            low = max(min(opened, close) - abs(self._step(opened)) // 2, self._spec.point)
            point = self._spec.point
            high, low, close = -(-high // point) * point, low // point * point, close // point * point
            self._bars.append(Bar(self._next, opened, max(high, close), min(low, close), close, is_traded=True))
            self._next += HOUR
        return self._bars[number]

    def _step(self, price: int) -> int:
        most = price * self._spec.walk_step_bps // 10_000
        return self._random.randrange(-most, most + 1)


@dataclass(frozen=True, slots=True)
class Stretch:
    """The ticks of one bar: from tick number `first`, `count` of them, spread evenly over [begin, end)."""

    bar: Bar
    first: int
    count: int
    begin: int
    end: int
    anchors: tuple[tuple[int, int], ...]  # (place, price), ascending: open, high and low in seeded order, close
    salt: int


class Track:
    """The ticks of one symbol in one replay, numbered from 1."""

    def __init__(
        self, spec: SymbolSpec, bars: Bars, *, start: int, speed: int, ticks_per_second: int, seed: int
    ) -> None:
        self.spec, self.bars = spec, bars
        self._start, self._speed, self._rate, self._seed = start, speed, ticks_per_second, seed
        self._stretches: list[Stretch] = []
        self._number = 0  # of the next bar to lay out
        self._is_over = False
        # Ticks of the first bar before `start` are not part of the replay.
        self._skipped = 0
        if (head := self._stretch(0)) and head.begin < start:
            self._skipped = min(_last_before(head, start - 1) + 1, head.count)

    def seq_at(self, venue_time: int) -> int:
        """Return the number of the last tick at or before a moment; 0 when there is none yet."""
        while True:
            place = bisect_right(self._stretches, venue_time, key=lambda stretch: stretch.begin) - 1
            if place < len(self._stretches) - 1 or self._stretch(place + 1) is None:
                break
        if place < 0:
            return 0
        stretch = self._stretches[place]
        return max(stretch.first + min(_last_before(stretch, venue_time), stretch.count - 1) - self._skipped + 1, 0)

    def tick(self, seq: int) -> Tick | None:
        """Return tick number `seq`; None past the end of the data."""
        assert seq >= 1
        wanted = seq - 1 + self._skipped
        while not self._stretches or wanted >= self._stretches[-1].first + self._stretches[-1].count:
            if self._stretch(len(self._stretches)) is None:
                return None
        stretch = self._stretches[-1]
        if wanted < stretch.first:
            stretch = self._stretches[bisect_right(self._stretches, wanted, key=lambda item: item.first) - 1]
        place = wanted - stretch.first
        price = self._price(stretch, place)
        spread = self.spec.spread * self.spec.point
        bid = price if self.spec.data_side == "BID" else max(price - spread, self.spec.point)
        return Tick(seq, bid, bid + spread, stretch.begin + (stretch.end - stretch.begin) * place // stretch.count)

    def _stretch(self, number: int) -> Stretch | None:
        """Return stretch `number`, laying out bars until it exists; None past the end of the data."""
        while len(self._stretches) <= number and not self._is_over:
            bar = self.bars.at(self._number)
            self._number += 1
            if bar is None:
                self._is_over = True
            elif bar.is_traded and (span := self._open_span(bar)):
                before = self._stretches[-1] if self._stretches else None
                first = before.first + before.count if before else 0
                self._stretches.append(self._lay_out(bar, span, first))
        return self._stretches[number] if number < len(self._stretches) else None

    def _open_span(self, bar: Bar) -> tuple[int, int] | None:
        """Return the part of a bar in which its market is open."""
        hours, end = self.spec.hours, bar.start + self.bars.period
        if hours.is_open(bar.start) and hours.is_open(end - 1) and self.bars.period <= HOUR:
            return bar.start, end
        step = min(SCAN, self.bars.period)
        opens = [moment for moment in range(bar.start, end, step) if hours.is_open(moment)]
        return (opens[0], opens[-1] + step) if opens else None

    def _lay_out(self, bar: Bar, span: tuple[int, int], first: int) -> Stretch:
        begin, end = span
        count = max(TICKS_PER_BAR_MIN, self._rate * (end - begin) // (self._speed * 1_000_000))
        dice = random.Random(f"{self._seed}:{self.spec.name}:{bar.start}")  # noqa: S311 — a repeatable path, no secret
        early, late = sorted(dice.sample(range(1, count - 1), 2))
        extremes = [bar.high, bar.low] if dice.random() < 0.5 else [bar.low, bar.high]
        anchors = ((0, bar.open), (early, extremes[0]), (late, extremes[1]), (count - 1, bar.close))
        return Stretch(bar, first, count, begin, end, anchors, dice.getrandbits(64))

    def _price(self, stretch: Stretch, place: int) -> int:
        for anchor, price in stretch.anchors:
            if anchor == place:
                return price
        (left, before), (right, after) = next(
            pair for pair in zip(stretch.anchors, stretch.anchors[1:], strict=False) if pair[0][0] < place < pair[1][0]
        )
        bar, point = stretch.bar, self.spec.point
        reach = (bar.high - bar.low) // 16
        sway = _mixed(stretch.salt + place) % (2 * reach + 1) - reach
        price = before + (after - before) * (place - left) // (right - left) + sway
        return min(max(price // point * point, bar.low), bar.high)


def _last_before(stretch: Stretch, moment: int) -> int:
    """Return the place of the last tick of a stretch at or before a moment."""
    if moment < stretch.begin:
        return -1
    return min(((moment - stretch.begin + 1) * stretch.count - 1) // (stretch.end - stretch.begin), stretch.count - 1)


def _mixed(number: int) -> int:
    """Return 64 well mixed bits. Source: Steele, Lea and Flood, "Fast splittable PRNGs" (SplitMix64), 2014."""
    number = (number * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) & MASK
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & MASK
    return number ^ (number >> 31)


@dataclass(frozen=True)
class Replay:
    """One account's market: a venue clock at `speed` venue seconds per wall second, and a track per symbol."""

    start: int
    speed: int
    tracks: Mapping[str, Track]

    def venue_time(self, elapsed_ns: int) -> int:
        """Return the venue clock after `elapsed_ns` of running time."""
        return self.start + elapsed_ns * self.speed // 1_000

    def elapsed_ns(self, venue_time: int) -> int:
        """Return the running time after which the venue clock shows at least `venue_time`."""
        return -(-(venue_time - self.start) * 1_000 // self.speed)


def default_rate(speed: int) -> int:
    """Return the ticks per wall second and symbol of a speed: 8 at 3600, 1 at 60."""
    return max(1, min(8, speed // 450))
