"""Which processes of the stack run, and what is done about one that dies, goes deaf or has to end?"""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

from crs.stack import processes, python
from crs.stack.processes import Identity
from crs.stack.services import SERVICES

if TYPE_CHECKING:
    import subprocess
    import threading

    from crs.stack.screen import Screen
    from crs.stack.site import Service, Site

WATCH_S = 2.0
RESTART_DELAYS_S = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)  # per restart of a process that does not stay up
STEADY_S = 10.0  # a process that lived so long starts its delays anew
NEEDED = ("postgres", "valkey", "beat")
ASKED = {"web", "valkey", "gateway"}  # servers that the watch asks; the others are seen by their rows


class Child:
    """One running process of the stack and what is known about its life."""

    def __init__(self, service: Service, process: subprocess.Popen[bytes]) -> None:
        self.service = service
        self.process = process
        self.started = time.monotonic()
        self.deaths = 0
        self.due: float | None = None  # when it is started again, while it is dead

    @property
    def age_s(self) -> float:
        return time.monotonic() - self.started


class Children:
    """The processes of one site by service. Everything happens on the supervisor's thread but the listening."""

    def __init__(self, site: Site, screen: Screen) -> None:
        self.site = site
        self.screen = screen
        self.running: dict[str, Child] = {}
        self.helpers: set[int] = set()  # processes that somebody else waits for
        self.deaf: dict[str, tuple[int, str]] = {}  # who lives and does not answer: its number, and what was seen

    def spawn(self, service: Service) -> None:
        """Start a process of the service, in the place of the one before it if there was one."""
        log = self.site.folder.log(service.name)
        process = service.command(self.site).start(log)
        old = self.running.get(service.name)
        child = Child(service, process)
        child.deaths = old.deaths if old else 0
        self.running[service.name] = child
        self._remember()

    def keep(self) -> None:
        """Start again what died, kill what went deaf, reap what the dead left."""
        now = time.monotonic()
        for name, child in list(self.running.items()):
            if child.due is not None:
                if now >= child.due:
                    self._restart(name)
            elif _has_died(child.process):
                self._bury(child)
            elif name in self.deaf:
                pid, seen = self.deaf.pop(name)
                if pid == child.process.pid:
                    self.screen.say(f"{name} {seen}: killed")
                    _kill_group(child.process)
        processes.reap_strangers({child.process.pid for child in self.running.values()} | self.helpers)

    def _bury(self, child: Child) -> None:
        """Take the dead process's group with it and say when it is started again."""
        _kill_group(child.process)  # its children must not work on beside their successors
        code = child.process.wait()
        child.deaths = 1 if child.age_s > STEADY_S else child.deaths + 1
        delay = RESTART_DELAYS_S[min(child.deaths, len(RESTART_DELAYS_S)) - 1]
        child.due = time.monotonic() + delay
        how = f"was killed by signal {-code}" if code < 0 else f"ended with {code}"
        self.screen.say(f"{child.service.name} {how}: started again" + (f" in {delay} s" if delay else ""))

    def _restart(self, name: str) -> None:
        service = self.running[name].service
        try:
            self.spawn(service)
        except OSError as error:
            self.screen.say(f"{name} cannot be started: {error.strerror}")
            self.running[name].due = time.monotonic() + RESTART_DELAYS_S[-1]

    def listen_for_silence(self, stop: threading.Event) -> None:
        """Own thread: name the processes that live and do not answer. `keep` kills them, and then starts them again."""
        answered: dict[str, float] = {}
        while not stop.wait(WATCH_S):
            running = {name: child.age_s for name, child in list(self.running.items()) if child.due is None}
            ages = python.ages_or_nothing(self.site)  # a database that is away is nobody's silence but its own
            # Whoever rings and answers needs these: while one of them is new, silence is not the others' fault.
            if min(running.get(name, python.SILENCE_S_MAX) for name in NEEDED) < python.SILENCE_S_MAX:
                ages.clear()
            now = time.monotonic()
            for server in ASKED & running.keys():
                if SERVICES[server].answers(self.site, 0):
                    answered[server] = now
                ages[server] = now - answered.get(server, now)
            for name, age in ages.items():
                if age > python.SILENCE_S_MAX and running.get(name, 0) > 2 * python.SILENCE_S_MAX:
                    self.deaf[name] = self.running[name].process.pid, f"was last seen {age:.0f} s ago"

    def end(self, name: str) -> None:
        """Ask the service's process to stop if there is one, wait, then kill its whole group."""
        child = self.running.pop(name, None)
        if child is None:
            return
        process = child.process
        if child.due is None and process.poll() is None:
            process.send_signal(child.service.stop_signal)
            deadline = time.monotonic() + child.service.grace_s
            while not _has_died(process) and time.monotonic() < deadline:
                time.sleep(0.02)
            if not _has_died(process):
                self.screen.say(f"{child.service.name} did not stop within {child.service.grace_s:.0f} s: killed")
            _kill_group(process)
            process.wait()
        processes.reap_strangers({other.process.pid for other in self.running.values()})

    def pids(self) -> dict[str, int | None]:
        """Return the process of every service by its number; None for one that is given or not started."""
        return {name: self.running[name].process.pid if name in self.running else None for name in SERVICES}

    def _remember(self) -> None:
        known = {name: processes.identity(child.process.pid) for name, child in self.running.items()}
        self.site.folder.write_json(
            "processes.json",
            {name: process.as_json() for name, process in known.items() if isinstance(process, Identity)},
        )
        written = self.site.folder.read_json("stack.json")
        if written:
            self.site.folder.write_json("stack.json", {**written, "pids": self.pids()})


def _has_died(process: subprocess.Popen[bytes]) -> bool:
    """Look without reaping: the number stays its own until its group has been ended."""
    if process.returncode is not None:
        return True
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and all that it started; only before it is reaped, while its number is certainly its own."""
    assert process.returncode is None
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # only the dead leader is left
        return
