"""Who trades on when a process has died? Whoever is rung next, at once, instead of after the lease has lapsed."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from crs.kernel import work
from strategies.models import SymbolGroup

NAMESPACE = Path("/proc/self/ns/pid")  # which processes a number of ours counts among: containers count for themselves


def holder() -> str:
    """Return how this process signs the groups that it holds: whose numbers count, and its own among them."""
    return f"{_counted_by()}:{os.getpid()}"


def end_leases_of_the_dead() -> list[int]:
    """Free the groups whose holder was a process beside this one that is no more; returns their ids."""
    return work.end_leases(SymbolGroup, is_dead=is_dead)


def is_dead(holder: str) -> bool:
    """Tell whether a holder certainly is no more: counted where we are, and nobody has its number. Others may live."""
    counted_by, _, pid = holder.rpartition(":")
    if counted_by != _counted_by() or not (pid.isascii() and pid.isdecimal()):
        return False
    try:
        os.kill(int(pid), 0)  # signal 0 only asks
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _counted_by() -> str:
    """Return machine and process namespace; two containers may share the machine's name, and their numbers differ."""
    return f"{socket.gethostname()[:40]}/{NAMESPACE.stat().st_ino}"
