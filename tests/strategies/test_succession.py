"""Does a successor take what a dead worker held, and nothing else?"""

from __future__ import annotations

import os
import socket
import subprocess

import pytest

from crs import relay
from crs.kernel import work
from strategies.models import SymbolGroup
from strategies.operations import succession
from tests.strategies import stage


@pytest.fixture
def dead_pid() -> int:
    child = subprocess.Popen(["true"])
    child.wait()
    return child.pid


def signed_by(pid: int | str) -> str:
    return f"{succession.holder().rpartition(':')[0]}:{pid}"


def test_only_a_process_counted_where_we_are_and_gone_is_dead(dead_pid: int) -> None:
    assert succession.is_dead(signed_by(dead_pid))
    assert not succession.is_dead(succession.holder())
    assert not succession.is_dead(signed_by(os.getppid()))
    assert not succession.is_dead(f"another-machine/1:{dead_pid}")
    assert not succession.is_dead(f"{socket.gethostname()}/1:{dead_pid}")  # a container with the machine's name
    assert not succession.is_dead("")
    assert not succession.is_dead(signed_by(""))


@pytest.mark.django_db(transaction=True)
def test_the_sweep_frees_what_a_dead_process_held_and_rings_for_it(
    dead_pid: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child of a worker that goes on: its lease would lapse after six seconds, and nobody rings for it until then."""
    rung: list[tuple[str, int | None]] = []
    monkeypatch.setattr(relay, "publish", lambda task, row: rung.append((task, row)))
    dead, alive = stage.start(symbols=["BTCUSD.s"]), stage.start(symbols=["ETHUSD.s"])
    assert work.claim(SymbolGroup, id=dead.group.pk, holder=signed_by(dead_pid)) is not None
    assert work.claim(SymbolGroup, id=alive.group.pk, holder=succession.holder()) is not None

    relay.sweep()
    assert rung == [("strategies.trade_group", dead.group.pk)]
    assert work.claim(SymbolGroup, id=dead.group.pk, holder=succession.holder()) is not None


@pytest.mark.django_db
def test_without_groups_nothing_is_freed() -> None:
    assert succession.end_leases_of_the_dead() == []
