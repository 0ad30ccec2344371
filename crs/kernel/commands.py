"""How does every command talk? Words for people; with `--json` the last line of standard output is one JSON object.

Exit 0 is fine, 1 a finding (a break, a violation, a failed drill), 2 bad usage, bad configuration or a refusal.
"""

from __future__ import annotations

import argparse
import json
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.management.base import BaseCommand, CommandError, SystemCheckError
from django.db import OperationalError

from crs.kernel.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.core.management.base import CommandParser

FINDING, REFUSED = 1, 2


class DatabaseAway(Refusal):
    """PostgreSQL does not answer, or not in time: nothing was written, and nobody takes new risk without it."""

    code: ClassVar[str] = "DATABASE_AWAY"
    title: ClassVar[str] = "The database does not answer"
    status: ClassVar[int] = 503


class UsageWrong(Refusal):
    """An option or a command that does not exist, is missing, or has no such value; nothing was done."""

    code: ClassVar[str] = "USAGE"
    title: ClassVar[str] = "Bad usage"


class Unsound(Refusal):
    """Django's checks found the installation unfit to run."""

    code: ClassVar[str] = "CONFIGURATION_WRONG"
    title: ClassVar[str] = "The configuration is wrong"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command found: `facts` for machines, `lines` for people; not `ok` exits with 1."""

    facts: Mapping[str, Any]
    lines: Sequence[str] = field(default_factory=tuple)
    ok: bool = True


def add_json(parser: CommandParser) -> None:
    """Add `--json`; a command with sub-commands gives it to each, so that it may stand before or after their name."""
    parser.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON object as the last line"
    )


class JsonCommand(BaseCommand, ABC):
    """A command with `--json`. It defines `add_options(parser)` and `run(options) -> Outcome`.

    A `Refusal` becomes one line `CODE: detail` on standard error (with `--json` also an object with `ok`, `code` and
    `detail`) and exit 2; a database that is away is one, `DATABASE_AWAY`, and so is bad usage, `USAGE`.
    """

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        # Otherwise argparse prints its whole usage and leaves; like this it raises, and one line says what is wrong.
        self._called_from_command_line = False
        return super().create_parser(prog_name, subcommand, **kwargs)

    def run_from_argv(self, argv: list[str]) -> None:
        try:
            super().run_from_argv(argv)
        except CommandError as error:  # of the parser: those of `handle` are printed by Django
            detail = f"{str(error).removeprefix('Error: ')} ({' '.join(argv[:2])} --help says more)"
            refused = self._refused(UsageWrong(detail), {"json": "--json" in argv})
            self.stderr.write(f"CommandError: {refused}")
            sys.exit(REFUSED)

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except SystemCheckError as error:
            raise self._refused(Unsound(" ".join(str(error).split())), options) from error

    def add_arguments(self, parser: CommandParser) -> None:
        parser.set_defaults(json=False)
        add_json(parser)
        self.add_options(parser)

    def add_options(self, parser: CommandParser) -> None:
        """Add the command's own options."""

    @abstractmethod
    def run(self, options: dict[str, Any]) -> Outcome:  # Any: argparse's own
        """Do what the command is for; `options` are the parsed ones, by name."""

    def handle(self, *_: object, **options: Any) -> None:
        try:
            outcome = self.run(options)
        except Refusal as refusal:
            raise self._refused(refusal, options) from refusal
        except OperationalError as error:
            # The driver's first line says what is the matter; the others repeat it for each address that was tried.
            raise self._refused(DatabaseAway(str(error).partition("\n")[0]), options) from error
        for line in outcome.lines:
            self.stdout.write(line)
        if options["json"]:
            self._print({**outcome.facts, "ok": outcome.ok})
        if not outcome.ok:
            raise SystemExit(FINDING)

    def _refused(self, refusal: Refusal, options: Mapping[str, Any]) -> CommandError:
        if options["json"]:
            self._print({"ok": False, "code": refusal.code, "detail": refusal.detail})
        return CommandError(f"{refusal.code}: {refusal.detail}", returncode=REFUSED)

    def _print(self, facts: Mapping[str, Any]) -> None:
        self.stdout.write(json.dumps(facts, default=str, ensure_ascii=False))
        self.stdout.flush()
