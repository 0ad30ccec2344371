"""Who trades on when a whole worker has died? Its successor, at once, instead of after the leases have lapsed."""

from __future__ import annotations

import os
import socket

from crs.kernel import work
from strategies.models import SymbolGroup


def holder() -> str:
    """Return how this process signs the groups that it holds: machine and process id."""
    return f"{socket.gethostname()}:{os.getpid()}"


def end_leases_of_the_dead() -> list[int]:
    """Free the groups whose holder was a process of this machine that is no more; returns their ids."""
    return work.end_leases(SymbolGroup, is_dead=is_dead)


def is_dead(holder: str) -> bool:
    """Tell whether a holder certainly is no more: of this machine, and nobody has its number. Others may live."""
    machine, _, pid = holder.rpartition(":")
    if machine != socket.gethostname() or not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)  # signal 0 only asks
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
