"""How do we reach a gateway, and what does it say? The wire for both sides of the house, and the reading client.

Guardian reads (identity, symbols, account, positions, history, ticks); execution orders on top of `Wire`, in an adapter
of its own. Three answers are possible: done, refused, or nobody knows: a request that went out and was not answered is
never sent again. Only one that provably never left (`GatewayUnreachable`) may be.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import zmq
from django.conf import settings

from crs.kernel.refusal import Refusal
from guardian.adapters import gateway_records as records
from guardian.gateway import protocol
from guardian.gateway.protocol import ACTIONS, Answer, AnswerForged, Key
from guardian.rules.ticks import Tick

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from types import TracebackType

    from guardian.adapters.gateway_records import AccountFigures, History, Identity, OrderReport, Position, SymbolInfo

log = logging.getLogger(__name__)

CONNECT_MS: Final = 1_000  # how long a request waits for a connection before it counts as never sent
PAUSE_S: Final = 1.0  # between two tries of SYNC_ALL
READABLE, WRITABLE = int(zmq.POLLIN), int(zmq.POLLOUT)  # flags of zmq are slow to compare
QUEUE_MAX: Final = 100_000  # ticks that may wait in front of a slow reader


class GatewayUnreachable(Refusal):
    """No connection: the request was never sent, and may be sent again with the same key."""

    code: ClassVar[str] = "GATEWAY_UNREACHABLE"
    title: ClassVar[str] = "The gateway cannot be reached"
    status: ClassVar[int] = 503


class GatewaySilent(Refusal):
    """A reading request was sent, tried again, and never answered."""

    code: ClassVar[str] = "GATEWAY_SILENT"
    title: ClassVar[str] = "The gateway does not answer"
    status: ClassVar[int] = 504


class OutcomeUnknown(Refusal):
    """A request that changes state was sent and not answered: ask ORDER_QUERY with its key, never send it again."""

    code: ClassVar[str] = "OUTCOME_UNKNOWN"
    title: ClassVar[str] = "Nobody knows yet what became of the request"
    status: ClassVar[int] = 504


class GatewayRejected(Refusal):
    """The gateway said no; `facts` hold its own code (`venue_code`) and the terminal's return code."""

    code: ClassVar[str] = "GATEWAY_REJECTED"
    title: ClassVar[str] = "The gateway refused the request"


class AccountMismatch(Refusal):
    """Another login, server, trade mode, margin mode or currency than registered: nothing is ordered there."""

    code: ClassVar[str] = "ACCOUNT_MISMATCH"
    title: ClassVar[str] = "The terminal stands on another account"
    status: ClassVar[int] = 409


class GatewayKeyMissing(Refusal):
    """There is no usable key file: nothing can be signed."""

    code: ClassVar[str] = "GATEWAY_KEY_MISSING"
    title: ClassVar[str] = "The gateway's key cannot be read"
    status: ClassVar[int] = 503


@dataclass(frozen=True, slots=True)
class Address:
    """Where a gateway is and how we prove who we are. `curve` is its public key and our own pair, off loopback."""

    command: str
    ticks: str
    key: Key
    gateway_id: str = "PAPER"
    curve: tuple[bytes, bytes, bytes] | None = None


def configured() -> Address:
    """Return the gateway of the settings. Raises `GatewayUnreachable` without an address, `GatewayKeyMissing`."""
    if not settings.GATEWAY_COMMAND_URL:
        raise GatewayUnreachable("no address: start a stack, or set GATEWAY_COMMAND_URL and GATEWAY_TICKS_URL")
    try:
        key = protocol.read_keys(Path(settings.GATEWAY_KEY_FILE))[0]
    except (OSError, ValueError) as error:
        raise GatewayKeyMissing(str(error)) from error
    return Address(settings.GATEWAY_COMMAND_URL, settings.GATEWAY_TICKS_URL, key, settings.GATEWAY_ID)


class _Link:
    """The DEALER socket and its envelope: built, sent, received, verified. One thread, one owner."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.socket = _connected(self._context.socket(zmq.DEALER), address.command, address)

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
        return bool(self._events() & WRITABLE)

    def _events(self) -> int:
        return int(self.socket.getsockopt(zmq.EVENTS))

    def close(self) -> None:
        self.socket.close(0)
        self._context.term()


def _connected(socket: zmq.Socket[bytes], url: str, address: Address) -> zmq.Socket[bytes]:
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


class Wire:
    """An asyncio client: many requests in flight over one socket, told apart by their ids, sent by one sender.

    Made inside the running loop that uses it: `async with Wire(address) as wire: …`.
    """

    def __init__(self, address: Address) -> None:
        self._link = _Link(address)
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
            raise _unreachable(self._link.address) from error
        self._waiting[request_id] = future
        self._drain()  # the file descriptor wakes on edges: what came while we sent would wait for the next one
        try:
            async with asyncio.timeout(time_out_s):
                return await future
        except TimeoutError as error:
            raise _unanswered(action, account_id, idempotency_key, time_out_s) from error
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
            raise _unreachable(self._link.address) from error
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

    async def symbol_info(self, account_id: str, symbol: str) -> SymbolInfo:
        """Return the venue's terms of a symbol."""
        return records.symbol_info(await self.read("SYMBOL_INFO", account_id, {"symbol": symbol}))

    async def account(self, account_id: str) -> AccountFigures:
        """Return balance, equity and margin by liquidation marks."""
        return records.figures(await self.read("GET_ACCOUNT", account_id))

    async def positions(self, account_id: str) -> tuple[Position, ...]:
        """Return the open positions."""
        return records.positions(await self.read("GET_POSITIONS", account_id))

    async def history(self, account_id: str, *, start: datetime, end: datetime, symbol: str | None = None) -> History:
        """Return deals and orders of a window of the venue clock, and how far it is complete."""
        return records.history(await self.read("GET_HISTORY", account_id, _window(start, end, symbol)))

    async def order_query(self, account_id: str, *, key: str | None = None, order: int | None = None) -> OrderReport:
        """Return what became of a key or an order; `state` NOT_FOUND counts with its receipt only."""
        answer = await self.call("ORDER_QUERY", account_id, {"idempotency_key": key, "order": order})
        return records.order_report(_found(answer))


class BlockingWire:
    """The same for commands and Django code: one request at a time, from one thread."""

    def __init__(self, address: Address) -> None:
        self._link = _Link(address)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the socket go."""
        self._link.close()

    def call(
        self,
        action: str,
        account_id: str,
        payload: Mapping[str, Any],
        *,
        idempotency_key: str | None = None,
        kill_epoch: int = 0,
        timeout_ms: int | None = None,
    ) -> Answer:
        """Send one request once and return the answer; raises as `Wire.call`."""
        time_out_ms = timeout_ms or ACTIONS[action].time_out_ms
        if not self._link.socket.poll(min(CONNECT_MS, time_out_ms), zmq.POLLOUT):
            raise _unreachable(self._link.address)
        request_id, raw = self._link.sign(
            action, account_id, payload, idempotency_key=idempotency_key, kill_epoch=kill_epoch
        )
        try:
            self._link.socket.send(raw, zmq.NOBLOCK)
        except zmq.Again as error:
            raise _unreachable(self._link.address) from error
        deadline_ns = time.monotonic_ns() + time_out_ms * 1_000_000
        while (left_ms := (deadline_ns - time.monotonic_ns()) // 1_000_000) > 0:
            self._link.socket.poll(left_ms, zmq.POLLIN)
            for answer in self._link.receive():
                if answer.id == request_id:
                    return answer
        raise _unanswered(action, account_id, idempotency_key, time_out_ms / 1_000)

    def read(
        self, action: str, account_id: str, payload: Mapping[str, Any] | None = None, *, timeout_ms: int | None = None
    ) -> dict[str, Any]:
        """Ask until it is answered, as often as the action allows; raises as `Wire.read`."""
        for left in reversed(range(ACTIONS[action].tries)):
            try:
                return accepted(self.call(action, account_id, payload or {}, timeout_ms=timeout_ms))
            except (GatewaySilent, GatewayUnreachable):
                if not left:
                    raise
                time.sleep(PAUSE_S if action == "SYNC_ALL" else 0)
        raise AssertionError("an action is tried at least once")

    def ping(self, account_id: str = protocol.NOBODY, *, timeout_ms: int | None = None) -> Identity:
        """Return who answers; with an account also whose it is."""
        return records.identity(self.read("PING", account_id, timeout_ms=timeout_ms))

    def symbol_info(self, account_id: str, symbol: str) -> SymbolInfo:
        """Return the venue's terms of a symbol."""
        return records.symbol_info(self.read("SYMBOL_INFO", account_id, {"symbol": symbol}))

    def account(self, account_id: str) -> AccountFigures:
        """Return balance, equity and margin by liquidation marks."""
        return records.figures(self.read("GET_ACCOUNT", account_id))

    def positions(self, account_id: str) -> tuple[Position, ...]:
        """Return the open positions."""
        return records.positions(self.read("GET_POSITIONS", account_id))

    def history(self, account_id: str, *, start: datetime, end: datetime, symbol: str | None = None) -> History:
        """Return deals and orders of a window of the venue clock, and how far it is complete."""
        return records.history(self.read("GET_HISTORY", account_id, _window(start, end, symbol)))

    def order_query(self, account_id: str, *, key: str | None = None, order: int | None = None) -> OrderReport:
        """Return what became of a key or an order; `state` NOT_FOUND counts with its receipt only."""
        answer = self.call("ORDER_QUERY", account_id, {"idempotency_key": key, "order": order})
        return records.order_report(_found(answer))


class TickFeed:
    """Ticks of the accounts one follows, in order, from a SUB socket of its own. One thread, one owner."""

    def __init__(self, address: Address) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = _connected(self._context.socket(zmq.SUB), address.ticks, address)

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


@contextmanager
def reading() -> Iterator[BlockingWire]:
    """Open a blocking wire to the configured gateway for the length of a `with`."""
    with BlockingWire(configured()) as wire:
        yield wire


def accepted(answer: Answer) -> dict[str, Any]:
    """Return an answer's data. Raises `GatewayRejected`, or `AccountMismatch`, unless it is OK."""
    if answer.status == protocol.OK:
        return answer.data
    kind = AccountMismatch if answer.code == "ACCOUNT_MISMATCH" else GatewayRejected
    raise kind(
        f"{answer.code}: {answer.message}", venue_code=answer.code, venue_status=answer.status,
        retcode=answer.data.get("retcode"),
    )  # fmt: skip


def refuse_other_account(found: Identity, *, expected: Identity) -> None:
    """Raise `AccountMismatch`, naming each difference, unless the terminal stands on the registered account."""
    names = ("login", "server", "trade_mode", "margin_mode", "currency")
    differences = {
        name: f"{getattr(expected, name)} is registered, {getattr(found, name)} answers"
        for name in names
        if getattr(found, name) != getattr(expected, name)
    }
    if differences:
        raise AccountMismatch("; ".join(f"{name}: {said}" for name, said in differences.items()), **differences)


def _found(answer: Answer) -> dict[str, Any]:
    if answer.code == "ORDER_NOT_FOUND":
        return answer.data | {"state": "NOT_FOUND"}
    return accepted(answer)


def _window(start: datetime, end: datetime, symbol: str | None) -> dict[str, Any]:
    # Whole seconds: the window may show a deal of a moment before or after, never one less.
    return {"time_from": int(start.timestamp()), "time_to": -int(-end.timestamp() // 1), "symbol": symbol}


def _tick(body: bytes) -> tuple[str, Tick]:
    row = json.loads(body)
    tick = Tick(
        symbol=row["symbol"], seq=row["seq"], bid=records.price(row["bid"]), ask=records.price(row["ask"]),
        venue_us=protocol.micros_of(row["venue_time"]), received_ns=time.time_ns(),
    )  # fmt: skip
    return row["login"], tick


def _unreachable(address: Address) -> GatewayUnreachable:
    return GatewayUnreachable(f"no connection to {address.command}; nothing was sent", address=address.command)


def _unanswered(action: str, account_id: str, key: str | None, time_out_s: float) -> Refusal:
    facts: dict[str, Any] = {"action": action, "account_id": account_id, "time_out_s": time_out_s}
    if ACTIONS[action].changes:
        return OutcomeUnknown(f"{action} was sent and not answered within {time_out_s:g} s", key=key, **facts)
    return GatewaySilent(f"{action} was not answered within {time_out_s:g} s", **facts)
