"""How does a session do on a machine of this or that speed? The venue's replay and the session's own rules, in no time.

A minute of a session takes a few hundredths of a second: ticks, stops and swap are the paper gateway's, bars, wishes
and figures the session's. What a machine changes is when something happens: how late a tick is handled, how long an
order takes, how often everything stands still. `Pace` says that, and a seed draws it.
"""

from __future__ import annotations

import heapq
import random
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from guardian.gateway import bars
from guardian.gateway.book import Account
from guardian.gateway.codes import Refused
from guardian.gateway.replay import Recorded, Replay, Tick, Track, Walk, default_rate
from guardian.gateway.rows import Position, Quote, Tickets
from guardian.gateway.symbols import SYMBOLS
from guardian.rules.ticks import microseconds
from strategies.operations.trading import CLOSING_SOON, STEP_S
from strategies.rules import signals

if TYPE_CHECKING:
    from collections.abc import Callable

    from strategies.rules.configuration import Plan, SymbolPlan

DATA: Final = Path(__file__).resolve().parent.parent.parent / "data"
SECOND: Final = 1_000_000  # microseconds
STALE: Final = 1 * SECOND  # the gate takes no new risk on an older tick
SLICE: Final = 4 * SECOND
LEVERAGE: Final = 100


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a machine is, in microseconds: each figure is drawn up to its bound, `stalls` a minute."""

    name: str
    opening: int  # from the account to the first slice
    lag: int  # from a tick to its handling
    order: int  # there, and back again
    hand_over: int  # from slice to slice nobody handles anything
    stall: int
    stalls: int


QUIET: Final = Pace("quiet", opening=800_000, lag=8_000, order=20_000, hand_over=10_000, stall=0, stalls=0)
BUSY: Final = Pace("busy", opening=4 * SECOND, lag=150_000, order=300_000, hand_over=400_000, stall=SECOND, stalls=6)
DROWNING: Final = Pace(
    "drowning", opening=10 * SECOND, lag=600_000, order=SECOND, hand_over=SECOND, stall=3 * SECOND, stalls=8
)
PACES: Final = (QUIET, BUSY, DROWNING)


@dataclass(frozen=True, slots=True)
class Outcome:
    """PnL in cents: at the end, and the deepest that anybody could have seen: venue or session, at any tick.

    `told` is the deepest that holds for a whole second, which the limit's step of 0.1 s cannot miss.
    """

    pnl: int
    deepest: int
    told: int
    trades: int


class Rehearsal:
    """One session, from its first tick to its last."""

    def __init__(self, plan: Plan, pace: Pace, *, seed: int) -> None:
        self.plan, self.pace = plan, pace
        self.dice = random.Random(seed)
        self.start = microseconds(plan.start)
        self.entries = {entry.symbol: entry for entry in plan.symbols}
        self.replay = Replay(self.start, plan.speed, {entry.symbol: self._track(entry) for entry in plan.symbols})
        self.book = Account(login=1, margin_mode=plan.margin_mode, leverage=LEVERAGE, tickets=Tickets())
        self.deposit = plan.deposit_units // 10_000
        self.book.book_cash("BALANCE", self.deposit, at=self.start)
        self.quotes: dict[str, Quote] = {}
        self.marks: dict[str, Quote] = {}
        self.tracks = {entry.symbol: signals.Track() for entry in plan.symbols}
        self.known: tuple[int, list[Position]] = (self.deposit, [])
        self.acting: set[str] = set()
        self.events: list[tuple[int, int, str, Any]] = []  # wall clock, order, kind, what
        self.count = 0
        self.trading_from = self.dice.randrange(pace.opening // 2, pace.opening)
        self.until = self.trading_from + plan.duration_s * SECOND
        self.gaps = self._gaps()
        self.handled_until = 0
        self.seen: list[tuple[int, int]] = []  # (wall clock, PnL in cents as the session saw it)
        self.deepest = 0
        self.trades = 0

    def _track(self, entry: SymbolPlan) -> Track:
        spec = SYMBOLS[entry.symbol]
        series = bars.find(DATA, spec, start=self.start)
        source = Recorded(series, start=self.start) if series else Walk(spec, start=self.start, seed=self.plan.seed)
        rate = self.plan.ticks_per_s or default_rate(self.plan.speed)
        return Track(spec, source, start=self.start, speed=self.plan.speed, ticks_per_second=rate, seed=self.plan.seed)

    def _gaps(self) -> list[tuple[int, int]]:
        """When nobody handles a tick: until the session runs, from slice to slice, and in every stall."""
        ends = range(self.trading_from + SLICE, self.until, SLICE)
        stalls = range(self.pace.stalls * self.plan.duration_s // 60)
        begins = [self.dice.randrange(self.trading_from, self.until) for _ in stalls]
        return [
            (0, self.trading_from),
            *((begin, begin + self._drawn(self.pace.hand_over)) for begin in ends),
            *((begin, begin + self._drawn(self.pace.stall)) for begin in begins),
        ]

    def _drawn(self, most: int) -> int:
        return self.dice.randrange(most // 4, most + 1) if most else 0

    def _at(self, wall: int, kind: str, what: Any = None) -> None:
        self.count += 1
        heapq.heappush(self.events, (wall, self.count, kind, what))

    # ── The run ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def run(self) -> Outcome:
        for name, track in self.replay.tracks.items():
            self._offer(name, track.tick(1))
        steps: dict[str, Callable[[int, Any], None]] = {
            "tick": self._tick, "see": self._see, "enter": self._enter, "leave": self._leave, "know": self._know,
        }  # fmt: skip
        while self.events and self.events[0][0] < self.until:
            wall, _, kind, what = heapq.heappop(self.events)
            steps[kind](wall, what)
        for position in list(self.book.positions.values()):
            self.book.close(position, position.volume, quote=self.quotes[position.symbol], at=self.start)
        return Outcome(self.book.balance - self.deposit, self.deepest, self._told(), self.trades)

    def _told(self) -> int:
        """The least that stood for a second: the largest PnL of each second, and of them the smallest."""
        tops: dict[int, int] = {}
        for wall, pnl in self.seen:
            tops[wall // SECOND] = max(tops.get(wall // SECOND, pnl), pnl)
        return min(tops.values(), default=0)

    def _offer(self, name: str, tick: Tick | None) -> None:
        if tick is not None:
            self._at((tick.venue_time - self.start) // self.plan.speed, "tick", (name, tick))

    def _tick(self, wall: int, what: tuple[str, Tick]) -> None:
        """The venue: quote, stops, swap; the session hears of it later, in order."""
        name, tick = what
        hours = SYMBOLS[name].hours
        before = self.quotes.get(name)
        if before and (day := hours.trading_day(before.at)) != hours.trading_day(tick.venue_time):
            self.book.roll_over(SYMBOLS[name], day)
        self.quotes[name] = Quote(tick.bid, tick.ask, tick.venue_time)
        if self.book.on_tick(name, self.quotes, at=tick.venue_time, is_halted=lambda _: False):
            self._at(wall + self._drawn(self.pace.order), "know")
        self.deepest = min(self.deepest, self.book.figures(self.quotes).equity - self.deposit)
        due = max(wall + self._drawn(self.pace.lag), self.handled_until)
        for begin, end in self.gaps:
            if begin <= due < end:
                due = end
        self.handled_until = due
        self._at(due, "see", (name, tick, wall))
        self._offer(name, self.replay.tracks[name].tick(tick.seq + 1))

    def _see(self, wall: int, what: tuple[str, Tick, int]) -> None:
        """The session: mark, wish, and an order where the wish differs from what is held."""
        name, tick, offered = what
        self.marks[name] = Quote(tick.bid, tick.ask, tick.venue_time)
        spec, state = SYMBOLS[name], self.tracks[name]
        wish = signals.on_tick(
            state, bid_points=tick.bid // spec.point, venue_us=tick.venue_time, parameters=self.plan.signal
        )
        if not spec.hours.is_open(tick.venue_time + CLOSING_SOON // timedelta(microseconds=1)):
            wish = "FLAT"
        self._look(wall)
        if wish is None or name in self.acting:
            return
        is_held = any(position.symbol == name for position in self.known[1])
        if wish == "LONG" and not is_held and wall - offered <= STALE:
            self._send(wall, "enter", name, tick)
        elif wish == "FLAT" and is_held:
            self._send(wall, "leave", name, tick)

    def _send(self, wall: int, kind: str, name: str, tick: Tick) -> None:
        self.acting.add(name)
        self._at(wall + self._drawn(self.pace.order), kind, (name, tick))

    def _enter(self, wall: int, what: tuple[str, Tick]) -> None:
        name, tick = what
        spec, entry = SYMBOLS[name], self.entries[name]
        price = Decimal(spec.price_text(tick.ask))
        stop, target = signals.stops(
            price, digits=spec.digits, stop_loss_pips=entry.stop_loss_pips, take_profit_pips=entry.take_profit_pips,
            stops_level=spec.stops_level + (tick.ask - tick.bid) // spec.point,
        )  # fmt: skip
        wish = {
            "symbol": name, "type": "BUY", "volume": entry.lots, "price": None, "sl": int(stop.scaleb(8)),
            "tp": int(target.scaleb(8)), "magic": entry.magic, "comment": "", "deviation": 0, "filling": "IOC",
            "reduce_only": False, "decision_id": "",
        }  # fmt: skip
        with suppress(Refused):  # the price has run away from its stops meanwhile
            self.book.open(wish, key=None, quotes=self.quotes, at=self.quotes[name].at)
            self.trades += 1
        self._at(wall + self._drawn(self.pace.order), "know", name)

    def _leave(self, wall: int, what: tuple[str, Tick]) -> None:
        for position in [row for row in self.book.positions.values() if row.symbol == what[0]]:
            self.book.close(position, position.volume, quote=self.quotes[what[0]], at=self.quotes[what[0]].at)
        self._at(wall + self._drawn(self.pace.order), "know", what[0])

    def _know(self, wall: int, name: str | None) -> None:
        """What the venue did is booked; the next order of the symbol may go."""
        self.known = (self.book.balance, list(self.book.positions.values()))
        if name:
            self.acting.discard(name)
        self._look(wall)

    def _look(self, wall: int) -> None:
        """What the session itself would say it is worth now, from its book and the marks it has seen."""
        balance, positions = self.known
        if wall >= self.trading_from and all(position.symbol in self.marks for position in positions):
            floating = sum(self.book.profit(row, self.marks[row.symbol]) + row.swap for row in positions)
            pnl = balance + floating - self.deposit
            self.seen.append((wall, pnl))
            self.deepest = min(self.deepest, pnl)


assert STEP_S < 1, "a fall that stands for a second is seen"
