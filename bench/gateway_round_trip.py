"""How long does one request to the gateway take through our client, beside a bare echo over the same sockets?

A paper gateway of its own, in its own process and folder; one account of three symbols that ticks 510 times a second
while the requests go out one after the other. The echo peer has the same sockets and message sizes, and neither JSON
nor signatures: what it takes is the transport's own.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import multiprocessing
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
import zmq

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from multiprocessing.connection import Connection

WARM_UP, ROUNDS, ORDERS = 300, 5_000, 1_000
REQUEST_BYTES, ANSWER_BYTES = 480, 900  # of a signed PING
TICKS_PER_SECOND, SYMBOLS, TICK_SECONDS = 170, ("BTCUSD.s", "ETHUSD.s", "XAUUSD.s"), 5
TARGET_MS = 1.0


def main() -> None:
    django.setup()
    from tests.support.paper_gateway import PaperGateway, open_account

    with tempfile.TemporaryDirectory() as folder:
        gateway = PaperGateway(Path(folder)).start()
        try:
            with gateway.wire() as wire:
                login = open_account(
                    wire, *SYMBOLS, deposit="1000000.00", mode="NETTING", speed=60, ticks_per_second=TICKS_PER_SECOND
                )
            asyncio.run(measure(gateway.address, login))
        finally:
            gateway.stop()


async def measure(address: Any, login: str) -> None:
    from guardian.adapters.gateway_mt5.wire import Wire
    from tests.support.paper_gateway import key, order

    feed = follow(address, login)
    async with Wire(address) as wire:
        pings = await timed(lambda: wire.call("PING", login, {}), ROUNDS)
        sides = itertools.cycle(("BUY", "SELL"))  # on a netting account: in and out again

        def trade() -> Awaitable[Any]:
            return wire.call("ORDER_OPEN", login, order(side=next(sides), volume="0.001"), idempotency_key=key())

        orders = await timed(trade, ORDERS)
    ticks = count_ticks(feed)
    echoes = echo()
    quiet = "one request at a time; the client's own work is inside"
    report("gateway round trip p99", quantile(pings, 99), "ms", target=TARGET_MS, leaves_out=quiet)
    report("gateway round trip p50", quantile(pings, 50), "ms", leaves_out=quiet)
    report("gateway order p99", quantile(orders, 99), "ms", leaves_out="an order with its fsync; depends on the disk")
    report("gateway order p50", quantile(orders, 50), "ms", leaves_out="as above")
    report("bare echo p99", quantile(echoes, 99), "ms", leaves_out="the ceiling: no JSON, no signature, no asyncio")
    report("bare echo p50", quantile(echoes, 50), "ms", leaves_out="as above")
    report(
        "gateway ticks", ticks, "ticks/s", better="higher", target=len(SYMBOLS) * TICKS_PER_SECOND * 0.99,
        leaves_out="what the replay asks for is sent, not what could be",
    )  # fmt: skip


async def timed(ask: Callable[[], Awaitable[Any]], rounds: int) -> list[float]:
    """Return the milliseconds of each of `rounds` requests, the first ones left out."""
    for _ in range(WARM_UP):
        await ask()
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        answer = await ask()
        taken.append((time.perf_counter() - started) * 1_000)
        assert answer.status == "OK", answer
    return taken


def follow(address: Any, login: str) -> Any:
    from guardian.adapters.gateway_mt5.feed import TickFeed

    feed = TickFeed(address)
    feed.follow(login)
    return feed


def count_ticks(feed: Any) -> float:
    """Return ticks per second over a few seconds, and complain when one of them is missing."""
    while feed.receive(0):  # those of the minutes before
        pass
    started, seqs = time.perf_counter(), {symbol: [] for symbol in SYMBOLS}
    while time.perf_counter() - started < TICK_SECONDS:
        for _, tick in feed.receive(100):
            seqs[tick.symbol].append(tick.seq)
    taken = time.perf_counter() - started
    feed.close()
    for numbers in seqs.values():
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "a tick is missing"
    return sum(len(numbers) for numbers in seqs.values()) / taken


def echo() -> list[float]:
    """Return the milliseconds of a bare ROUTER/DEALER round trip between two processes."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    peer = multiprocessing.get_context("spawn").Process(target=echo_peer, args=(theirs,))
    peer.start()
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.connect(f"tcp://127.0.0.1:{ours.recv()}")
    taken = []
    for number in range(WARM_UP + ROUNDS):
        started = time.perf_counter()
        socket.send(b"x" * REQUEST_BYTES)
        socket.recv()
        if number >= WARM_UP:
            taken.append((time.perf_counter() - started) * 1_000)
    socket.send(b"")
    peer.join()
    socket.close(0)
    context.term()
    return taken


def echo_peer(pipe: Connection) -> None:
    with zmq.Context() as context, context.socket(zmq.ROUTER) as socket:
        pipe.send(socket.bind_to_random_port("tcp://127.0.0.1"))
        while True:
            client, body = socket.recv_multipart()
            if not body:
                return
            socket.send_multipart((client, b"y" * ANSWER_BYTES))


def quantile(taken: list[float], percent: int) -> float:
    return statistics.quantiles(taken, n=100)[percent - 1]


def report(name: str, figure: float, unit: str, **more: Any) -> None:
    print(json.dumps({"name": name, "figure": round(figure, 4), "unit": unit, "better": "lower", **more}), flush=True)


if __name__ == "__main__":
    main()
