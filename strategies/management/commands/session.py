"""How does a person run a trading session? `manage.py session`: starts one, shows how it goes, ends it on Ctrl-C."""

from __future__ import annotations

import getpass
import os.path
import re
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from crs.kernel import clock
from crs.kernel.actor import Actor
from crs.kernel.commands import JsonCommand, Outcome
from crs.kernel.refusal import Refusal
from strategies import queries
from strategies.operations import demo, sessions
from strategies.rules import configuration, lifecycle, reports
from strategies.rules.configuration import ConfigurationWrong
from strategies.rules.schema import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.core.management.base import CommandParser

    from strategies.models import Session

POLL_S = 0.2
OPEN_S_MAX = 60  # from the row to RUNNING: a worker that comes back needs a few seconds
WHOLE = re.compile("[0-9]{1,18}")  # plain digits; other scripts' ones look alike and are refused
SILENT_S_MAX = 60  # how long the database may be away before the command gives up looking


class SessionFailed(Refusal):
    """The session could not be opened, or could not go on; the detail begins with the code of the cause."""

    code: ClassVar[str] = "SESSION_FAILED"
    title: ClassVar[str] = "The session failed"


class Command(JsonCommand):
    help = "Run one trading session on the paper gateway and report. Ctrl-C ends it cleanly."

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("--symbols", help="such as BTCUSD.s,ETHUSD.s,XAUUSD.s")
        parser.add_argument("--duration", help="seconds of wall time; 0 is endless (default 1800)")
        parser.add_argument("--max-loss", help="USD; beyond it the session is halted and closed (default 100)")
        parser.add_argument("--speed", help="venue seconds per wall second (default 3600)")
        parser.add_argument("--data", help="a folder of bars (default: the recorded bars of December 2017)")
        parser.add_argument("--start", help="venue time of the first tick, such as 2017-12-20T00:00:00Z")
        parser.add_argument("--seed", help="of the synthetic paths")
        parser.add_argument("--config", help="a YAML file; see docs/runbooks/session.md")

    def run(self, options: dict[str, Any]) -> Outcome:
        plan = configuration.plan(*_layers(options))
        at = clock.now()
        actor = Actor("person", getpass.getuser())
        if plan.snapshot["common"]["desk"] == demo.DESK and settings.CRS_ENV == "demo":
            demo.open_desk(actor=actor, at=at)
        session = sessions.start(plan=plan, actor=actor, at=at)
        report = Follower(session, is_shown=sys.stderr.isatty()).follow()
        return Outcome(report, reports.readable(report), ok=reports.is_fine(report))


class Follower:
    """Watches a session until it has ended; the first Ctrl-C asks it to end, and it still reports."""

    def __init__(self, session: Session, *, is_shown: bool) -> None:
        self.session = session
        self.stop_wanted = False
        self.progress = Progress(
            TextColumn("session {task.description}"),
            BarColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not is_shown,
            transient=True,
        )

    def follow(self) -> Mapping[str, Any]:
        """Return the report. Raises `SessionFailed`."""
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            with self.progress:
                self._watch()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        session = self.session
        if session.report is None:
            raise SessionFailed(session.error or "no reason was written", session=session.pk)
        return dict(session.report)

    def _watch(self) -> None:
        bar = self.progress.add_task(str(self.session.pk), total=self.session.duration_s or None)
        began = seen = time.monotonic()
        while self.session.state not in lifecycle.SESSION.final:
            time.sleep(POLL_S)
            try:
                self.session = queries.session(self.session.pk)
                if self.stop_wanted:
                    sessions.request_stop(session_id=self.session.pk, at=clock.now())
                    self.stop_wanted = False
                seen = time.monotonic()
            except sessions.SessionOver:
                continue
            except DatabaseError as error:
                connection.close()
                if time.monotonic() - seen > SILENT_S_MAX:
                    raise SessionFailed(f"the database is away: {type(error).__name__}") from error
                continue
            self._show(bar)
            if self.session.state == "OPENING" and seen - began > OPEN_S_MAX:
                sessions.request_stop(session_id=self.session.pk, at=clock.now())
                raise SessionFailed(self.session.error or "NO_WORKER: no worker has taken the session; does one run?")

    def _show(self, bar: Any) -> None:  # Any: rich's own task id
        session = self.session
        if session.started_at is not None:
            done = (clock.now() - session.started_at).total_seconds()
            traded = sum(run.trades for run in queries.runs(session.pk)) if not self.progress.disable else 0
            self.progress.update(bar, completed=done, description=f"{session.pk} {session.state} {traded} trades")

    def _stop(self, *_: object) -> None:
        self.stop_wanted = True


def _layers(options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the layers of the configuration: command line, environment, file, default."""
    typed = {f"--{name.replace('_', '-')}": options[name] for name in (*settings.SESSION_OPTIONS, "config")}
    set_before = {f"CRS_SESSION_{name.upper()}": text for name, text in settings.SESSION_OPTIONS.items()}
    _refuse_empty({**typed, **set_before, "CRS_SESSION_CONFIG": settings.SESSION_CONFIG})
    path = options["config"] or settings.SESSION_CONFIG
    return [
        _layer({name: options[name] for name in settings.SESSION_OPTIONS}),
        _layer(settings.SESSION_OPTIONS),
        configuration.read(_text(path)) if path else {},
        configuration.read(sessions.default_configuration()),
    ]


def _refuse_empty(given: Mapping[str, str | None]) -> None:
    """Raise `ConfigurationWrong`: an empty shell variable must not silently put the default in place of a limit."""
    empty = [name for name, text in given.items() if text is not None and not text.strip()]
    if empty:
        raise ConfigurationWrong([Fault(name, "is empty: give it a value, or leave it out") for name in empty])


def _layer(given: Mapping[str, str | None]) -> dict[str, Any]:
    """Return options given as text as a layer; a text that is no number is left for the schema to refuse."""
    names = {"duration": "duration_seconds", "max_loss": "max_loss"}
    wholes = {"duration", "speed", "seed"}
    layer: dict[str, Any] = {}
    for name, text in given.items():
        if text is not None:
            value: Any = int(text) if name in wholes and WHOLE.fullmatch(text) else text
            if name == "symbols":
                value = text.split(",")
            if name == "data" and os.path.isdir(text):  # noqa: PTH112 — Path raises for a name that is too long
                value = str(Path(text).absolute())  # the gateway stands elsewhere
            layer[names.get(name, name)] = value
    return {"session": layer} if layer else {}


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationWrong([Fault("", f"{path} cannot be read: {error}")]) from error
