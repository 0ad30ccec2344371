"""How does a test get a venue? The paper gateway as a process of its own, in a folder of its own."""

from __future__ import annotations

import json
import os
import secrets
import select
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zmq

from guardian.adapters.gateway_mt5.address import Address
from guardian.adapters.gateway_mt5.blocking import BlockingWire
from guardian.gateway import protocol
from guardian.gateway.protocol import read_keys

if TYPE_CHECKING:
    from guardian.gateway.protocol import Answer

ROOT = Path(__file__).resolve().parent.parent.parent
READY_S = 20
START = "2017-12-20T00:00:00Z"  # a Wednesday, the day before the crash of December 2017


def key() -> str:
    """Return a fresh idempotency key."""
    return str(uuid.uuid4())


@dataclass
class PaperGateway:
    """One running gateway; `kill` and `start` again on the same journal and the same addresses."""

    folder: Path
    data: Path = ROOT / "data"
    command: str = "tcp://127.0.0.1:0"
    ticks: str = "tcp://127.0.0.1:0"
    options: list[str] = field(default_factory=list)
    process: subprocess.Popen[str] | None = None

    def arguments(self) -> list[str]:
        """Return the command line."""
        key_file = self.folder / "gateway.key"
        if not key_file.exists():
            key_file.write_text(f"tests:{secrets.token_hex(32)}\n")
        return [
            sys.executable, "-m", "guardian.gateway", "--command", self.command, "--ticks", self.ticks,
            "--key-file", str(key_file), "--journal", str(self.folder / "journal"), "--data", str(self.data),
            *self.options,
        ]  # fmt: skip

    def start(self) -> PaperGateway:
        """Start it and wait until it says that it is bound."""
        self.process = subprocess.Popen(
            self.arguments(), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], READY_S)
        words = self.process.stdout.readline().split() if ready else []
        assert words[:2] == ["gateway", "ready"], self.stop() or "the gateway did not start"
        self.command, self.ticks = words[2], words[3]
        return self

    def kill(self) -> None:
        """`kill -9`, as a machine would."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def died(self, within_s: float = 10) -> int:
        """Wait for its end and return the exit code."""
        assert self.process is not None
        return self.process.wait(within_s)

    def stop(self) -> str:
        """End it, if it runs, and return what it said on stderr."""
        if self.process is None:
            return ""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            _, said = self.process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            _, said = self.process.communicate()
        return said

    @property
    def address(self) -> Address:
        """Where clients find it."""
        return Address(self.command, self.ticks, read_keys(self.folder / "gateway.key")[0])

    def wire(self) -> BlockingWire:
        """Return a blocking client."""
        return BlockingWire(self.address)


def say(address: Address, raw: bytes) -> dict[str, Any]:
    """Send bytes as they are, and return what comes back."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(address.command)
        socket.send(raw)
        assert socket.poll(10_000), "no answer"
        return dict(json.loads(socket.recv()))


def envelope(address: Address, action: str, login: str, payload: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """Return a request that is signed by nobody yet."""
    _, raw = protocol.build_request(
        key=address.key, action=action, gateway_id=address.gateway_id, account_id=login, payload=payload,
        now_ms=time.time_ns() // 1_000_000, idempotency_key=key(),
    )  # fmt: skip
    return {**protocol.parse(raw), **changed}


def replay(*symbols: str, **terms: Any) -> dict[str, Any]:
    """Return replay terms: the given symbols from 20 December 2017."""
    return {"symbols": list(symbols or ("BTCUSD.s",)), "start": START, **terms}


def open_account(
    wire: BlockingWire, *symbols: str, deposit: str = "10000.00", mode: str = "HEDGING", **terms: Any
) -> str:
    """Open an account and return its login."""
    faults = terms.pop("faults", [])
    wish = {"currency": "USD", "margin_mode": mode, "deposit": deposit, "replay": replay(*symbols, **terms)}
    answer = wire.call("ACCOUNT_OPEN", "", {**wish, "faults": faults}, idempotency_key=key())
    assert answer.status == "OK", answer
    return str(answer.data["login"])


def order(symbol: str = "BTCUSD.s", side: str = "BUY", volume: str = "0.01", **wish: Any) -> dict[str, Any]:
    """Return the payload of an order."""
    return {"symbol": symbol, "type": side, "volume": volume, "magic": 202601, "decision_id": "a decision", **wish}


def trade(wire: BlockingWire, login: str, wish: dict[str, Any], **call: Any) -> Answer:
    """Send an order under a fresh key and the gateway's own epoch, unless they are given."""
    if "kill_epoch" not in call:
        call["kill_epoch"] = wire.ping().epoch
    return wire.call("ORDER_OPEN", login, wish, **{"idempotency_key": key(), **call})


def close(wire: BlockingWire, login: str, position_id: int, **wish: Any) -> Answer:
    """Close a position."""
    return wire.call("ORDER_CLOSE", login, {"position_id": position_id, **wish}, idempotency_key=key())


def eventually(test: Any, *, within_s: float = 10) -> Any:
    """Return the first truthy answer of `test`, asked again and again until a deadline."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if found := test():
            return found
        time.sleep(0.01)
    raise AssertionError("it did not happen in time")
