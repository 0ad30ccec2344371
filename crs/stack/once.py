"""How does one command run on a stack that may not be there? On the running one, else on one started for it.

    python -m crs.stack.once [--fresh] COMMAND [ARGUMENTS…]

`--fresh` starts one in a folder of its own, and removes it afterwards: for measuring. COMMAND is a script of the
project; it runs with this Python, in the caller's folder.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from crs.stack import addresses, clean, sound
from crs.stack.addresses import ROOT, SettingWrong
from crs.stack.folder import Folder, Held, Unusable
from crs.stack.main import refused
from crs.stack.screen import Screen
from crs.stack.site import Site
from crs.stack.supervisor import Failed, Supervisor


def main(arguments: list[str]) -> int:
    """Return the exit code of the command; 1 or 2 when no stack could be started for it."""
    addresses.read_dotenv()
    is_fresh = arguments[:1] == ["--fresh"]
    command = arguments[1:] if is_fresh else arguments
    if not command:
        print(__doc__)
        return 2
    try:
        path = Path(tempfile.mkdtemp(prefix="crs-fresh-")) if is_fresh else addresses.state_dir()
    except SettingWrong as error:
        return _refuse(error, command)
    site = Site(Folder(path), has_demo=False)
    try:
        # A measurement is about the embedded servers: whatever is given stays untouched.
        site.take_given({} if is_fresh else os.environ)
        sound.refuse_wrong_settings(site)
        # Standard output belongs to the command: its last line may be read by a machine.
        return Supervisor(site, Screen(sys.stderr)).run(meanwhile=lambda: start(site, command))
    except Held:
        return start(site, command).wait()
    except (Unusable, SettingWrong, Failed) as error:
        return _refuse(error, command)
    finally:
        if is_fresh:
            shutil.rmtree(path, ignore_errors=True)
            shutil.rmtree(clean.sheltered(path), ignore_errors=True)


def _refuse(error: Exception, command: list[str]) -> int:
    """Say why there is no stack for the command, as the command itself would; returns its exit code."""
    print(error, file=sys.stderr)
    if "--json" in command:
        print(json.dumps(refused(error)))
    return 1 if isinstance(error, Failed) else 2


def is_needed() -> bool:
    """Tell whether there is nothing to run on: neither given addresses nor a supervisor that holds the state folder."""
    addresses.read_dotenv()
    try:
        if addresses.given("DATABASE_URL"):
            return False
        folder = Folder(addresses.state_dir())
    except SettingWrong:
        return True  # `main` says so
    if not folder.path.exists():
        return True
    try:
        with folder.held():
            return True
    except Held:
        return False


def start(site: Site, command: list[str]) -> subprocess.Popen[bytes]:
    """Start the project's script with the addresses of the stack in its environment; it talks to this terminal.

    It runs where its caller stands, so that a relative path means what the caller means.
    """
    written = site.folder.read_json("stack.json")
    known = {name: str(written[key]) for name, key in addresses.NAMES.items() if written.get(key)}
    script, *arguments = command
    environment = {**site.python_environment("command"), **known}
    return subprocess.Popen([sys.executable, str(ROOT / script), *arguments], env=environment)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
