"""How does an event loop ask a gateway? Many requests in flight over one socket, each answer to whoever waits for it.

`read` answers plain data; whoever needs a record makes it (`gateway_records`). Execution orders on top of `Wire`, in an
adapter of its own.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Self

import zmq

from guardian.adapters import gateway_records as records
from guardian.adapters.gateway_mt5.answers import (
    GatewaySilent,
    GatewayUnreachable,
    accepted,
    reported,
    unanswered,
    unreachable,
)
from guardian.adapters.gateway_mt5.link import CONNECT_MS, PAUSE_S, Link
from guardian.gateway import protocol
from guardian.gateway.protocol import ACTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from guardian.adapters.gateway_mt5.address import Address
    from guardian.adapters.gateway_records import Identity, OrderReport
    from guardian.gateway.protocol import Answer

log = logging.getLogger(__name__)


class Wire:
    """An asyncio client: many requests in flight over one socket, told apart by their ids, sent by one sender.

    Made inside the running loop that uses it: `async with Wire(address) as wire: …`.
    """

    def __init__(self, address: Address) -> None:
        self._link = Link(address)
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[str, asyncio.Future[Answer]] = {}
        self._writers: list[asyncio.Future[None]] = []
        self._file = int(self._link.socket.getsockopt(zmq.FD))
        self._loop.add_reader(self._file, self._drain)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the socket go; whoever still waits is told that nobody knows."""
        self._loop.remove_reader(self._file)
        for answer in self._waiting.values():
            answer.cancel()
        for writer in self._writers:
            writer.cancel()
        self._link.close()

    async def call(
        self,
        action: str,
        account_id: str,
        payload: Mapping[str, Any],
        *,
        idempotency_key: str | None = None,
        kill_epoch: int = 0,
        timeout_ms: int | None = None,
    ) -> Answer:
        """Send one request once and return the answer, whatever its status.

        Raises `GatewayUnreachable` when it was never sent; when no answer came in time, `OutcomeUnknown` for an action
        that changes state and `GatewaySilent` for one that reads.
        """
        time_out_s = (timeout_ms or ACTIONS[action].time_out_ms) / 1_000
        await self._until_writable(min(CONNECT_MS / 1_000, time_out_s))
        request_id, raw = self._link.sign(
            action, account_id, payload, idempotency_key=idempotency_key, kill_epoch=kill_epoch
        )
        future: asyncio.Future[Answer] = self._loop.create_future()
        try:
            self._link.socket.send(raw, zmq.NOBLOCK)
        except zmq.Again as error:
            raise unreachable(self._link.address) from error
        self._waiting[request_id] = future
        self._drain()  # the file descriptor wakes on edges: what came while we sent would wait for the next one
        try:
            async with asyncio.timeout(time_out_s):
                return await future
        except TimeoutError as error:
            raise unanswered(action, account_id, idempotency_key, time_out_s) from error
        finally:
            self._waiting.pop(request_id, None)

    async def _until_writable(self, time_out_s: float) -> None:
        """Wait for a connection. Raises `GatewayUnreachable`."""
        if self._link.is_writable():
            return
        writer: asyncio.Future[None] = self._loop.create_future()
        self._writers.append(writer)
        self._drain()
        try:
            async with asyncio.timeout(time_out_s):
                await writer
        except TimeoutError as error:
            raise unreachable(self._link.address) from error
        finally:
            if writer in self._writers:
                self._writers.remove(writer)

    def _drain(self) -> None:
        for answer in self._link.receive():
            future = self._waiting.get(answer.id)
            if future is None or future.done():
                log.info("an answer nobody waits for was dropped: %s", answer.id)
            else:
                future.set_result(answer)
        if self._writers and self._link.is_writable():
            for writer in self._writers:
                if not writer.done():
                    writer.set_result(None)
            self._writers.clear()

    # ── Reading ───────────────────────────────────────────────────────────────────────────────────────────────────────
    async def read(
        self, action: str, account_id: str, payload: Mapping[str, Any] | None = None, *, timeout_ms: int | None = None
    ) -> dict[str, Any]:
        """Ask until it is answered, as often as the action allows, and return its data.

        Raises `GatewayRejected`, `AccountMismatch`, `GatewayUnreachable` or `GatewaySilent`.
        """
        for left in reversed(range(ACTIONS[action].tries)):
            try:
                return accepted(await self.call(action, account_id, payload or {}, timeout_ms=timeout_ms))
            except (GatewaySilent, GatewayUnreachable):
                if not left:
                    raise
                await asyncio.sleep(PAUSE_S if action == "SYNC_ALL" else 0)
        raise AssertionError("an action is tried at least once")

    async def ping(self, account_id: str = protocol.NOBODY, *, timeout_ms: int | None = None) -> Identity:
        """Return who answers; with an account also whose it is."""
        return records.identity(await self.read("PING", account_id, timeout_ms=timeout_ms))

    async def order_query(self, account_id: str, *, key: str | None = None, order: int | None = None) -> OrderReport:
        """Return what became of a key or an order; `state` NOT_FOUND counts with its receipt only."""
        answer = await self.call("ORDER_QUERY", account_id, {"idempotency_key": key, "order": order})
        return records.order_report(reported(answer))
