"""What does the paper venue hold, and what changes when time passes? Accounts, their replays, halts and keys.

No socket and no file: the server hands in requests and moments, and takes out answers, records for the journal and
ticks to publish. `Now` carries both clocks: the monotonic one drives replays, the wall one stamps receipts.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from guardian.gateway import bars, wire
from guardian.gateway.book import Account
from guardian.gateway.codes import Refused
from guardian.gateway.faults import Faults
from guardian.gateway.payloads import moment_of
from guardian.gateway.protocol import login_of
from guardian.gateway.replay import Bars, Recorded, Replay, Tick, Track, Walk, default_rate
from guardian.gateway.rows import Order, Quote, Tickets
from guardian.gateway.symbols import SYMBOLS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date
    from pathlib import Path

log = logging.getLogger(__name__)

GATEWAY_ID: Final = "PAPER"
SERVER: Final = "CRS-Paper"
PROGRAM: Final = "crs-paper 1"
# After a restart a replay waits for its listener, so that no tick goes to nobody; but no longer than this.
GRACE_NS: Final = 2_000_000_000
KEYS_MIN: Final = 10_000
KEYS_KEPT_MS: Final = 3_600_000


class Now(NamedTuple):
    """A moment: nanoseconds of a clock that never goes back, and milliseconds since the epoch."""

    mono_ns: int
    wall_ms: int


class Publication(NamedTuple):
    """Something for the PUB socket."""

    topic: str
    body: dict[str, Any]


@dataclass(slots=True)
class Outcome:
    """What became of a request; recorded under its key."""

    status: str
    code: str
    message: str
    data: dict[str, Any]
    digest: str = ""
    wall_ms: int = 0


@dataclass(slots=True)
class Latch:
    """A halt that the gateway itself holds: it blocks new risk until a release of a higher epoch."""

    account_id: str
    scope: str
    epoch: int
    state: str
    positions: str
    reason: str
    symbol: str | None
    magic_numbers: list[int] | None

    def covers(self, login: int, symbol: str, magic: int) -> bool:
        """Whether an order or a position falls under this halt."""
        return (
            self.account_id in ("", str(login))
            and self.symbol in (None, symbol)
            and (self.magic_numbers is None or magic in self.magic_numbers)
        )


@dataclass(slots=True)
class Running:
    """An open or closed account with its market."""

    book: Account
    terms: dict[str, Any]
    replay: Replay
    elapsed_ns: int
    resumed_ns: int
    faults: Faults = field(default_factory=Faults)
    quotes: dict[str, Quote] = field(default_factory=dict)
    seqs: dict[str, int] = field(default_factory=dict)  # of the last tick
    ahead: dict[str, Tick | None] = field(default_factory=dict)  # the next one
    days: dict[str, date] = field(default_factory=dict)  # trading day of each symbol that holds a position
    is_closed: bool = False
    is_live: bool = False  # its ticks are published one by one; otherwise its clock is looked at when asked
    stalled_until_ns: int = 0

    def elapsed(self, now: Now) -> int:
        """How long the replay has run: neither while the account is closed nor while the gateway was down."""
        return self.elapsed_ns if self.is_closed else self.elapsed_ns + max(now.mono_ns - self.resumed_ns, 0)

    def venue_time(self, now: Now) -> int:
        """The venue clock, in microseconds."""
        return self.replay.venue_time(self.elapsed(now))


class Venue:
    """All accounts of one paper gateway."""

    def __init__(self, *, data: Path, gateway_id: str = GATEWAY_ID) -> None:
        self.gateway_id = gateway_id
        self.data = data
        self.tickets = Tickets()
        self.accounts: dict[int, Running] = {}
        self.keys: dict[str, Outcome] = {}
        self.latches: dict[tuple[str, str], Latch] = {}
        self.epoch = 0
        self.faults = Faults()
        self.watched: set[bytes] = set()
        self.counters = dict.fromkeys(
            ("requests_processed", "orders_executed", "orders_rejected", "errors_encountered"), 0
        )

    # ── Accounts ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def start(self, terms: dict[str, Any], *, now: Now, is_closed: bool = False) -> Running:
        """Make the account of `terms` (journaled) with its replay; a closed one has no market any more.

        Raises `Refused` when there is no such market."""
        tracks = {} if is_closed else self._tracks(terms["replay"])
        if tracks:
            terms["sources"] = {name: track.bars.source for name, track in tracks.items()}
        book = Account(
            login=terms["login"], margin_mode=terms["margin_mode"], leverage=terms["leverage"], tickets=self.tickets
        )
        replay = Replay(terms["replay"]["start"], terms["replay"]["speed"], tracks)
        running = Running(book, terms, replay, elapsed_ns=0, resumed_ns=now.mono_ns)
        self.accounts[terms["login"]] = running
        self.tickets.login = max(self.tickets.login, terms["login"] + 1)
        return running

    def _tracks(self, terms: dict[str, Any]) -> dict[str, Track]:
        tracks = {}
        folder = self._folder(terms["data"])
        start, seed, speed = terms["start"], terms["seed"], terms["speed"]
        for name in terms["symbols"]:
            spec = SYMBOLS.get(name)
            if spec is None:
                raise Refused("UNKNOWN_SYMBOL", f"this gateway offers {', '.join(SYMBOLS)}")
            series = bars.find(folder, spec, start=start)
            if series is None and not spec.walk_start:
                raise Refused("INVALID_VALUE", f"{name}: {folder} has no {name.partition('.')[0]}_<period>.csv")
            source: Bars = Recorded(series, start=start) if series else Walk(spec, start=start, seed=seed)
            rate = terms["ticks_per_second"] or default_rate(speed)
            tracks[name] = Track(spec, source, start=start, speed=speed, ticks_per_second=rate, seed=seed)
        return tracks

    def _folder(self, name: str | None) -> Path:
        """Return the folder of a replay: the gateway's own, one inside it by name, or any by its absolute path."""
        return self.data / name if name else self.data

    def account(self, account_id: str) -> Running:
        """Return the account of a request. Raises `Refused` ACCOUNT_MISMATCH: no such login here."""
        running = self.accounts.get(login_of(account_id))
        if running is None:
            raise Refused("ACCOUNT_MISMATCH", f"login {account_id[:20] or '(none)'} is not served here")
        return running

    def is_halted(self, login: int, symbol: str, magic: int) -> Latch | None:
        """Return the halt that covers this order, if any."""
        return next(
            (
                latch
                for latch in self.latches.values()
                if latch.state == "ENGAGED" and latch.covers(login, symbol, magic)
            ),
            None,
        )

    # ── Time ──────────────────────────────────────────────────────────────────────────────────────────────────────────
    def advance(self, now: Now) -> tuple[list[Publication], list[dict[str, Any]]]:
        """Let time pass: return the ticks and deals to publish and the records to journal first."""
        published: list[Publication] = []
        records: list[dict[str, Any]] = []
        for login, running in self.accounts.items():
            if running.is_closed or running.stalled_until_ns > now.mono_ns:
                continue
            if running.resumed_ns > now.mono_ns and self.is_watched(login):
                running.resumed_ns = now.mono_ns
            if not self._needs_ticks(running):
                running.is_live = False
                continue
            if not running.is_live:
                self.catch_up(running, now)
            self._run(login, running, now, published, records)
        return published, records

    def _needs_ticks(self, running: Running) -> bool:
        """Somebody listens, or the venue itself has to: nobody else's account costs anything."""
        return bool(running.book.positions or running.book.placed or self.is_watched(running.book.login))

    def is_watched(self, login: int) -> bool:
        """Whether a subscriber's prefix takes ticks of this account."""
        topic = f"tick.{login}.".encode()
        return any(topic.startswith(prefix) or prefix.startswith(topic) for prefix in self.watched)

    def catch_up(self, running: Running, now: Now) -> None:
        """Set the quotes of an account that nobody watched, and that held nothing, to its clock."""
        if running.is_live:
            return
        venue_time = running.venue_time(now)
        for name, track in running.replay.tracks.items():
            self._set_quote(running, name, track, track.seq_at(venue_time))
        running.is_live = not running.is_closed and self._needs_ticks(running)

    @staticmethod
    def _set_quote(running: Running, name: str, track: Track, seq: int) -> None:
        running.seqs[name] = seq
        if seq and (tick := track.tick(seq)):
            running.quotes[name] = Quote(tick.bid, tick.ask, tick.venue_time)
        running.ahead[name] = track.tick(seq + 1)
        running.days[name] = track.spec.hours.trading_day(running.quotes[name].at if seq else running.replay.start)

    def _run(
        self, login: int, running: Running, now: Now, published: list[Publication], records: list[dict[str, Any]]
    ) -> None:
        """Publish every tick that is due on one account, in the order of the venue clock."""
        venue_time = running.venue_time(now)
        book, tracks = running.book, running.replay.tracks
        while True:
            due = [(tick.venue_time, name) for name, tick in running.ahead.items() if tick]
            if not due or min(due)[0] > venue_time:
                return
            name = min(due)[1]
            tick = running.ahead[name]
            assert tick is not None
            self._roll_over(running, name, tick.venue_time)
            running.seqs[name], running.ahead[name] = tick.seq, tracks[name].tick(tick.seq + 1)
            running.quotes[name] = Quote(tick.bid, tick.ask, tick.venue_time)
            published.append(Publication(f"tick.{login}.{name}", wire.tick(login, SYMBOLS[name], tick)))
            if not book.positions and not book.placed:
                continue
            deals_before = len(book.deals)
            book.on_tick(name, running.quotes, at=tick.venue_time, is_halted=lambda row: self._halts(login, row))
            if rows := book.take_touched():
                elapsed = running.replay.elapsed_ns(tick.venue_time)
                records.append({"kind": "VENUE", "rows": {str(login): rows}, "clock": {str(login): elapsed}})
                published.extend(deal_events(running, book.deals[deals_before:]))

    def _halts(self, login: int, order: Order) -> bool:
        return self.is_halted(login, order.symbol, order.magic) is not None

    def _roll_over(self, running: Running, name: str, venue_time: int) -> None:
        hours = SYMBOLS[name].hours
        today = hours.trading_day(venue_time)
        day = running.days[name]
        while day < today:
            running.book.roll_over(SYMBOLS[name], day)
            day = day.fromordinal(day.toordinal() + 1)
        running.days[name] = today

    def next_due_ns(self) -> int | None:
        """Return the monotonic moment of the next tick, or None when nobody waits for one."""
        due = []
        for running in self.accounts.values():
            if running.is_closed or not running.is_live:
                continue
            moments = [running.replay.elapsed_ns(tick.venue_time) for tick in running.ahead.values() if tick]
            if moments:
                due.append(max(running.resumed_ns + min(moments) - running.elapsed_ns, running.stalled_until_ns))
        return min(due, default=None)

    # ── After a restart ───────────────────────────────────────────────────────────────────────────────────────────────
    def restore(self, records: Iterable[dict[str, Any]], clocks: dict[str, int], *, now: Now) -> None:
        """Rebuild everything from the journal. A request that waited when the process died was never carried out."""
        records = list(records)
        closed = {record["closed"] for record in records if "closed" in record}
        for record in records:
            self._restore(record, closed, now)
        self.forget_keys(now)
        for outcome in self.keys.values():
            if outcome.status == "PENDING":
                outcome.status, outcome.code = "REJECTED", "MT5_NOT_CONNECTED"
                outcome.message = "the gateway stopped before it carried this out"
        for running in self.accounts.values():
            saved = 0 if running.is_closed else clocks.get(str(running.book.login), 0)
            running.elapsed_ns = max(running.elapsed_ns, saved)
            running.resumed_ns = now.mono_ns + GRACE_NS
            self.catch_up(running, now)
            for position in running.book.positions.values():  # of an account whose market is gone
                running.quotes.setdefault(position.symbol, Quote(position.price, position.price, position.time))

    def _restart(self, terms: dict[str, Any], *, is_closed: bool, now: Now) -> None:
        """Make a journaled account again; one whose files were taken away has no market, and the others go on."""
        try:
            self.start(terms, now=now, is_closed=is_closed)
        except Refused as refused:
            log.warning("login %s has no market any more: %s", terms["login"], refused.message)
            self.start(terms, now=now, is_closed=True)

    def _restore(self, record: dict[str, Any], closed: set[int], now: Now) -> None:
        if terms := record.get("terms"):
            self._restart(terms, is_closed=terms["login"] in closed, now=now)
        for login, rows in record.get("rows", {}).items():
            self.accounts[int(login)].book.load(rows)
        for login, elapsed in record.get("clock", {}).items():
            running = self.accounts[int(login)]
            running.elapsed_ns = max(running.elapsed_ns, elapsed)
        if "closed" in record:
            self.accounts[record["closed"]].is_closed = True
        if latch := record.get("latch"):
            self.keep_latch(Latch(**latch))
        if key := record.get("key"):
            self.keys[key] = Outcome(**record["outcome"])

    def forget_keys(self, now: Now) -> None:
        """Forget the oldest outcomes, of more than `KEYS_MIN` and after an hour; nobody asks for them any more."""
        while len(self.keys) > KEYS_MIN:
            oldest = next(iter(self.keys))
            if self.keys[oldest].wall_ms > now.wall_ms - KEYS_KEPT_MS or self.keys[oldest].status == "PENDING":
                return
            del self.keys[oldest]

    def keep_latch(self, latch: Latch) -> None:
        """Take a halt or its release, and the highest epoch seen."""
        self.latches[latch.account_id, latch.scope] = latch
        self.epoch = max(self.epoch, latch.epoch)

    def clocks(self, now: Now) -> dict[str, int]:
        """Return how long each open account's replay has run."""
        return {str(login): row.elapsed(now) for login, row in self.accounts.items() if not row.is_closed}


def deal_events(running: Running, deals: Iterable[Any]) -> list[Publication]:
    """Return the events that tell subscribers of an account about its deals."""
    login = running.book.login
    return [Publication(f"deal.{login}", {"login": str(login), "deal": wire.deal(row)}) for row in deals]


def receipt(running: Running, now: Now, *, lag_ms: int = 0) -> dict[str, str]:
    """Return up to when history is complete, on the venue clock and on the wall clock; live they are equal."""
    elapsed = max(running.elapsed(now) - lag_ms * 1_000_000, 0)
    return {
        "complete_through": moment_of(running.replay.venue_time(elapsed)),
        "complete_through_wall": moment_of((now.wall_ms - lag_ms) * 1_000),
    }
