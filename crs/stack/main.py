"""Which commands run before Django, and what do they do? `up`, `down`, `doctor`: they make the database it needs."""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

from crs.stack import addresses, doctor, processes, sound
from crs.stack.addresses import SettingWrong
from crs.stack.folder import Folder, Held, Unusable
from crs.stack.site import LOOPBACK, Site
from crs.stack.supervisor import Failed, Supervisor

COMMANDS: tuple[str, ...] = ("up", "down", "doctor")
STOP_S_MAX = 60
FINDING, USAGE = 1, 2


def run(arguments: list[str]) -> int:
    """Run one of `COMMANDS`; returns its exit code: 0 fine, 1 a finding, 2 bad usage or configuration."""
    addresses.read_dotenv()
    command, answer = arguments[0], dict[str, object]()
    try:
        options = _parser().parse_args(arguments)
        if options.state is not None:
            os.environ["CRS_STATE_DIR"] = str(Path(options.state).absolute()) if options.state else ""
        code = {"up": _up, "down": _down, "doctor": doctor.run}[options.command](options, answer)
    except (UsageWrong, Unusable, SettingWrong, Held, Failed) as error:
        print(f"{command}: {error}", file=sys.stderr)
        answer, code = refused(error), FINDING if isinstance(error, Failed) else USAGE
    if "--json" in arguments and answer:
        print(json.dumps(answer))
    return code


def refused(error: Exception) -> dict[str, object]:
    """Return what a machine is told of an error of the stack: `ok`, `code` and `detail`."""
    codes = {UsageWrong: "USAGE", Held: "STACK_HELD", Failed: "STACK_FAILED"}
    return {"ok": False, "code": codes.get(type(error), "CONFIGURATION_WRONG"), "detail": str(error).splitlines()[0]}


class UsageWrong(Exception):
    """An option that does not exist, is missing, or has no such value."""


class Parser(argparse.ArgumentParser):
    """A parser that says in one line what is wrong, instead of printing its usage."""

    def error(self, message: str) -> NoReturn:
        raise UsageWrong(f"{message} ({self.prog} --help says more)")


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="manage.py", description="The stack: everything that CRS runs on.")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start everything and stay in the foreground; Ctrl-C stops all of it")
    up.add_argument("--host", default="127.0.0.1", help="where web listens; a demo listens on loopback only")
    up.add_argument("--port", type=_port, help="web's port; otherwise the last one, 8000 or a free one")
    up.add_argument("--no-demo", action="store_true", help="no demo desk, users and session")
    commands.add_parser("down", help="stop the stack of this state folder")
    commands.add_parser("doctor", help="check the machine, the settings and the running stack")
    for command in commands.choices.values():
        command.add_argument("--state", help="the state folder (CRS_STATE_DIR, otherwise .state)")
        command.add_argument("--json", action="store_true", help="the last line is one JSON object")
    return parser


def _port(text: str) -> int:
    if not re.fullmatch("[1-9][0-9]{0,4}", text) or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port")
    return int(text)


def _up(options: argparse.Namespace, _answer: dict[str, object]) -> int:
    site = Site(Folder(), host=options.host, port=options.port or 0)
    # Demo users have passwords on this disk: they belong to a demo.
    site.has_demo = site.environment_name == "demo" and not options.no_demo
    if site.environment_name not in ("demo", "staging", "production"):
        raise Unusable(f"CRS_ENV is {site.environment_name!r}: demo, staging or production")
    if site.environment_name == "demo" and site.host not in LOOPBACK:
        raise Unusable(f"--host {site.host}: a demo listens on loopback only (its users' passwords lie on this disk)")
    site.take_given(os.environ)
    sound.refuse_wrong_settings(site)
    return Supervisor(site).run()


def _down(_options: argparse.Namespace, answer: dict[str, object]) -> int:
    """Stop the supervisor of this folder, or what a killed one left behind."""
    folder = Folder()
    stopped = 0
    if folder.path.exists():
        folder.make()
        try:
            with folder.held():
                stopped = Supervisor(Site(folder)).end_leftovers()
        except Held as held:
            _stop_supervisor(folder, held.pid)
            stopped = 1
    answer |= {"ok": True, "stopped": bool(stopped)}
    print("stopped" if stopped else f"no stack runs in {addresses.state_dir()}")
    return 0


def _stop_supervisor(folder: Folder, pid: int) -> None:
    supervisor = processes.identity(pid)
    if supervisor:
        processes.send(supervisor, signal.SIGTERM)
    deadline = time.monotonic() + STOP_S_MAX
    while time.monotonic() < deadline:
        try:
            with folder.held():
                return
        except Held:
            time.sleep(0.05)
    raise Failed(f"the supervisor (process {pid}) has not stopped after {STOP_S_MAX} s")
