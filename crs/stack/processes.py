"""Is this process still the one we started? Nothing is signalled before that is certain.

A pid alone is no identity: it is used again. The pid with its start time (and the boot) is one, and a pidfd holds it
between the look and the signal.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

PROC = Path("/proc")
MARK = "CRS_STACK"  # environment variable of every child: the id of its state folder
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h


@dataclass(frozen=True, slots=True)
class Identity:
    """A process that cannot be mistaken for a later one of the same number."""

    pid: int
    started: int  # clock ticks after boot: field 22 of /proc/<pid>/stat
    boot: str

    def as_json(self) -> dict[str, Any]:
        return {"pid": self.pid, "started": self.started, "boot": self.boot}


def boot_id() -> str:
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()


def identity(pid: int) -> Identity | None:
    """Return who has this number now; a zombie is nobody."""
    try:
        # The name in parentheses may hold blanks and parentheses itself.
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else Identity(pid, int(fields[19]), boot_id())


def remembered(content: dict[str, Any]) -> Identity:
    return Identity(int(content["pid"]), int(content["started"]), str(content["boot"]))


def is_alive(process: Identity) -> bool:
    return identity(process.pid) == process


def send(process: Identity, number: signal.Signals) -> bool:
    """Signal this very process; False when it is gone."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return False
    try:
        if not is_alive(process):
            return False
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True


def marked(mark: str) -> list[Identity]:
    """Return the living processes that carry the mark of a state folder, ours to stop; never this one."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for folder in PROC.iterdir():
        if not (folder.name.isascii() and folder.name.isdecimal()) or int(folder.name) == os.getpid():
            continue
        process = identity(int(folder.name))
        try:
            is_ours = wanted in (folder / "environ").read_bytes().split(b"\0")
        except (OSError, ValueError):  # gone, or another user's: not ours
            continue
        if process and is_ours and is_alive(process):
            found.append(process)
    return found


def end(processes: Iterable[Identity], number: signal.Signals, *, grace_s: float) -> None:
    """Signal the processes, wait up to `grace_s` for all of them, and kill who is left."""
    waiting = [process for process in processes if send(process, number)]
    deadline = time.monotonic() + grace_s
    while waiting and time.monotonic() < deadline:
        time.sleep(0.02)
        waiting = [process for process in waiting if is_alive(process)]
    for process in waiting:
        send(process, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while any(map(is_alive, waiting)) and time.monotonic() < deadline:
        time.sleep(0.02)


def adopt_orphans() -> None:
    """Make children of our dead children ours, so that they can be reaped: a container's process 1 often does not."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent() -> None:
    """In a child that is about to run its program: be killed when the parent dies, however it dies."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def reap_strangers(known: set[int]) -> None:
    """Reap dead processes that we did not start ourselves; the `known` are left to those who wait for them."""
    while True:
        try:
            dead = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if dead is None or dead.si_pid in known:
            return
        os.waitpid(dead.si_pid, 0)
