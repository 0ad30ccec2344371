"""How soon is a desk back? The second `up` of a state folder, from the command to `CRS ready`, without the demo desk.

Leaves out: the first start (environment, initdb, all migrations) and the demo desk.
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

ROOT = Path(__file__).resolve().parent.parent
GIVEN = ("DATABASE_URL", "OWNER_DATABASE_URL", "REDIS_URL", "GATEWAY_COMMAND_URL", "GATEWAY_TICKS_URL", "WEB_URL")


def seconds_until_ready(state: str) -> float:
    """Start a stack, wait for its ready line, stop it; returns the seconds until that line."""
    environment = {name: value for name, value in os.environ.items() if name not in GIVEN}
    began = time.monotonic()
    stack = subprocess.Popen(
        [sys.executable, "manage.py", "up", "--no-demo", "--state", state],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert stack.stdout is not None
    took = next(time.monotonic() - began for line in stack.stdout if line.startswith("CRS ready"))
    stack.send_signal(signal.SIGINT)
    stack.communicate()
    assert stack.returncode == 0, stack.returncode
    return took


with tempfile.TemporaryDirectory(prefix="crs-bench-") as state:
    seconds_until_ready(state)
    print(
        json.dumps(
            {
                "name": "second start, until CRS ready",
                "figure": round(seconds_until_ready(state), 2),
                "unit": "s",
                "target": 10,
                "better": "lower",
                "leaves_out": "the demo desk",
            }
        )
    )
