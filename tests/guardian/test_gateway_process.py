"""Does the gateway survive `kill -9`, and does it refuse to stand where it may not?"""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import subprocess
import sys
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import zmq
import zmq.auth

from guardian.adapters.gateway_mt5.address import Address
from guardian.adapters.gateway_mt5.answers import (
    GatewayRejected,
    GatewaySilent,
    GatewayUnreachable,
    OutcomeUnknown,
    accepted,
)
from guardian.adapters.gateway_mt5.blocking import BlockingWire
from guardian.adapters.gateway_mt5.feed import TickFeed
from guardian.adapters.gateway_mt5.wire import Wire
from guardian.gateway import protocol
from guardian.gateway.protocol import Key
from guardian.gateway.server import InterfaceRefused, refuse_interface
from tests.guardian.gateway_contract import FAR_AHEAD, LONG_AGO
from tests.support.paper_gateway import (
    PaperGateway,
    close,
    envelope,
    eventually,
    key,
    open_account,
    order,
    replay,
    say,
    trade,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[PaperGateway]:
    gateway = PaperGateway(tmp_path).start()
    yield gateway
    gateway.stop()


def test_after_kill_9_it_knows_every_key_order_and_position_and_its_clock_goes_on(gateway: PaperGateway) -> None:
    with gateway.wire() as wire:
        login = open_account(wire, "BTCUSD.s", "EURUSD.s", "XAUUSD.s")
        feed = TickFeed(gateway.address)
        feed.follow(login)
        wishes = {key(): order(symbol) for symbol in ("BTCUSD.s", "EURUSD.s", "XAUUSD.s") * 2}
        sent = {one: trade(wire, login, wish, idempotency_key=one) for one, wish in wishes.items()}
        assert {answer.status for answer in sent.values()} == {"OK"}
        stopped = trade(wire, login, order(sl="100.00"))
        placed = trade(wire, login, order(side="BUY_LIMIT", price="100.00", filling="RETURN"))
        refused = key()
        trade(wire, login, order(volume="0.0001"), idempotency_key=refused)
        accepted(close(wire, login, next(iter(sent.values())).data["position_id"]))
        halt = {"scope": "SYMBOL:XAUUSD.s", "symbol": "XAUUSD.s", "epoch": 7, "positions": "KEEP", "reason": "drill"}
        accepted(wire.call("KILL_SWITCH", login, halt, idempotency_key=key()))

        def bitcoin() -> list[int]:
            return [tick.seq for _, tick in feed.receive(500) if tick.symbol == "BTCUSD.s"]

        before = eventually(bitcoin)
        first = (wire.positions(login), wire.history(login, start=LONG_AGO, end=FAR_AHEAD), wire.account(login))

        gateway.kill()
        with pytest.raises((GatewayUnreachable, GatewaySilent)):
            wire.ping(timeout_ms=200)
        gateway.start()

        assert wire.ping().epoch == 7
        again = (wire.positions(login), wire.history(login, start=LONG_AGO, end=FAR_AHEAD), wire.account(login))
        fixed = ("position_id", "volume", "open_price", "sl", "magic", "opened_at", "type")
        assert [[getattr(row, name) for name in fixed] for row in again[0]] == [
            [getattr(row, name) for name in fixed] for row in first[0]
        ]
        assert (again[1].deals, again[1].orders) == (first[1].deals, first[1].orders)
        assert again[2].balance == first[2].balance
        for one, wish in wishes.items():
            assert wire.order_query(login, key=one).state == "FILLED"
            assert trade(wire, login, wish, idempotency_key=one).data == sent[one].data
        assert wire.order_query(login, key=refused).code == "INVALID_VOLUME"
        assert wire.order_query(login, order=placed.data["order"]).state == "PLACED"
        assert stopped.data["position_id"] in [row.position_id for row in again[0]]
        assert trade(wire, login, order("XAUUSD.s")).code == "KILL_SWITCH_ENGAGED"
        assert trade(wire, login, order("BTCUSD.s")).status == "OK"
        assert again[2].venue_at >= max(row.venue_at for row in first[1].deals)
        # The replay stood still while the gateway was down: no number is skipped, its last second may come twice.
        assert eventually(bitcoin)[0] <= before[-1] + 1
        assert open_account(wire, "BTCUSD.s") > login
        feed.close()


@pytest.mark.parametrize("seed", [1, 2])
def test_whenever_it_is_killed_what_it_answered_stands_and_what_it_did_not_is_known_by_key(
    tmp_path: Path, seed: int
) -> None:
    """Orders in flight, `kill -9` at a random moment, again and again; the seed is in the test's name."""
    dice, gateway = random.Random(seed), PaperGateway(tmp_path).start()
    with gateway.wire() as wire:
        login = open_account(wire, "BTCUSD.s", deposit="1000000.00", mode="NETTING")
    outcomes: dict[str, str] = {}
    for _ in range(3):
        asyncio.run(trade_until_killed(gateway, login, outcomes, after_s=dice.uniform(0.02, 0.25)))
        gateway.start()
        with gateway.wire() as wire:
            for one in [one for one, state in outcomes.items() if state == "UNKNOWN"]:
                outcomes[one] = wire.order_query(login, key=one).state
            history = wire.history(login, start=LONG_AGO, end=FAR_AHEAD)
            done = {one for one, state in outcomes.items() if state in ("OK", "FILLED")}
            assert {row.idempotency_key for row in history.orders} == done
            assert len(history.orders) == len(done), "no order twice"
            assert {state for one, state in outcomes.items() if one not in done} <= {"NOT_FOUND", "UNSENT"}
            assert len({deal.deal for deal in history.deals}) == len(history.deals)
            assert wire.account(login).balance == sum(deal.cash for deal in history.deals)
            held = sum(deal.volume * (1 if deal.type == "BUY" else -1) for deal in history.deals if deal.order)
            positions = [row.volume * (1 if row.type == "BUY" else -1) for row in wire.positions(login)]
            assert sum(positions) == held
    assert sum(state in ("OK", "FILLED") for state in outcomes.values()) > 20
    gateway.stop()


async def trade_until_killed(gateway: PaperGateway, login: str, outcomes: dict[str, str], *, after_s: float) -> None:
    """Send orders, twenty at a time, until the gateway dies under them; write down what each sender knows."""
    is_dead = asyncio.Event()

    async def send(wire: Wire) -> None:
        while not is_dead.is_set():
            one, wish = key(), order(side="BUY" if len(outcomes) % 2 else "SELL", volume="0.001")
            try:
                answer = await wire.call("ORDER_OPEN", login, wish, idempotency_key=one, timeout_ms=200)
                outcomes[one] = answer.status
            except OutcomeUnknown:
                outcomes[one] = "UNKNOWN"
            except GatewayUnreachable:
                outcomes[one] = "UNSENT"

    async with Wire(gateway.address) as wire:
        senders = [asyncio.create_task(send(wire)) for _ in range(20)]
        await asyncio.sleep(after_s)
        gateway.kill()
        is_dead.set()
        await asyncio.gather(*senders)


def test_ticks_are_the_same_after_a_restart(gateway: PaperGateway) -> None:
    with gateway.wire() as wire:
        login = open_account(wire, "BTCUSD.s", ticks_per_second=50, speed=60)
        feed = TickFeed(gateway.address)
        feed.follow(login)
        told: dict[int, Any] = {}

        def listen(until: int) -> None:
            deadline = time.monotonic() + 15
            while len(told) < until and time.monotonic() < deadline:
                for _, tick in feed.receive(200):
                    quote = (tick.bid, tick.ask, tick.venue_us)
                    assert told.setdefault(tick.seq, quote) == quote, "a number told twice is told alike"

        listen(70)
        gateway.kill()
        gateway.start()
        listen(160)
        feed.close()
    assert sorted(told) == list(range(min(told), min(told) + len(told))), "no number is missing"


def test_a_request_that_waited_when_it_died_was_never_carried_out(gateway: PaperGateway) -> None:
    with gateway.wire() as wire:
        login = open_account(wire, "BTCUSD.s", faults=[{"kind": "DELAY", "actions": ["ORDER_OPEN"], "ms": 60_000}])
        waiting = key()
        with pytest.raises(Exception, match="not answered"):
            trade(wire, login, order(), idempotency_key=waiting, timeout_ms=100)
        gateway.kill()
        gateway.start()
        report = wire.order_query(login, key=waiting)
        assert (report.state, report.code) == ("REJECTED", "MT5_NOT_CONNECTED")
        assert wire.positions(login) == ()


def test_bad_messages_have_a_code_each_and_change_nothing(gateway: PaperGateway) -> None:
    here = gateway.address
    with gateway.wire() as wire:
        login = open_account(wire)
        journal = (gateway.folder / "journal" / "gateway.journal").read_bytes()
        good = envelope(here, "ORDER_OPEN", login, order())
        aged = good["ts"] - 60_000
        stranger = Key(here.key.key_id, b"x" * 32)
        raw = protocol.signed(good, here.key)
        bad = {
            b"{": "INVALID_JSON",
            raw.replace(b"BTCUSD.s", b"ETHUSD.s"): "RISK_SIGNATURE_INVALID",
            protocol.signed(good, stranger): "RISK_SIGNATURE_INVALID",
            protocol.signed(good | {"v": 2}, here.key): "UNSUPPORTED_VERSION",
            protocol.signed(good | {"ts": aged, "exp": aged + 5_000}, here.key): "SIGNATURE_EXPIRED",
            protocol.signed(good | {"more": 1}, here.key): "INVALID_VALUE",
            protocol.signed(envelope(here, "HACK", login, {}), here.key): "UNKNOWN_ACTION",
            protocol.signed(envelope(here, "ORDER_OPEN", login, {}), here.key): "MISSING_SYMBOL",
            protocol.signed(envelope(here, "ORDER_OPEN", login, order(volume="x")), here.key): "INVALID_VOLUME",
            protocol.signed(envelope(here, "ORDER_OPEN", "1", order()), here.key): "ACCOUNT_MISMATCH",
        }
        for message, code in bad.items():
            answer = say(here, message)
            assert (answer["code"], protocol.is_signed(answer, here.key)) == (code, True)
        assert wire.positions(login) == ()
        changed = (gateway.folder / "journal" / "gateway.journal").read_bytes()
        assert changed.startswith(journal)
        assert b'"rows"' not in changed[len(journal) :]
        assert say(here, raw)["code"] == "", "the good one still goes through, once"
        assert say(here, raw)["code"] == "NONCE_REPLAYED"
        assert len(wire.positions(login)) == 1


def test_no_deal_is_older_than_a_receipt_that_did_not_show_it(gateway: PaperGateway) -> None:
    """Stops are hit all the time while orders and questions come in between the ticks."""
    with gateway.wire() as wire:
        login = open_account(wire, "BTCUSD.s", deposit="1000000.00", ticks_per_second=300)
        seen: dict[int, datetime] = {}
        complete = LONG_AGO
        for _ in range(150):
            info = wire.read("SYNC_ALL", login, {"magic_numbers": [], "timestamp": 0})
            trade(wire, login, order(volume="0.001"))
            for row in info["positions"]:
                bid = Decimal(row["current_price"])
                trade(wire, login, order(volume="0.001", sl=str(bid - 2), tp=str(bid + 12)))
                break
            history = wire.history(login, start=LONG_AGO, end=FAR_AHEAD)
            for deal in history.deals:
                assert deal.deal in seen or deal.venue_at > complete or not seen
                seen[deal.deal] = deal.venue_at
            complete = history.complete_through
        assert [seen[number] for number in sorted(seen)] == sorted(seen.values())
        assert {"SL", "TP"} & {deal.reason for deal in history.deals}


def test_the_venues_own_deals_are_told_to_whoever_listens(gateway: PaperGateway) -> None:
    with gateway.wire() as wire, zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        login = open_account(wire, "BTCUSD.s", ticks_per_second=100)
        socket.connect(gateway.ticks)
        socket.setsockopt_string(zmq.SUBSCRIBE, f"deal.{login}")
        told: list[dict[str, Any]] = []

        def is_told() -> bool:
            """Open one more with a near stop, which the next ticks hit, and listen."""
            bid = Decimal(accepted(trade(wire, login, order()))["price"]) - 10
            trade(wire, login, order(sl=str(bid - 3)))  # refused when the market has fallen that far meanwhile
            while socket.poll(200):
                told.append(json.loads(socket.recv_multipart()[1])["deal"])
                if told[-1]["reason"] == "SL":
                    return True
            return False

        assert eventually(is_told, within_s=20)
        known = {deal.deal: deal for deal in wire.history(login, start=LONG_AGO, end=FAR_AHEAD).deals}
        assert all(known[deal["deal"]].reason == deal["reason"] for deal in told)


def test_faults_of_the_command_line_hold_for_the_whole_gateway(tmp_path: Path) -> None:
    faults = [{"kind": "LIE", "count": 1, "data": {"server": "Elsewhere"}}]
    gateway = PaperGateway(tmp_path, options=["--faults", json.dumps(faults)]).start()
    with gateway.wire() as wire:
        assert [wire.ping().server for _ in range(2)] == ["Elsewhere", "CRS-Paper"]
    gateway.stop()
    gateway.options = ["--faults", '[{"kind": "FLOOD"}]']
    assert "kind: one of DELAY" in refused_start(gateway)


def test_a_closed_account_stands_still_and_keeps_its_history(gateway: PaperGateway) -> None:
    with gateway.wire() as wire:
        login = open_account(wire, "BTCUSD.s")
        opened = accepted(trade(wire, login, order()))
        refused = wire.call("ACCOUNT_CLOSE", login, {}, idempotency_key=key())
        assert (refused.status, refused.code) == ("REJECTED", "ACCOUNT_ERROR")
        accepted(close(wire, login, opened["position_id"]))
        accepted(wire.call("ACCOUNT_CLOSE", login, {}, idempotency_key=key()))
        figures = wire.account(login)
        assert trade(wire, login, order()).code == "ACCOUNT_ERROR"
        gateway.kill()
        gateway.start()
        assert wire.account(login) == figures, "the clock of a closed account stands"
        assert len(wire.history(login, start=LONG_AGO, end=FAR_AHEAD).deals) == 3
        assert wire.symbol_info(login, "BTCUSD.s").stated["source"] == "BTCUSD_1h.csv"


def test_cash_of_every_kind_is_a_deal(gateway: PaperGateway) -> None:
    with gateway.wire() as wire:
        login = open_account(wire, deposit="100.00")
        for kind, amount in (("CORRECTION", "-1.23"), ("CREDIT", "50.00"), ("CHARGE", "-0.50"), ("BALANCE", "10.00")):
            wish = {"type": kind, "amount": amount, "comment": kind}
            accepted(wire.call("ACCOUNT_ADJUST", login, wish, idempotency_key=key()))
        figures = wire.account(login)
        assert (figures.balance, figures.credit, figures.equity) == (108_270_000, 50_000_000, 158_270_000)
        types = [deal.type for deal in wire.history(login, start=LONG_AGO, end=FAR_AHEAD).deals]
        assert types == ["BALANCE", "CORRECTION", "CREDIT", "CHARGE", "BALANCE"]


def test_an_own_file_is_replayed_and_a_bad_one_named(gateway: PaperGateway, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    file = mine / "XAUUSD_1h.csv"
    file.write_text("time,open,high,low,close,volume\n2017-12-20T00:00:00Z,1262,1266,1260,1264.5,\n")
    with gateway.wire() as wire:
        login = open_account(wire, "XAUUSD.s", data=str(mine))
        assert wire.symbol_info(login, "XAUUSD.s").is_synthetic is False
        wish = {"currency": "USD", "deposit": "1.00"}
        file.write_text("time,open,high,low,close,volume\n2017-12-20T00:00:00Z,1262,1261,1260,1264.5,\n")
        for terms, said in (
            (replay("XAUUSD.s", data=str(mine)), "line 2: high is the highest"),
            (replay("BTCUSD.s", data=str(mine)), "has no BTCUSD_<period>.csv"),
            (replay("BTCUSD.s", data=str(tmp_path / "none")), "is no folder"),
            (replay("GBPUSD.s"), "this gateway offers"),
            (replay("EURUSD.s") | {"start": "2018-12-20T00:00:00Z"}, "no bar at the start"),
        ):
            answer = wire.call("ACCOUNT_OPEN", "", {**wish, "replay": terms}, idempotency_key=key())
            assert answer.status == "REJECTED"
            assert said in answer.message
        file.unlink()
        gateway.kill()
        gateway.start()
        assert wire.account(login).balance == 10_000_000_000, "its files are gone; the gateway and the money are not"


def test_gold_says_that_it_is_invented(gateway: PaperGateway) -> None:
    with gateway.wire() as wire:
        login = open_account(wire, "XAUUSD.s", "BTCUSD.s")
        assert wire.symbol_info(login, "XAUUSD.s").is_synthetic is True
        assert wire.symbol_info(login, "BTCUSD.s").is_synthetic is False


def test_a_closed_market_takes_no_order(gateway: PaperGateway) -> None:
    with gateway.wire() as wire:
        login = open_account(wire, "EURUSD.s", "BTCUSD.s", start="2017-12-16T12:00:00Z", speed=1)  # a Saturday
        assert trade(wire, login, order("EURUSD.s", volume="0.01")).code == "MARKET_CLOSED"
        assert trade(wire, login, order("BTCUSD.s")).status == "OK"


# ── Where it may stand ────────────────────────────────────────────────────────────────────────────────────────────────
def refused_start(gateway: PaperGateway) -> str:
    """Start it where it must not start, and return its one sentence."""
    done = subprocess.run(gateway.arguments(), capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("gateway: ")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("url", "is_encrypted", "is_refused"),
    [
        ("tcp://127.0.0.1:5555", False, False),
        ("tcp://localhost:5555", False, False),
        ("tcp://[::1]:5555", False, False),
        ("tcp://192.0.2.7:5555", True, False),
        ("tcp://192.0.2.7:5555", False, True),
        ("tcp://0.0.0.0:5555", True, True),
        ("tcp://0.0.0.0:5555", False, True),
        ("tcp://*:5555", True, True),
        ("tcp://[::]:5555", True, True),
        ("tcp://eth0:5555", True, True),
        ("ipc:///tmp/socket", True, True),
    ],
)
def test_only_one_interface_and_off_loopback_only_encrypted(url: str, is_encrypted: bool, is_refused: bool) -> None:
    if is_refused:
        with pytest.raises(InterfaceRefused):
            refuse_interface(url, is_encrypted=is_encrypted)
    else:
        refuse_interface(url, is_encrypted=is_encrypted)


def test_a_start_that_cannot_work_is_one_sentence(tmp_path: Path) -> None:
    gateway = PaperGateway(tmp_path, command="tcp://0.0.0.0:0")
    assert "never bound to every interface" in refused_start(gateway)
    gateway.command = "tcp://192.0.2.1:0"
    assert "off loopback only with --curve-dir" in refused_start(gateway)
    with socket.socket() as occupied:
        occupied.bind(("127.0.0.1", 0))
        occupied.listen()
        gateway.command = f"tcp://127.0.0.1:{occupied.getsockname()[1]}"
        assert "the port is occupied" in refused_start(gateway)
    gateway.command = "tcp://127.0.0.1:0"
    (tmp_path / "gateway.key").write_text("no key")
    assert "not KEYID:hexsecret" in refused_start(gateway)


def test_two_gateways_do_not_share_a_journal(gateway: PaperGateway) -> None:
    second = PaperGateway(gateway.folder)
    assert "belongs to a running gateway" in refused_start(second)


def test_with_curve_only_a_known_server_key_gets_through(tmp_path: Path) -> None:
    server_public, _ = zmq.auth.create_certificates(tmp_path, "server")
    gateway = PaperGateway(tmp_path, options=["--curve-dir", str(tmp_path)]).start()
    known, _ = zmq.auth.load_certificate(server_public)
    public, secret = zmq.curve_keypair()
    plain = gateway.address
    encrypted = Address(plain.command, plain.ticks, plain.key, curve=(known, public, secret))
    stranger = Address(plain.command, plain.ticks, plain.key, curve=(public, public, secret))
    with BlockingWire(encrypted) as wire:
        assert wire.ping().gateway_id == "PAPER"
    for wrong in (plain, stranger):
        with BlockingWire(wrong) as wire, pytest.raises((GatewayUnreachable, GatewaySilent)):
            wire.ping(timeout_ms=500)
    gateway.stop()


def test_it_ends_on_a_signal_and_says_nothing(gateway: PaperGateway) -> None:
    assert gateway.stop() == ""
    assert gateway.process is not None
    assert gateway.process.returncode == 0


def test_a_slim_machine_without_time_zones_knows_new_york() -> None:
    code = "from guardian.gateway.symbols import FOREX; print(FOREX.zone)"
    slim = {**os.environ, "PYTHONTZPATH": ""}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=slim)
    assert (done.stdout.strip(), done.stderr) == ("America/New_York", "")


def test_it_needs_no_django(tmp_path: Path) -> None:
    code = (
        "import sys, guardian.gateway.__main__; "
        "bad = {'django', 'celery', 'redis', 'psycopg'} & set(sys.modules); sys.exit(str(bad) if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_request_for_another_gateway_is_refused(gateway: PaperGateway) -> None:
    here = gateway.address
    with (
        BlockingWire(Address(here.command, here.ticks, here.key, gateway_id="MT5-A")) as wire,
        pytest.raises(Exception, match="this is gateway PAPER"),
    ):
        wire.ping()
    with gateway.wire() as wire, pytest.raises(GatewayRejected, match="at most 32 characters"):
        wire.read("SYMBOL_INFO", "", {"symbol": 7})
