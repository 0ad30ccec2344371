"""How long does a tick take from its receipt to the decision on it, at 510 ticks a second, across slice changes?

One session, three symbols with 170 ticks a second each, trading on the stack that this runs on. The lag of every tick
runs from the listener's receipt to the verdict of the gate before the signal, on one machine's clock.

Leaves out: the way from the venue to the listener, and what an order takes (the gate again, the wire, the booking).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

DURATION_S = 60
TICKS_PER_SECOND = 170
SPEED = 600  # ten venue hours a minute: bars close and orders go out, as on a lively day
SYMBOLS = "BTCUSD.s,ETHUSD.s,XAUUSD.s"


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bench.yaml"
        file.write_text(f"session: {{ticks_per_second: {TICKS_PER_SECOND}, speed: {SPEED}, max_loss: 5000}}\n")
        command = ["manage.py", "session", "--json", "--symbols", SYMBOLS, "--duration", str(DURATION_S)]
        done = subprocess.run(
            [sys.executable, *command, "--config", str(file)], stdout=subprocess.PIPE, text=True, env=os.environ
        )
    report = json.loads(done.stdout.splitlines()[-1])
    if "lag_ms" not in report:
        print(done.stdout)
        return 1
    ticks = sum(row["ticks"] for row in report["symbols"].values())
    leaves_out = "the venue's side and the order itself"
    rate = {"name": "ticks handled", "figure": ticks / float(report["duration_s"]), "unit": "ticks/s"}
    print(json.dumps({**rate, "target": 3 * TICKS_PER_SECOND, "leaves_out": "opening and closing of the session"}))
    for name, target in (("p50", None), ("p99", 10)):
        line = {"name": f"tick to decision, {name}", "figure": float(report["lag_ms"][name]), "unit": "ms"}
        print(
            json.dumps({**line, "better": "lower", "leaves_out": leaves_out} | ({"target": target} if target else {}))
        )
    return 0 if report["reconciled"] else 1


if __name__ == "__main__":
    sys.exit(main())
