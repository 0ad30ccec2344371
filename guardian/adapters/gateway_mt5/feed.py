"""What does a gateway tell without being asked? Ticks, on its PUB socket."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import zmq

from guardian.adapters import gateway_records as records
from guardian.adapters.gateway_mt5.link import connected
from guardian.gateway import protocol
from guardian.rules.ticks import Tick

if TYPE_CHECKING:
    from guardian.adapters.gateway_mt5.address import Address


class TickFeed:
    """Ticks of the accounts one follows, in order, from a SUB socket of its own. One thread, one owner."""

    def __init__(self, address: Address) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = connected(self._context.socket(zmq.SUB), address.ticks, address)

    def follow(self, login: str) -> None:
        """Take this account's ticks from now on."""
        self._socket.setsockopt_string(zmq.SUBSCRIBE, f"tick.{login}.")

    def unfollow(self, login: str) -> None:
        """Take them no more."""
        self._socket.setsockopt_string(zmq.UNSUBSCRIBE, f"tick.{login}.")

    def receive(self, timeout_ms: int, *, most: int = 1_000) -> list[tuple[str, Tick]]:
        """Return (login, tick) of everything that waits, at most `most`; wait up to `timeout_ms` for the first."""
        ticks: list[tuple[str, Tick]] = []
        if not self._socket.poll(timeout_ms):
            return ticks
        while len(ticks) < most:
            try:
                _, body = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
            ticks.append(_tick(body))
        return ticks

    def close(self) -> None:
        """Let the socket go."""
        self._socket.close(0)
        self._context.term()


def _tick(body: bytes) -> tuple[str, Tick]:
    row = json.loads(body)
    tick = Tick(
        symbol=row["symbol"], seq=row["seq"], bid=records.price(row["bid"]), ask=records.price(row["ask"]),
        venue_us=protocol.micros_of(row["venue_time"]), received_ns=time.time_ns(),
    )  # fmt: skip
    return row["login"], tick
