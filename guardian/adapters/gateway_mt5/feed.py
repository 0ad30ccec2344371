"""What does a gateway tell without being asked? Ticks and deals, on its PUB socket."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Self

import zmq

from guardian.adapters import gateway_records as records
from guardian.adapters.gateway_mt5.link import READABLE, connected
from guardian.gateway import protocol
from guardian.rules.ticks import Tick

if TYPE_CHECKING:
    from types import TracebackType

    from guardian.adapters.gateway_mt5.address import Address


logger = logging.getLogger(__name__)
UNREADABLE = (ValueError, KeyError, TypeError)  # what a message that is no tick or deal makes of us


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
            try:
                ticks.append(_tick(body))
            except UNREADABLE as error:  # dropped and said: the gap in the numbers keeps new risk away
                logger.warning("a tick that cannot be read was dropped: %s", error)
        return ticks

    def close(self) -> None:
        """Let the socket go."""
        self._socket.close(0)
        self._context.term()


class DealFeed:
    """Deals of one account as they are told, in the caller's event loop, from a SUB socket of its own. One owner.

    Made inside the running loop that uses it: `async with DealFeed(address, login) as deals: …`. A doorbell and no
    record: what was told before the connection stood, or while it was away, is not heard, and only history counts.
    """

    def __init__(self, address: Address, login: str) -> None:
        self._topic = f"deal.{login}".encode()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = connected(self._context.socket(zmq.SUB), address.ticks, address)
        self._socket.setsockopt(zmq.SUBSCRIBE, self._topic)
        self._told: list[str] = []
        self._rings = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._file = int(self._socket.getsockopt(zmq.FD))
        self._loop.add_reader(self._file, self._drain)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the socket go."""
        self._loop.remove_reader(self._file)
        self._socket.close(0)
        self._context.term()

    async def wait(self, time_out_s: float) -> list[str]:
        """Return the numbers of the deals told since the last call; wait up to `time_out_s` for the first."""
        self._drain()  # the file descriptor wakes on edges, and one of them may have passed
        with suppress(TimeoutError):
            async with asyncio.timeout(time_out_s):
                await self._rings.wait()
        self._rings.clear()
        told, self._told = self._told, []
        return told

    def _drain(self) -> None:
        while int(self._socket.getsockopt(zmq.EVENTS)) & READABLE:
            topic, body = self._socket.recv_multipart(zmq.NOBLOCK)
            if topic != self._topic:
                continue  # a subscription is a prefix: `deal.1` hears login 11 too
            try:
                self._told.append(str(json.loads(body)["deal"]["deal"]))
            except UNREADABLE as error:  # it rings all the same: the history says what was meant
                logger.warning("a deal that cannot be read was told: %s", error)
            self._rings.set()


def _tick(body: bytes) -> tuple[str, Tick]:
    row = json.loads(body)
    tick = Tick(
        symbol=row["symbol"], seq=row["seq"], bid=records.price(row["bid"]), ask=records.price(row["ask"]),
        venue_us=protocol.micros_of(row["venue_time"]), received_ns=time.time_ns(),
    )  # fmt: skip
    return row["login"], tick
