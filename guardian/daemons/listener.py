"""Where does every tick go? Into the hot stream of its account, in order; nothing is decided here.

One thread: hear the gateway, write what was heard in one round trip, show people the last prices twice a second. Ticks
wait in memory while Valkey is away; a gateway that is away reconnects by itself; the database is needed only to know
what to watch.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import close_old_connections, connection

from crs.kernel import clock
from guardian import queries
from guardian.adapters.gateway_mt5.address import configured
from guardian.adapters.gateway_mt5.feed import TickFeed
from guardian.adapters.hot_redis import HotTierLost, TickWriter
from guardian.operations import signs, symbols

if TYPE_CHECKING:
    import threading

    from guardian.queries import Watched
    from guardian.rules.ticks import Tick

logger = logging.getLogger(__name__)

NAME = "daemon:listener"
READ_MS = 20  # how long one turn waits for a tick
REFRESH_S = 0.5  # how often people's prices and the list of accounts are renewed
BEAT_S = 1.0
BACKLOG_MAX = 100_000  # ticks that wait while Valkey is away; older ones are missing then, and seen to be


def run(stop: threading.Event) -> None:
    """Listen until `stop`."""
    feed = TickFeed(configured())
    writer = TickWriter(settings.REDIS_URL, environment=settings.CRS_ENV)
    listener = Listener(feed, writer)
    try:
        while not stop.is_set():
            listener.turn()
    finally:
        writer.close()
        feed.close()
        connection.close()


class Listener:
    """What the listener remembers from turn to turn."""

    def __init__(self, feed: TickFeed, writer: TickWriter) -> None:
        self.feed, self.writer = feed, writer
        self.codes: dict[str, str] = {}  # login → account code
        self.rows: dict[tuple[str, str], Watched] = {}  # (login, symbol)
        self.seqs: dict[tuple[str, str], int] = {}
        self.latest: dict[tuple[str, str], Tick] = {}
        self.gaps: dict[tuple[str, str], int] = {}
        self.backlog: deque[tuple[str, Tick]] = deque(maxlen=BACKLOG_MAX)
        self._refresh_at = self._beat_at = 0.0

    def turn(self) -> None:
        """One turn: hear, write, and when it is time show and look what is to be watched."""
        self.hear(self.feed.receive(READ_MS))
        self.write()
        if time.monotonic() >= self._refresh_at:
            self._refresh_at = time.monotonic() + REFRESH_S
            self.refresh()

    def hear(self, heard: list[tuple[str, Tick]]) -> None:
        """Take ticks in order; one that came before (a gateway that started again repeats some) is left out."""
        for login, tick in heard:
            key = (login, tick.symbol)
            before = self.seqs.get(key)
            if key not in self.rows or (before is not None and tick.seq <= before):
                continue
            if before is not None and tick.seq != before + 1:
                self.gaps[key] = self.gaps.get(key, 0) + 1
                logger.warning("%s %s: ticks %d to %d are missing", login, tick.symbol, before + 1, tick.seq - 1)
            self.seqs[key] = tick.seq
            self.latest[key] = tick
            self.backlog.append((self.codes[login], tick))

    def write(self) -> None:
        """Append what waits to the hot streams; while Valkey is away it goes on waiting."""
        while self.backlog:
            batch = [self.backlog.popleft() for _ in range(min(len(self.backlog), 1_000))]
            try:
                self.writer.write(batch)
            except HotTierLost as lost:
                # Some of it may have arrived: whoever reads leaves out what he has handled, by `seq`.
                self.backlog.extendleft(reversed(batch))
                logger.warning("%s", lost)
                time.sleep(REFRESH_S / 5)
                return

    def refresh(self) -> None:
        """Show people the last prices, and look which accounts are to be watched."""
        try:
            close_old_connections()
            shown = [
                (row.id, tick, self.gaps.get(key, 0))
                for key, tick in self.latest.items()
                if (row := self.rows.get(key)) is not None
            ]
            symbols.show(shown, at=clock.now())
            self.latest.clear()
            self.gaps.clear()
            self.look(queries.watched())
            if time.monotonic() >= self._beat_at:
                self._beat_at = time.monotonic() + BEAT_S
                signs.beat(NAME, detail=f"{len(self.rows)} symbols")
        except DatabaseError as error:
            logger.warning("the database is away: %s", type(error).__name__)
            connection.close()

    def look(self, watched: list[Watched]) -> None:
        """Watch these symbols from now on; the stream of an account that nobody watches any more is let go."""
        rows = {(row.login, row.symbol): row for row in watched}
        codes = {row.login: row.account_code for row in watched}
        for login in self.codes.keys() - codes.keys():
            self.feed.unfollow(login)
            try:
                self.writer.forget(self.codes[login])
            except HotTierLost as lost:
                logger.warning("%s", lost)
        for key in self.seqs.keys() - rows.keys():
            del self.seqs[key]
        for login in codes.keys() - self.codes.keys():
            self.feed.follow(login)
        self.rows, self.codes = rows, codes
