"""Does every process see a halt at once, and is an old copy of the halts never taken for a fresh one?"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection

from approvals import queries
from approvals.adapters.halt_watch import HaltWatch
from approvals.operations import killswitch, modes
from approvals.rules.halts import Halt, Halted, HaltsUnknown
from approvals.rules.scope import GLOBAL, Scope, Subject, parse
from crs.kernel.actor import Actor, machine
from tests.support.logins import login
from tests.support.people import make_person

if TYPE_CHECKING:
    from collections.abc import Iterator

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
GOLD = Scope("SYMBOL", "XAUUSD.s")
COMMAND = machine("kill")
BOT = Actor("key", "k0123456789abcdef")


def seen(watch: HaltWatch, epoch: int, *, within_s: float) -> float:
    """Return after how many seconds the copy shows the epoch."""
    begun = time.monotonic()
    while time.monotonic() - begun < within_s:
        if watch.halts().epoch >= epoch:
            return time.monotonic() - begun
        time.sleep(0.002)
    raise AssertionError(f"not seen within {within_s} s")


def stop(scope: str) -> Halt:
    return killswitch.engage(scope=parse(scope), reason="drill", actor=BOT, at=NOON).halt


def is_known(watch: HaltWatch) -> bool:
    try:
        watch.halts()
    except HaltsUnknown:
        return False
    return True


@pytest.fixture
def watch(transactional_db: None) -> Iterator[HaltWatch]:
    copy = HaltWatch().start()
    yield copy
    copy.stop()


def test_a_halt_is_seen_by_another_copy_within_a_poll(watch: HaltWatch) -> None:
    alice, bob = make_person("alice", "operator"), make_person("bob", "risk")
    gold, silver = Subject(symbol="XAUUSD.s"), Subject(symbol="XAGUSD.s")
    watch.refuse_unsafe(gold)
    halt = killswitch.engage(scope=GOLD, reason="drill", actor=alice, at=NOON).halt
    seen(watch, halt.epoch, within_s=1)
    with pytest.raises(Halted):
        watch.refuse_unsafe(gold)
    watch.refuse_unsafe(silver)
    asked = killswitch.request_release(scope=GOLD, cause="c", remedy="r", actor=alice, at=NOON)
    seen(watch, killswitch.confirm_release(release_id=asked.id, actor=bob, at=NOON), within_s=1)
    watch.refuse_unsafe(gold)
    # The best of three: a machine under load may be late once, a copy that waits for its poll always is.
    delays = [seen(watch, stop(f"SYMBOL:s{number}").epoch, within_s=1) for number in range(3)]
    assert min(delays) < 0.25


CHILD = """
import sys, time, django
django.setup()
from approvals import queries
watch = queries.watch()
assert watch is queries.watch()
before = watch.halts().epoch
print("ready", flush=True)
while watch.halts().epoch == before:
    time.sleep(0.001)
print(time.monotonic_ns(), watch.halts().engaged[0].reason, flush=True)
"""


@pytest.mark.usefixtures("transactional_db")
def test_a_halt_is_seen_by_another_process_within_a_poll() -> None:
    """Goal: a worker stops at once. Method: a child process with the rights of the application; one monotonic clock."""
    parts = urlsplit(os.environ["APP_DATABASE_URL"])
    address = urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}"))
    environment = {**os.environ, "DATABASE_URL": address, "DJANGO_SETTINGS_MODULE": "crs.settings"}
    with subprocess.Popen([sys.executable, "-c", CHILD], env=environment, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        begun = time.monotonic_ns()
        stop("GLOBAL")
        seen_ns, reason = child.stdout.readline().split()
    assert reason == "drill"
    assert (int(seen_ns) - begun) / 1e9 < 1.0  # aim 0.25 s; the slack is for two shared cores


def test_a_mode_is_seen_too(watch: HaltWatch) -> None:
    scope = Scope("ACCOUNT", "PAPER-7")
    assert modes.set_mode(scope=scope, mode="FORCE_CLOSE", reason="SESSION_LOSS", actor=COMMAND, at=NOON)
    assert not modes.set_mode(scope=scope, mode="FORCE_CLOSE", reason="again", actor=COMMAND, at=NOON)
    deadline = time.monotonic() + 2
    while (moded := watch.halts().mode_of(Subject(account="PAPER-7"))) is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert moded is not None
    assert (moded.mode, moded.reason) == ("FORCE_CLOSE", "SESSION_LOSS")
    assert modes.set_mode(scope=scope, mode="NORMAL", reason="flat", actor=COMMAND, at=NOON)
    assert queries.halts().modes == ()


def test_a_copy_older_than_a_second_is_no_copy(watch: HaltWatch) -> None:
    """Goal: nobody trades on old news. Method: end the copy's connection for good and wait until it has aged."""
    watch.halts()
    watch.stop()
    deadline = time.monotonic() + 3
    while is_known(watch) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_known(watch)


def test_a_copy_whose_connection_is_cut_comes_back(watch: HaltWatch) -> None:
    with login("crs_owner") as raw:
        cut = raw.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'crs-halt-watch' AND datname = current_database()"
        ).fetchall()
    assert cut
    halt = killswitch.engage(scope=GLOBAL, reason="drill", actor=BOT, at=NOON).halt
    assert seen(watch, halt.epoch, within_s=3)


def test_a_copy_that_never_began_is_not_safe() -> None:
    with pytest.raises(HaltsUnknown):
        HaltWatch().refuse_unsafe(Subject())


def test_asking_the_copy_costs_under_a_microsecond_or_so(watch: HaltWatch) -> None:
    """The bound has slack for a busy machine; the bench has the figure."""
    subject, best = Subject(symbol="XAUUSD.s"), 1.0
    for _ in range(20):
        begun = time.perf_counter()
        for _ in range(1_000):
            watch.refuse_unsafe(subject)
        best = min(best, (time.perf_counter() - begun) / 1_000)
    assert best < 5e-6
