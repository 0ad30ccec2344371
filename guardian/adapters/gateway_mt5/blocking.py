"""How do commands, tasks and Django code ask a gateway? One request at a time, from one thread."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

import zmq

from guardian.adapters import gateway_records as records
from guardian.adapters.gateway_mt5.address import configured
from guardian.adapters.gateway_mt5.answers import (
    GatewaySilent,
    GatewayUnreachable,
    accepted,
    reported,
    unanswered,
    unreachable,
)
from guardian.adapters.gateway_mt5.link import CONNECT_MS, PAUSE_S, Link, window
from guardian.gateway import protocol
from guardian.gateway.protocol import ACTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from types import TracebackType

    from guardian.adapters.gateway_mt5.address import Address
    from guardian.adapters.gateway_records import AccountFigures, History, Identity, OrderReport, Position, SymbolInfo
    from guardian.gateway.protocol import Answer


class BlockingWire:
    """The blocking client, with the calls of `Wire`. One thread, one owner."""

    def __init__(self, address: Address) -> None:
        self._link = Link(address)

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
            raise unreachable(self._link.address)
        request_id, raw = self._link.sign(
            action, account_id, payload, idempotency_key=idempotency_key, kill_epoch=kill_epoch
        )
        try:
            self._link.socket.send(raw, zmq.NOBLOCK)
        except zmq.Again as error:
            raise unreachable(self._link.address) from error
        deadline_ns = time.monotonic_ns() + time_out_ms * 1_000_000
        while (left_ms := (deadline_ns - time.monotonic_ns()) // 1_000_000) > 0:
            self._link.socket.poll(left_ms, zmq.POLLIN)
            for answer in self._link.receive():
                if answer.id == request_id:
                    return answer
        raise unanswered(action, account_id, idempotency_key, time_out_ms / 1_000)

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
        return records.history(self.read("GET_HISTORY", account_id, window(start, end, symbol)))

    def order_query(self, account_id: str, *, key: str | None = None, order: int | None = None) -> OrderReport:
        """Return what became of a key or an order; `state` NOT_FOUND counts with its receipt only."""
        answer = self.call("ORDER_QUERY", account_id, {"idempotency_key": key, "order": order})
        return records.order_report(reported(answer))


@contextmanager
def reading() -> Iterator[BlockingWire]:
    """Open a blocking wire to the configured gateway for the length of a `with`."""
    with BlockingWire(configured()) as wire:
        yield wire
