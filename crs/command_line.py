"""How does a command of manage.py begin, and what does it say when it cannot? One line, and exit 2."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from django.core.exceptions import ImproperlyConfigured
from django.core.management import ManagementUtility, get_commands

from crs.stack.addresses import NoAddress, SettingWrong

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.core.management import BaseCommand

REFUSED = 2


class UnknownCommand(Exception):
    """There is no command of that name."""


class Commands(ManagementUtility):
    """Django's own, but for the command that does not exist: it says that in two lines and exits with 1, a finding."""

    def fetch_command(self, subcommand: str) -> BaseCommand:
        if subcommand not in get_commands():
            if self.settings_exception is not None:  # it hides every command of ours
                raise self.settings_exception
            raise UnknownCommand(f"no command {subcommand!r} ({self.prog_name} help lists them)")
        return super().fetch_command(subcommand)


def run(arguments: Sequence[str]) -> int:
    """Run a command that needs Django; `arguments` begin with the program's name. Returns its exit code.

    A wrong setting, an address that nobody knows and a command that does not exist are one line on standard error and
    2; with `--json` they are also one object on standard output, as every refusal is.
    """
    try:
        Commands(list(arguments)).execute()
    except UnknownCommand as error:
        return refuse("USAGE", str(error), arguments)
    except NoAddress as error:
        return refuse("NO_STACK", str(error), arguments)
    except (SettingWrong, ImproperlyConfigured) as error:
        return refuse("CONFIGURATION_WRONG", str(error), arguments)
    return 0


def refuse(code: str, detail: str, arguments: Sequence[str]) -> int:
    """Say in one line why nothing was done; returns the exit code."""
    if "--json" in arguments:
        sys.stdout.write(json.dumps({"ok": False, "code": code, "detail": detail}, ensure_ascii=False) + "\n")
    sys.stderr.write(f"CommandError: {code}: {detail}\n")
    return REFUSED
