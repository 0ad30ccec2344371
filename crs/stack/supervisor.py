"""How does the stack start, stay up and stop?

1. Hold the folder, so that no second supervisor fights for it; end what an earlier one left behind.
2. Start the servers one after the other, migrate, then start our own processes side by side.
3. Watch: start again at once what died, kill and start again what went deaf.
4. Stop in order: who makes work first, who keeps it last.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from crs.stack import given, migrations, postgres, processes, python, statics, valkey
from crs.stack.folder import Unusable, is_free
from crs.stack.processes import Identity
from crs.stack.screen import Screen
from crs.stack.services import SERVICES, STOP_ORDER

if TYPE_CHECKING:
    from collections.abc import Callable

    from crs.stack.site import Command, Service, Site

TICK_S = 0.05
WATCH_S = 2.0
RESTART_DELAYS_S = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)  # per restart of a process that does not stay up
STEADY_S = 10.0  # a process that lived so long starts its delays anew
LOG_LINES_SHOWN = 15
MEANWHILE_GRACE_S = 10.0
NEEDED = ("postgres", "valkey", "beat")
ASKED = {"web", "valkey"}  # servers that the watch asks; the others are seen by their rows


class Stopped(Exception):
    """Somebody asked the supervisor to stop."""


class Failed(Exception):
    """The stack could not start; the message names the process and shows the end of its log."""


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


class Supervisor:
    """Runs one site. `run` returns when the stack has stopped; everything happens on its thread but the watching."""

    def __init__(self, site: Site, screen: Screen | None = None) -> None:
        self.site = site
        self.screen = screen or Screen()
        self.children: dict[str, Child] = {}
        self.helpers: set[int] = set()
        self.stop = threading.Event()
        self.deaf: dict[str, tuple[int, str]] = {}  # who lives and does not answer: its number, and what was seen

    # ── Whole life ────────────────────────────────────────────────────────────────────────────────────────────────────
    def run(self, *, meanwhile: Callable[[], subprocess.Popen[bytes]] | None = None) -> int:
        """Start, watch until a signal (or until the process started by `meanwhile` has ended), stop; returns its code.

        Raises `Held` when another supervisor has the folder, `Unusable` for what the user has to change and `Failed`
        when a process does not come up; nothing is left running then.
        """
        self.site.folder.make()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self.stop.set())
        with self.site.folder.held():
            processes.adopt_orphans()
            self.end_leftovers()
            choose_web_port(self.site)
            try:
                self.start()
                threading.Thread(target=self._listen_for_silence, name="watch", daemon=True).start()
                if meanwhile:
                    return self._keep_while(meanwhile())
                while not self.stop.is_set():
                    self.keep()
                    self.stop.wait(TICK_S)
            except Stopped:
                pass
            finally:
                self.screen.end()
                self.stop_all()
        return 0

    def start(self) -> None:
        """Bring everything up, or raise. Ends with `stack.json` written and the address printed."""
        began = time.monotonic()
        self.screen.begin("starting", steps=len(SERVICES) + 2 + statics.are_due(self.site))
        self.start_servers()
        since = time.monotonic()
        if migrations.are_due(self.site):
            self.screen.waiting(["migrations"])
            self._run_helper(
                "migrate", python.management(self.site.as_owner(), "migrate", "--no-input", process="migrate")
            )
            migrations.remember(self.site)
        self.screen.step("tables", since)
        if statics.are_due(self.site):
            since = time.monotonic()
            self.screen.waiting(["style sheets and scripts"])
            self._run_helper(
                "collectstatic", python.management(self.site, "collectstatic", "--no-input", "--clear", "-v", "0")
            )
            statics.remember(self.site)
            self.screen.step("style sheets and scripts", since)
        if not python.is_gateway_given(self.site):
            python.prepare_gateway(self.site)
        ours = [
            name for name in ("gateway", "web", "worker", "beat", "daemon") if not SERVICES[name].is_given(self.site)
        ]
        self._write_stack_json(ready_at=None, users=[])  # our processes find each other while they start
        for name in ours:
            self._spawn(SERVICES[name])
        users = self._make_demo_desk(ours)
        self._await(ours)
        self._await_readiness()
        self._write_stack_json(ready_at=datetime.now(UTC).isoformat(), users=users)
        self.screen.end()
        self.screen.say(f"CRS ready {self.site.web_url}")
        for user in users:
            self.screen.say(f"  {user['name']} ({user['role']}): password in {user['password_file']}")
        self.screen.say(f"  started in {time.monotonic() - began:.1f} s, logs in {self.site.folder.logs}, Ctrl-C stops")

    def start_servers(self) -> None:
        """Start PostgreSQL and Valkey, or make sure that the given ones can be used. Tests need no more."""
        python.refuse_old_python()
        given.refuse_unusable(self.site)
        for name, module in (("postgres", postgres), ("valkey", valkey)):
            service = SERVICES[name]
            if service.is_given(self.site):
                continue
            self.screen.waiting([service.what])
            module.prepare(self.site)
            self._spawn(service)
            self._await([name])
            if name == "postgres":
                postgres.make_roles(self.site)

    def stop_all(self) -> None:
        """Stop every child in order and leave no process behind."""
        for name in STOP_ORDER:
            if child := self.children.pop(name, None):
                self._end(child)
        processes.end(processes.marked(self.site.mark), signal.SIGTERM, grace_s=2)
        processes.reap_strangers(set())
        for name in ("stack.json", "processes.json"):
            (self.site.folder.path / name).unlink(missing_ok=True)

    def end_leftovers(self) -> int:
        """Stop what a killed supervisor left running, in order, after making sure that it is ours. Returns how many."""
        written = self.site.folder.read_json("processes.json")
        known = {name: processes.remembered(content) for name, content in written.items()}
        if (pid := postgres.leftover(self.site)) and (server := processes.identity(pid)):
            known["postgres"] = server
        found = {name: process for name, process in known.items() if processes.is_alive(process)}
        strangers = [process for process in processes.marked(self.site.mark) if process not in found.values()]
        if found or strangers:
            self.screen.say(f"stopping {len(found) + len(strangers)} processes that an earlier stack left behind")
        for name in STOP_ORDER:
            if name in found:
                processes.end([found[name]], SERVICES[name].stop_signal, grace_s=SERVICES[name].grace_s)
        processes.end(processes.marked(self.site.mark), signal.SIGTERM, grace_s=3)
        (self.site.folder.path / "stack.json").unlink(missing_ok=True)
        return len(found) + len(strangers)

    # ── Starting ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def _spawn(self, service: Service) -> None:
        log = self.site.folder.log(service.name)
        process = service.command(self.site).start(log)
        old = self.children.get(service.name)
        child = Child(service, process)
        child.deaths = old.deaths if old else 0
        self.children[service.name] = child
        self._remember_processes()

    def _await(self, names: list[str]) -> None:
        """Wait until all of `names` are ready; one that dies or stays silent fails the start."""
        waiting = list(names)
        while waiting:
            self.screen.waiting([SERVICES[name].what for name in waiting])
            for name in list(waiting):
                child = self.children[name]
                if child.process.poll() is not None:
                    raise Failed(f"{name} ended with {child.process.returncode}\n{self._tail(name)}")
                if child.service.answers(self.site, child.age_s):
                    waiting.remove(name)
                    self.screen.step(child.service.what, child.started)
                elif child.age_s > child.service.ready_s_max:
                    raise Failed(f"{name} is not ready after {child.service.ready_s_max:.0f} s\n{self._tail(name)}")
            self._pause(0.01 if {"postgres", "valkey"} & set(waiting) else 0.1)

    def _await_readiness(self) -> None:
        """Wait until /readyz agrees, and say what it misses when it does not."""
        deadline = time.monotonic() + 30
        while True:
            try:
                status, content = python.ask(self.site, "/readyz")
            except OSError as error:
                status, content = 0, str(error)
            if status == 200:
                return
            if time.monotonic() > deadline:
                raise Failed(f"/readyz answers {status}: {content}\n{self._tail('web')}")
            self._pause(0.1)

    def _make_demo_desk(self, ours: list[str]) -> list[dict[str, Any]]:
        """Open the demo desk beside the starting processes; it needs the gateway only."""
        if not self.site.has_demo or not migrations.has_command("demo_desk"):
            return []
        if "gateway" in ours:
            self._await(["gateway"])
            ours.remove("gateway")
        since = time.monotonic()
        said = self._run_helper("demo_desk", python.management(self.site, "demo_desk", "--json"))
        self.screen.step("demo desk", since)
        users = said.get("users", [])
        assert isinstance(users, list), "demo_desk says who may sign in"
        return users

    def _run_helper(self, name: str, command: Command) -> dict[str, Any]:
        """Run a command to its end and return the object in its last line. Raises `Failed` with the end of its log."""
        log = self.site.folder.log(name)
        process = command.start(log, is_kept=False)
        self.helpers.add(process.pid)
        try:
            while process.poll() is None:
                self._pause(0.02)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            self.helpers.discard(process.pid)
        if process.returncode:
            raise Failed(f"{name} ended with {process.returncode}\n{self._tail(name)}")
        return migrations.last_object(log.read_text(errors="replace"))

    def _pause(self, seconds: float) -> None:
        if self.stop.wait(seconds):
            raise Stopped

    # ── Keeping ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def keep(self) -> None:
        """Start again what died, kill what went deaf, reap what the dead left."""
        now = time.monotonic()
        for name, child in list(self.children.items()):
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
        processes.reap_strangers({child.process.pid for child in self.children.values()} | self.helpers)

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
        service = self.children[name].service
        try:
            self._spawn(service)
        except OSError as error:
            self.screen.say(f"{name} cannot be started: {error.strerror}")
            self.children[name].due = time.monotonic() + RESTART_DELAYS_S[-1]

    def _listen_for_silence(self) -> None:
        """Own thread: name the processes that live and do not answer. `keep` kills them, and then starts them again."""
        answered: dict[str, float] = {}
        while not self.stop.wait(WATCH_S):
            running = {name: child.age_s for name, child in list(self.children.items()) if child.due is None}
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
                    self.deaf[name] = self.children[name].process.pid, f"was last seen {age:.0f} s ago"

    def _keep_while(self, process: subprocess.Popen[bytes]) -> int:
        """Watch until the process ends; a signal to us reaches it too, and it has a moment to end by itself."""
        self.helpers.add(process.pid)
        while process.poll() is None and not self.stop.is_set():
            self.keep()
            self.stop.wait(TICK_S)
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(MEANWHILE_GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.helpers.discard(process.pid)
        return process.returncode if process.returncode >= 0 else 1

    # ── Stopping ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def _end(self, child: Child) -> None:
        """Ask the process to stop, wait, then kill its whole group."""
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
        processes.reap_strangers({other.process.pid for other in self.children.values()})

    # ── What others read ──────────────────────────────────────────────────────────────────────────────────────────────
    def _remember_processes(self) -> None:
        known = {name: processes.identity(child.process.pid) for name, child in self.children.items()}
        self.site.folder.write_json(
            "processes.json",
            {name: process.as_json() for name, process in known.items() if isinstance(process, Identity)},
        )
        written = self.site.folder.read_json("stack.json")
        if written:
            self.site.folder.write_json("stack.json", {**written, "pids": self._pids()})

    def _pids(self) -> dict[str, int | None]:
        return {name: self.children[name].process.pid if name in self.children else None for name in SERVICES}

    def _write_stack_json(self, *, ready_at: str | None, users: list[dict[str, Any]]) -> None:
        addresses = self.site.addresses
        self.site.folder.write_json(
            "stack.json",
            {
                "web_url": self.site.web_url,
                "database_url": addresses["DATABASE_URL"],
                "owner_database_url": addresses["OWNER_DATABASE_URL"],
                "redis_url": addresses["REDIS_URL"],
                "gateway_command_url": addresses["GATEWAY_COMMAND_URL"],
                "gateway_ticks_url": addresses["GATEWAY_TICKS_URL"],
                "pids": self._pids(),
                "supervisor": os.getpid(),
                "ready_at": ready_at,
                "users": users,
            },
        )

    def _tail(self, name: str) -> str:
        try:
            lines = self.site.folder.log(name).read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return ""
        return "\n".join(f"  {line}" for line in lines[-LOG_LINES_SHOWN:])


def choose_web_port(site: Site) -> None:
    """Keep the site's port when one was asked for, or refuse; else the last one, else 8000, else any free one."""
    try:
        if not site.port:
            site.port = site.folder.port("web", host=site.host, first=8000)
        elif not is_free(site.host, site.port):
            raise Unusable(f"port {site.port} on {site.host} is taken")
    except socket.gaierror:
        raise Unusable(f"--host {site.host}: no such address") from None


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
