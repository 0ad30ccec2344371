"""What is a tick, how does it stand in the hot stream, and is one missing before it?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Tick:
    """One quote of one symbol on one account.

    `seq` has no gaps per account and symbol; `venue_us` is the venue clock in microseconds since the epoch,
    `received_ns` our receipt in nanoseconds since the epoch.
    """

    symbol: str
    seq: int
    bid: Decimal
    ask: Decimal
    venue_us: int
    received_ns: int

    @property
    def venue_at(self) -> datetime:
        """The venue clock at this tick."""
        return EPOCH + timedelta(microseconds=self.venue_us)

    @property
    def received_at(self) -> datetime:
        """When the listener got it, on the wall clock."""
        return EPOCH + timedelta(microseconds=self.received_ns // 1000)


def fields(tick: Tick) -> dict[str, str | int]:
    """Return the tick as it stands in the hot stream: prices as decimal text."""
    return {
        "s": tick.symbol,
        "q": tick.seq,
        "b": f"{tick.bid:f}",
        "a": f"{tick.ask:f}",
        "v": tick.venue_us,
        "r": tick.received_ns,
    }


def parsed(entry: Mapping[bytes, bytes]) -> Tick:
    """Return the tick in an entry of the hot stream."""
    return Tick(
        symbol=entry[b"s"].decode(),
        seq=int(entry[b"q"]),
        bid=Decimal(entry[b"b"].decode()),
        ask=Decimal(entry[b"a"].decode()),
        venue_us=int(entry[b"v"]),
        received_ns=int(entry[b"r"]),
    )


def microseconds(at: datetime) -> int:
    """Return a moment in whole microseconds since the epoch."""
    return (at - EPOCH) // MICROSECOND
