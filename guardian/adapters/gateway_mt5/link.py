"""How does a request leave, and whose is an answer? The socket and the envelope under both wires."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Final

import zmq

from guardian.gateway import protocol
from guardian.gateway.protocol import AnswerForged

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from guardian.adapters.gateway_mt5.address import Address
    from guardian.gateway.protocol import Answer

log = logging.getLogger(__name__)

CONNECT_MS: Final = 1_000  # how long a request waits for a connection before it counts as never sent
PAUSE_S: Final = 1.0  # between two tries of SYNC_ALL
READABLE, WRITABLE = int(zmq.POLLIN), int(zmq.POLLOUT)  # flags of zmq are slow to compare
QUEUE_MAX: Final = 100_000  # ticks that may wait in front of a slow reader


class Link:
    """The DEALER socket and its envelope: built, sent, received, verified. One thread, one owner."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.socket = connected(self._context.socket(zmq.DEALER), address.command, address)

    def sign(
        self, action: str, account_id: str, payload: Mapping[str, Any], *, idempotency_key: str | None, kill_epoch: int
    ) -> tuple[str, bytes]:
        """Return a correlation id and the signed request."""
        return protocol.build_request(
            key=self.address.key, action=action, gateway_id=self.address.gateway_id, account_id=account_id,
            payload=payload, now_ms=time.time_ns() // 1_000_000, idempotency_key=idempotency_key,
            kill_epoch=kill_epoch,
        )  # fmt: skip

    def receive(self) -> Iterator[Answer]:
        """Yield every answer that waits and whose signature fits; the others are logged and dropped."""
        while self._events() & READABLE:
            raw = self.socket.recv(zmq.NOBLOCK)
            try:
                yield protocol.open_answer(raw, self.address.key)
            except AnswerForged as error:
                log.warning("an answer of gateway %s was dropped: %s", self.address.gateway_id, error)

    def is_writable(self) -> bool:
        """Tell whether there is a connection that takes a request."""
        return bool(self._events() & WRITABLE)

    def _events(self) -> int:
        return int(self.socket.getsockopt(zmq.EVENTS))

    def close(self) -> None:
        """Let the socket go."""
        self.socket.close(0)
        self._context.term()


def connected(socket: zmq.Socket[bytes], url: str, address: Address) -> zmq.Socket[bytes]:
    """Return the socket, set up as the house's sockets are and connecting to `url` from now on."""
    socket.setsockopt(zmq.LINGER, 0)
    if socket.type == zmq.DEALER:
        # A request waits for a connection with us and not in a queue: what cannot be written was provably not sent.
        socket.setsockopt(zmq.IMMEDIATE, 1)
    socket.setsockopt(zmq.RECONNECT_IVL, 50)
    socket.setsockopt(zmq.RECONNECT_IVL_MAX, 500)
    socket.setsockopt(zmq.RCVHWM, QUEUE_MAX)
    if address.curve:
        socket.curve_serverkey, socket.curve_publickey, socket.curve_secretkey = address.curve
    socket.connect(url)
    return socket


def window(start: datetime, end: datetime, symbol: str | None) -> dict[str, Any]:
    """Return the payload of GET_HISTORY for a window of the venue clock."""
    # Whole seconds: the window may show a deal of a moment before or after, never one less.
    return {"time_from": int(start.timestamp()), "time_to": -int(-end.timestamp() // 1), "symbol": symbol}
