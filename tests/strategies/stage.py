"""How does a test play a session? A real gateway, the listener in a thread, and slices one after the other."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import redis
from django.conf import settings
from django.db import connection

from crs.kernel import clock
from crs.kernel.actor import Actor
from guardian.daemons import listener
from strategies.operations import demo, sessions, slices
from strategies.rules import configuration, lifecycle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from strategies.models import Session
    from tests.support.paper_gateway import PaperGateway

ALICE = Actor("person", "alice")
PATIENCE_S = 60
ALL = ["BTCUSD.s", "ETHUSD.s", "XAUUSD.s"]
ROOT = Path(__file__).resolve().parent.parent.parent
# A worker that trades one group until somebody kills it.
WORKER = """
import sys, django
django.setup()
from crs.kernel import clock
from strategies.operations import slices
while True:
    slices.trade(group_id=int(sys.argv[1]), holder="the one who dies", now=clock.now)
"""


def forget_ticks() -> None:
    """Empty the hot streams: a fresh gateway counts its logins from the start again."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    for name in client.scan_iter("crs:*:ticks:*"):
        client.delete(name)
    client.close()


def plan(**session: Any) -> configuration.Plan:
    """Return the default plan with some session keys changed."""
    default = configuration.read(sessions.default_configuration())
    return configuration.plan({"session": session}, default)


def start(**session: Any) -> Session:
    """Leave a session for slices to open."""
    demo.open_desk(actor=ALICE, at=clock.now())
    return sessions.start(plan=plan(**session), actor=ALICE, at=clock.now())


@contextmanager
def listening() -> Iterator[None]:
    """Run the listener in a thread, as the daemon does."""
    stop = threading.Event()
    thread = threading.Thread(target=listener.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def trade(session: Session, *, holder: str = "worker") -> bool:
    """Do one slice."""
    return slices.trade(group_id=session.group.pk, holder=holder, now=clock.now)


def play(session: Session) -> dict[str, Any]:
    """Trade slice after slice until the session has ended, and return its report."""
    eventually(lambda: trade(session) and _is_over(session))
    assert session.report is not None, session.error
    return dict(session.report)


def play_together(*played: Session) -> dict[int, dict[str, Any]]:
    """Play sessions side by side, each in a thread of its own."""
    reports: dict[int, dict[str, Any]] = {}

    def run(session: Session) -> None:
        try:
            reports[session.pk] = play(session)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(session,)) for session in played]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return reports


@contextmanager
def beside(function: Callable[[], object]) -> Iterator[None]:
    """Run something in a thread while the block runs."""

    def run() -> None:
        try:
            function()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def worker(session: Session, gateway: PaperGateway) -> subprocess.Popen[bytes]:
    """Start a worker process of its own on a session."""
    database = connection.settings_dict
    place = f"{database['HOST']}:{database['PORT']}/{database['NAME']}"
    environment = {
        **os.environ,
        "DATABASE_URL": f"postgresql://{database['USER']}:{database['PASSWORD']}@{place}",
        "GATEWAY_COMMAND_URL": gateway.command,
        "GATEWAY_TICKS_URL": gateway.ticks,
        "GATEWAY_KEY_FILE": str(gateway.folder / "gateway.key"),
        "DJANGO_SETTINGS_MODULE": "crs.settings",
    }
    # GATEWAY_KEY_FILE is a path of its own, not a secret in a file.
    return subprocess.Popen([sys.executable, "-c", WORKER, str(session.group.pk)], cwd=ROOT, env=environment)


def eventually(test: Callable[[], Any], *, within_s: float = PATIENCE_S) -> Any:
    """Return the first truthy answer of `test`, asked again and again until a deadline."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if found := test():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


def _is_over(session: Session) -> bool:
    session.refresh_from_db()
    return session.state in lifecycle.SESSION.final
