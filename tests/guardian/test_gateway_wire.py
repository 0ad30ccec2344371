"""What does our client do when the other end is absent, silent, late or a liar?"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import zmq

from guardian.adapters.gateway_mt5.address import Address, GatewayKeyMissing, configured
from guardian.adapters.gateway_mt5.answers import GatewayRejected, GatewaySilent, GatewayUnreachable, OutcomeUnknown
from guardian.adapters.gateway_mt5.blocking import BlockingWire
from guardian.adapters.gateway_mt5.feed import DealFeed, TickFeed
from guardian.adapters.gateway_mt5.wire import Wire
from guardian.gateway import protocol
from guardian.gateway.protocol import Key
from tests.support.paper_gateway import eventually, key, order

KEY = Key("tests", b"t" * 32)
Script = Callable[[dict[str, Any]], list[bytes]]


class Liar:
    """A ROUTER in a thread that answers as its script says and remembers what it was sent."""

    def __init__(self, script: Script) -> None:
        self.seen: list[dict[str, Any]] = []
        self._script = script
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        port = self._socket.bind_to_random_port("tcp://127.0.0.1")
        self.address = Address(f"tcp://127.0.0.1:{port}", "tcp://127.0.0.1:1", KEY)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while not self._is_over.is_set():
            if self._socket.poll(20):
                client, raw = self._socket.recv_multipart()
                message = protocol.parse(raw)
                self.seen.append(message)
                for answer in self._script(message):
                    self._socket.send_multipart((client, answer))

    def close(self) -> None:
        self._is_over.set()
        self._thread.join()
        self._socket.close(0)
        self._context.term()


def answer(request: dict[str, Any], *, signer: Key = KEY, **changed: Any) -> bytes:
    """Return a good answer, but for what is changed."""
    good: dict[str, Any] = {"request_id": request["id"], "status": "OK", "code": "", "message": "", "data": {"n": 1}}
    return protocol.build_answer(key=signer, now_ms=1, latency_ms="0.1", **{**good, **changed})


def silence(_: dict[str, Any]) -> list[bytes]:
    return []


@pytest.fixture
def lying() -> Iterator[Callable[[Script], Liar]]:
    liars: list[Liar] = []

    def make(script: Script) -> Liar:
        liars.append(Liar(script))
        return liars[-1]

    yield make
    for liar in liars:
        liar.close()


def nobody() -> Address:
    """An address at which nobody listens."""
    with zmq.Context() as context, context.socket(zmq.ROUTER) as socket:
        port = socket.bind_to_random_port("tcp://127.0.0.1")
    return Address(f"tcp://127.0.0.1:{port}", "tcp://127.0.0.1:1", KEY)


def blocking(address: Address, action: str = "GET_ACCOUNT", **call: Any) -> Any:
    with BlockingWire(address) as wire:
        return wire.call(action, "1", order() if action == "ORDER_OPEN" else {}, **call)


def looping(address: Address, action: str = "GET_ACCOUNT", **call: Any) -> Any:
    async def ask() -> Any:
        async with Wire(address) as wire:
            return await wire.call(action, "1", order() if action == "ORDER_OPEN" else {}, **call)

    return asyncio.run(ask())


both = pytest.mark.parametrize("ask", [blocking, looping])


@both
def test_without_a_connection_nothing_was_sent_and_it_says_so(ask: Any) -> None:
    started = time.monotonic()
    with pytest.raises(GatewayUnreachable, match="nothing was sent"):
        ask(nobody(), "ORDER_OPEN", idempotency_key=key(), timeout_ms=200)
    assert time.monotonic() - started < 2


@both
def test_a_silent_gateway_makes_an_order_unknown_and_it_is_sent_once(ask: Any, lying: Any) -> None:
    liar = lying(silence)
    with pytest.raises(OutcomeUnknown):
        ask(liar.address, "ORDER_OPEN", idempotency_key=key(), timeout_ms=150)
    with pytest.raises(GatewaySilent):
        ask(liar.address, timeout_ms=150)
    assert [message["action"] for message in liar.seen] == ["ORDER_OPEN", "GET_ACCOUNT"]


@both
@pytest.mark.parametrize(
    "lie",
    [
        lambda message: answer(message, signer=Key("tests", b"x" * 32)),
        lambda message: answer(message).replace(b'"n":1', b'"n":2'),
        lambda message: answer(message, request_id="another"),
        lambda _: b"no json",
        lambda _: b"{}",
        lambda _: b"",
    ],
    ids=["wrong key", "changed", "unknown id", "no json", "empty", "nothing"],
)
def test_what_is_not_the_signed_answer_is_logged_and_dropped(
    ask: Any, lie: Any, lying: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    liar = lying(lambda message: [lie(message), answer(message), answer(message)])
    assert ask(liar.address, timeout_ms=2_000).data == {"n": 1}


def test_a_late_answer_finds_nobody_waiting(lying: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    held: list[bytes] = []

    def script(message: dict[str, Any]) -> list[bytes]:
        held.append(answer(message, data={"for": len(held)}))
        return [] if len(held) == 1 else held

    liar = lying(script)

    async def ask() -> Any:
        async with Wire(liar.address) as wire:
            with pytest.raises(GatewaySilent):
                await wire.call("GET_ACCOUNT", "1", {}, timeout_ms=100)
            return await wire.call("GET_ACCOUNT", "1", {}, timeout_ms=2_000)

    assert asyncio.run(ask()).data == {"for": 1}
    assert "nobody waits for" in caplog.text


def test_reads_are_tried_three_times_and_a_ping_once(lying: Any) -> None:
    liar = lying(silence)
    with BlockingWire(liar.address) as wire:
        with pytest.raises(GatewaySilent):
            wire.read("GET_ACCOUNT", "1", timeout_ms=60)
        with pytest.raises(GatewaySilent):
            wire.ping(timeout_ms=60)
    assert [message["action"] for message in liar.seen] == ["GET_ACCOUNT"] * 3 + ["PING"]
    assert len({message["id"] for message in liar.seen}) == len({message["nonce"] for message in liar.seen}) == 4


def test_an_error_is_no_good_ping(lying: Any) -> None:
    liar = lying(lambda message: [answer(message, status="ERROR", code="SERVER_ERROR", message="no")])
    with BlockingWire(liar.address) as wire, pytest.raises(GatewayRejected) as caught:
        wire.ping()
    assert caught.value.facts["venue_code"] == "SERVER_ERROR"


def test_answers_in_another_order_find_their_requests(lying: Any) -> None:
    held: list[bytes] = []

    def script(message: dict[str, Any]) -> list[bytes]:
        held.append(answer(message, data={"account": message["account_id"]}))
        return held[::-1] if len(held) == 20 else []

    liar = lying(script)

    async def ask() -> list[Any]:
        async with Wire(liar.address) as wire:
            return await asyncio.gather(*(wire.call("GET_ACCOUNT", str(n), {}) for n in range(20)))

    assert [found.data["account"] for found in asyncio.run(ask())] == [str(n) for n in range(20)]


def test_a_wire_that_closes_leaves_nobody_waiting(lying: Any) -> None:
    liar = lying(silence)

    async def ask() -> None:
        wire = Wire(liar.address)
        waiting = asyncio.create_task(wire.call("GET_ACCOUNT", "1", {}))
        while not liar.seen:
            await asyncio.sleep(0.01)
        wire.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(ask())


def test_a_wire_lives_through_turns_of_a_loop_that_stops_in_between(lying: Any) -> None:
    """A trading slice drives its loop turn by turn and talks to the database in between."""
    liar = lying(lambda message: [answer(message)])
    loop = asyncio.new_event_loop()

    async def make() -> Wire:
        return Wire(liar.address)

    wire = loop.run_until_complete(make())
    for _ in range(3):
        assert loop.run_until_complete(wire.call("GET_ACCOUNT", "1", {})).status == "OK"
    wire.close()
    loop.close()


def test_a_gateway_without_address_or_key_is_one_clear_refusal(settings: Any, tmp_path: Any) -> None:
    settings.GATEWAY_COMMAND_URL = ""
    with pytest.raises(GatewayUnreachable, match="start a stack"):
        configured()
    settings.GATEWAY_COMMAND_URL, settings.GATEWAY_TICKS_URL = "tcp://127.0.0.1:1", "tcp://127.0.0.1:2"
    settings.GATEWAY_KEY_FILE = tmp_path / "none"
    with pytest.raises(GatewayKeyMissing):
        configured()
    settings.GATEWAY_KEY_FILE.write_text(f"k:{'ab' * 32}")
    assert configured().key.key_id == "k"


def test_a_tick_that_cannot_be_read_is_dropped_and_the_others_are_heard(caplog: pytest.LogCaptureFixture) -> None:
    """A listener that dies of one message misses every symbol; the gap in the numbers keeps new risk away from one."""
    good = {
        "login": "10",
        "symbol": "X",
        "seq": 1,
        "bid": "1.0",
        "ask": "1.1",
        "venue_time": "2017-12-20T00:00:00.000000Z",
    }
    bad = [
        b"{",
        b"[]",
        b"{}",
        b"\xff",
        *(json.dumps({**good, "bid": bid}).encode() for bid in ("NaN", "Infinity", "x", 1e400)),
    ]
    with zmq.Context() as context, context.socket(zmq.XPUB) as publisher:
        publisher.setsockopt(zmq.LINGER, 0)
        port = publisher.bind_to_random_port("tcp://127.0.0.1")
        feed = TickFeed(Address("tcp://127.0.0.1:1", f"tcp://127.0.0.1:{port}", KEY))
        try:
            feed.follow("10")
            assert publisher.recv() == b"\x01tick.10."
            for body in (*bad, json.dumps({**good, "seq": 2}).encode()):
                publisher.send_multipart((b"tick.10.X", body))
            heard = eventually(lambda: feed.receive(200))
        finally:
            feed.close()
    assert [tick.seq for _, tick in heard] == [2]
    assert caplog.text.count("cannot be read") == len(bad)


def test_deals_of_a_login_that_begins_alike_are_not_heard() -> None:
    """A subscription is a prefix: `deal.10` takes login 101 as well."""

    async def listen(publisher: zmq.Socket[bytes], address: Address) -> list[str]:
        async with DealFeed(address, "10") as deals:
            assert await asyncio.to_thread(publisher.recv) == b"\x01deal.10"
            for login, number in (("101", 1), ("10", 2), ("1", 3), ("10", 4)):
                body = json.dumps({"login": login, "deal": {"deal": number}})
                publisher.send_multipart((f"deal.{login}".encode(), body.encode()))
                publisher.send_multipart((f"deal.{login}".encode(), b"no deal at all"))
            told: list[str] = []
            while len(told) < 2:
                told += await deals.wait(5)
            return told

    with zmq.Context() as context, context.socket(zmq.XPUB) as publisher:
        publisher.setsockopt(zmq.LINGER, 0)
        port = publisher.bind_to_random_port("tcp://127.0.0.1")
        address = Address("tcp://127.0.0.1:1", f"tcp://127.0.0.1:{port}", KEY)
        assert asyncio.run(listen(publisher, address)) == ["2", "4"]
