"""A real stack for tests: started by the command that people use, watched from outside."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from crs.stack import clean, processes
from crs.stack.addresses import NAMES, ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

READY_S_MAX = 180
# Blanks, and a locale that initdb would stumble over: both are somebody's everyday.
FOREIGN = {"LC_ALL": "tr_TR.ISO-8859-9", "LANG": "de_DE.ISO-8859-1", "LANGUAGE": "de"}


def eventually(check: Callable[[], Any], *, within_s: float, what: str) -> Any:
    """Return the first true answer of `check`; fail when there is none in time."""
    deadline = time.monotonic() + within_s
    while not (answer := check()):
        assert time.monotonic() < deadline, f"{what}: not within {within_s} s"
        time.sleep(0.02)
    return answer


def environment(**more: str) -> dict[str, str]:
    """Return an environment without given servers, under a foreign locale."""
    own = {
        name: value for name, value in os.environ.items() if name not in (*NAMES, "CRS_STATE_DIR", "APP_DATABASE_URL")
    }
    return {**own, **FOREIGN, **more}


class Stack:
    """One `manage.py up --no-demo` in a folder of its own."""

    def __init__(self, folder: Path | None = None) -> None:
        self.state = folder or Path(tempfile.mkdtemp(prefix="crs stack of tests "))
        self.log = Path(tempfile.mkstemp(prefix="crs-up-")[1])
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str) -> float:
        """Start it and wait until it is ready; returns the seconds that took."""
        began = time.monotonic()
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up", "--no-demo", "--state", str(self.state), *arguments],
                cwd=ROOT,
                env=environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        eventually(self._is_ready, within_s=READY_S_MAX, what="ready")
        return time.monotonic() - began

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.said()
        written = self.read()  # an earlier one's, until this one writes its own
        return bool(written.get("supervisor") == self.process.pid and written.get("ready_at"))

    def read(self) -> dict[str, Any]:
        """Return stack.json, empty while there is none."""
        try:
            return dict(json.loads((self.state / "stack.json").read_text()))
        except FileNotFoundError:
            return {}

    def said(self) -> str:
        return self.log.read_text()

    def pids(self) -> dict[str, int]:
        return {name: pid for name, pid in self.read()["pids"].items() if pid}

    def living(self) -> list[int]:
        """Return every process of this stack that lives: the named ones, and all that carry its mark."""
        mark = (self.state / "secrets" / "mark").read_text().strip()
        return [process.pid for process in processes.marked(mark)]

    def query(self, sql: str) -> Any:
        """Return the first cell of an answer, read as the application."""
        with psycopg.connect(self.read()["database_url"], connect_timeout=2) as connection:
            row = connection.execute(sql).fetchone()
            return row and row[0]

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> int:
        """Stop it as Ctrl-C does; returns its exit code."""
        self.signal(signal.SIGINT)
        assert self.process is not None
        return self.process.wait(60)

    def remove(self) -> None:
        """Stop whatever runs and remove what it left."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)
        subprocess.run(
            [sys.executable, "manage.py", "down", "--state", str(self.state)], cwd=ROOT, env=environment(), check=False
        )
        shutil.rmtree(self.state, ignore_errors=True)
        shutil.rmtree(clean.sheltered(self.state), ignore_errors=True)
        self.log.unlink(missing_ok=True)
