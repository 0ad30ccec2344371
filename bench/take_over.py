"""How long is a symbol left alone when a process dies? A session on three symbols; each process in turn gets SIGKILL.

The figure is the longest time, within the 12 s after the kill, in which the count of handled ticks of some symbol
stood still in the database; without any death it is about a second, since counts are saved each second. Leaves out: a
machine that dies with all its processes, and the network.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

ROOT = Path(__file__).resolve().parent.parent
GIVEN = ("DATABASE_URL", "OWNER_DATABASE_URL", "REDIS_URL", "GATEWAY_COMMAND_URL", "GATEWAY_TICKS_URL", "WEB_URL")
SYMBOLS = "BTCUSD.s,ETHUSD.s,XAUUSD.s"
PROCESSES = ("none", "worker", "beat", "daemon", "web", "gateway", "valkey", "postgres")
WINDOW_S = 12.0
TARGET_S = 15
TICKS = "SELECT symbol, ticks FROM strategies_symbolrun WHERE session_id = (SELECT max(id) FROM strategies_session)"


def stack_json(state: str) -> dict[str, Any]:
    try:
        return dict(json.loads((Path(state) / "stack.json").read_text()))
    except FileNotFoundError:
        return {}


def ticks(url: str) -> dict[str, int]:
    """Return the handled ticks of each symbol, nothing while the database is away."""
    try:
        with psycopg.connect(url, connect_timeout=2) as connection:
            return dict(connection.execute(TICKS).fetchall())
    except psycopg.Error:
        return {}


def longest_gap(url: str) -> float:
    """Watch for the length of the window; returns the longest stand-still of any symbol, an unfinished one included."""
    began = time.monotonic()
    counts = ticks(url)
    moved = dict.fromkeys(counts, began)
    longest = 0.0
    while (now := time.monotonic()) - began < WINDOW_S:
        for symbol, count in ticks(url).items():
            if count != counts.get(symbol):
                longest = max(longest, now - moved.get(symbol, began))
                counts[symbol], moved[symbol] = count, now
        time.sleep(0.05)
    return max(longest, *(time.monotonic() - at for at in moved.values()))


def measure(state: str, environment: dict[str, str]) -> None:
    url = stack_json(state)["database_url"]
    session = subprocess.Popen(
        [
            *(sys.executable, "manage.py", "session", "--symbols", SYMBOLS, "--max-loss", "9000"),
            *("--duration", str(int(len(PROCESSES) * WINDOW_S) + 30), "--json"),
        ],
        cwd=ROOT,
        env={**environment, "CRS_STATE_DIR": state},
        stdout=subprocess.PIPE,
        text=True,
    )
    while len(counts := ticks(url)) < 3 or not all(counts.values()):
        assert session.poll() is None, "the session did not start"
        time.sleep(0.2)
    gaps = {}
    for name in PROCESSES:
        if name != "none":
            os.kill(stack_json(state)["pids"][name], signal.SIGKILL)
        gaps[name] = longest_gap(url)
    said, _ = session.communicate()
    report = json.loads(said.splitlines()[-1])
    assert report["reconciled"], report
    for name, gap in gaps.items():
        what = f"take-over, SIGKILL of {name}" if name != "none" else "take-over, nobody killed"
        result = {"name": what, "figure": round(gap, 2), "unit": "s", "target": TARGET_S, "better": "lower"}
        print(json.dumps({**result, "leaves_out": "death of the whole machine"}), flush=True)


def main() -> None:
    environment = {name: value for name, value in os.environ.items() if name not in GIVEN}
    with tempfile.TemporaryDirectory(prefix="crs-bench-") as state:
        stack = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--no-demo", "--state", state],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.DEVNULL,
        )
        try:
            while not stack_json(state).get("ready_at"):
                assert stack.poll() is None, "the stack did not start"
                time.sleep(0.2)
            measure(state, environment)
        finally:
            stack.send_signal(signal.SIGINT)
            stack.wait()


if __name__ == "__main__":
    main()
