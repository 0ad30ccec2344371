"""Does a successor take what a dead worker held, and nothing else?"""

from __future__ import annotations

import os
import socket
import subprocess

import pytest

from strategies.operations import succession


@pytest.fixture
def dead_pid() -> int:
    child = subprocess.Popen(["true"])
    child.wait()
    return child.pid


def test_only_a_process_of_this_machine_that_is_gone_is_dead(dead_pid: int) -> None:
    machine = socket.gethostname()
    assert succession.is_dead(f"{machine}:{dead_pid}")
    assert not succession.is_dead(succession.holder())
    assert not succession.is_dead(f"{machine}:{os.getppid()}")
    assert not succession.is_dead(f"another-machine:{dead_pid}")
    assert not succession.is_dead("")
    assert not succession.is_dead(f"{machine}:")


@pytest.mark.django_db
def test_without_groups_nothing_is_freed() -> None:
    assert succession.end_leases_of_the_dead() == []
