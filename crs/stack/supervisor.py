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
from crs.stack.children import Children
from crs.stack.folder import Unusable, is_free
from crs.stack.screen import Screen
from crs.stack.services import SERVICES, STOP_ORDER

if TYPE_CHECKING:
    from collections.abc import Callable

    from crs.stack.site import Command, Site

TICK_S = 0.05
LOG_LINES_SHOWN = 15
MEANWHILE_GRACE_S = 10.0


class Stopped(Exception):
    """Somebody asked the supervisor to stop."""


class Failed(Exception):
    """The stack could not start; the message names the process and shows the end of its log."""


class Supervisor:
    """Runs one site. `run` returns when the stack has stopped; everything happens on its thread but the watching."""

    def __init__(self, site: Site, screen: Screen | None = None) -> None:
        self.site = site
        self.screen = screen or Screen()
        self.children = Children(site, self.screen)
        self.stop = threading.Event()

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
                watch = self.children.listen_for_silence
                threading.Thread(target=watch, args=(self.stop,), name="watch", daemon=True).start()
                if meanwhile:
                    return self._keep_while(meanwhile())
                while not self.stop.is_set():
                    self.children.keep()
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
            self.children.spawn(SERVICES[name])
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
            self.children.spawn(service)
            self._await([name])
            if name == "postgres":
                postgres.make_roles(self.site)

    def stop_all(self) -> None:
        """Stop every child in order and leave no process behind."""
        for name in STOP_ORDER:
            self.children.end(name)
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
    def _await(self, names: list[str]) -> None:
        """Wait until all of `names` are ready; one that dies or stays silent fails the start."""
        waiting = list(names)
        while waiting:
            self.screen.waiting([SERVICES[name].what for name in waiting])
            for name in list(waiting):
                child = self.children.running[name]
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
        self.children.helpers.add(process.pid)
        try:
            while process.poll() is None:
                self._pause(0.02)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            self.children.helpers.discard(process.pid)
        if process.returncode:
            raise Failed(f"{name} ended with {process.returncode}\n{self._tail(name)}")
        return migrations.last_object(log.read_text(errors="replace"))

    def _pause(self, seconds: float) -> None:
        if self.stop.wait(seconds):
            raise Stopped

    # ── Keeping ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def _keep_while(self, process: subprocess.Popen[bytes]) -> int:
        """Watch until the process ends; a signal to us reaches it too, and it has a moment to end by itself."""
        self.children.helpers.add(process.pid)
        while process.poll() is None and not self.stop.is_set():
            self.children.keep()
            self.stop.wait(TICK_S)
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(MEANWHILE_GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.children.helpers.discard(process.pid)
        return process.returncode if process.returncode >= 0 else 1

    # ── What others read ──────────────────────────────────────────────────────────────────────────────────────────────
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
                "pids": self.children.pids(),
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
