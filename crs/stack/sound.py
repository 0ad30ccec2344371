"""Could a process start with these settings? Asked before anything is started: `crs/settings.py` judges them.

It wants addresses that do not exist yet, and may not be imported here: a child reads it, with addresses that nobody
answers in place of those that the stack will find.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from crs.stack.addresses import NAMES, ROOT, SettingWrong, given
from crs.stack.folder import Unusable

if TYPE_CHECKING:
    from crs.stack.site import Site

CHILD_S_MAX = 60
PAPER = "PAPER"  # what the embedded gateway is called
KEY_LINE = re.compile(r"[A-Za-z0-9_.-]{1,64}:(?:[0-9a-f]{2}){16,}")  # of guardian/gateway/protocol.py
# What `up` finds or writes itself.
STAND_INS = {
    "DATABASE_URL": "postgresql://crs_app:-@127.0.0.1:1/crs",
    "OWNER_DATABASE_URL": "postgresql://crs_owner:-@127.0.0.1:1/crs",
    "REDIS_URL": "redis://:-@127.0.0.1:1/0",
    "GATEWAY_COMMAND_URL": "tcp://127.0.0.1:1",
    "GATEWAY_TICKS_URL": "tcp://127.0.0.1:1",
}
SECRET_KEY_STAND_IN = "0" * 48
READ = "import crs.settings"


def refuse_wrong_settings(site: Site) -> None:
    """Raise `Unusable` with the first thing that no process could start with."""
    for finding in findings(site):
        raise Unusable(finding)


def findings(site: Site) -> list[str]:
    """Return what is wrong with the settings, one sentence each that begins with the setting's name."""
    found = [*_empty(), *_gateway(site)]
    return found or _read()


def _empty() -> list[str]:
    """An empty address would silently mean the embedded server."""
    found = []
    for name in (*NAMES, "GATEWAY_ID", "GATEWAY_KEY_FILE", "CRS_SERVER_USER", "CRS_POSTGRES_BIN", "CRS_VALKEY_SERVER"):
        try:
            given(name)
        except SettingWrong as error:
            found.append(str(error))
    return found


def _gateway(site: Site) -> list[str]:
    """What both ends of the gateway's wire must agree on."""
    found = []
    name, key_file = given("GATEWAY_ID"), given("GATEWAY_KEY_FILE")
    if name not in (None, PAPER) and "GATEWAY_COMMAND_URL" not in site.given:
        found.append(f"GATEWAY_ID is {name!r}: the embedded gateway is {PAPER}; give GATEWAY_COMMAND_URL with it")
    if key_file is not None:
        try:
            lines = Path(key_file).read_text().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            found.append(f"GATEWAY_KEY_FILE: {key_file} cannot be read: {getattr(error, 'strerror', error)}")
        else:
            if not lines or not all(KEY_LINE.fullmatch(line.strip()) for line in lines):
                found.append(f"GATEWAY_KEY_FILE: {key_file} holds no KEYID:hexsecret of 16 bytes or more a line")
    return found


def _read() -> list[str]:
    """Let a child read the settings; outside a demo it also asks Django's checks, which know what is too weak there."""
    own = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "DJANGO_SETTINGS_MODULE")}
    has_key = "SECRET_KEY" in own or "SECRET_KEY_FILE" in own
    environment = {**STAND_INS, **({} if has_key else {"SECRET_KEY": SECRET_KEY_STAND_IN}), **own}
    is_demo = environment.get("CRS_ENV", "demo") == "demo"
    arguments = ["-c", READ] if is_demo else [str(ROOT / "manage.py"), "check"]
    child = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=CHILD_S_MAX,
    )
    return [] if child.returncode == 0 else [_said(child.stderr)]


def _said(stderr: str) -> str:
    """Return what a child's error says, without where it was raised."""
    errors = [line.strip().removeprefix("?: ") for line in stderr.splitlines() if line.startswith("?: ")]
    last = next((line for line in reversed(stderr.splitlines()) if line.strip()), "the settings cannot be read")
    plain = re.sub(r"^(?:[\w.]+(?:Error|Configured|Wrong|Address): )+(?:CONFIGURATION_WRONG: )?", "", last.strip())
    return errors[0] if errors else plain
