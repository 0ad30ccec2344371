"""Where is everything? Environment first, then `<state>/stack.json`, then a clear refusal."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent

# Environment variable → key of stack.json.
NAMES = {
    "DATABASE_URL": "database_url",
    "OWNER_DATABASE_URL": "owner_database_url",
    "REDIS_URL": "redis_url",
    "GATEWAY_COMMAND_URL": "gateway_command_url",
    "GATEWAY_TICKS_URL": "gateway_ticks_url",
    "WEB_URL": "web_url",
}


class NoAddress(Exception):
    """Neither the environment nor a running stack says where a service is."""


class SettingWrong(Exception):
    """A setting holds what it may not; the message begins with its name."""


def given(name: str) -> str | None:
    """Return what the environment says of a setting, None when it does not name it.

    Raises `SettingWrong` for an empty one: a variable that nobody filled is a mistake, not a wish for the default.
    """
    value = os.environ.get(name)
    if value is not None and not value.strip():
        raise SettingWrong(f"{name} is empty: give it a value, or take it away for its default")
    return value


def read_dotenv() -> None:
    """Take what `.env` in the project sets and the environment does not: lines NAME=value, `#` for comments."""
    try:
        lines = (ROOT / ".env").read_text().splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        name, equals, value = line.strip().partition("=")
        if equals and not name.startswith("#"):
            os.environ.setdefault(name.strip(), value.strip())


def state_dir() -> Path:
    """Return the folder of state, secrets and logs: `CRS_STATE_DIR`, otherwise `.state` in the project."""
    return Path(given("CRS_STATE_DIR") or ROOT / ".state").absolute()


def running_stack() -> dict[str, Any]:
    """Return what `<state>/stack.json` says, or nothing when no stack has written it."""
    try:
        content = json.loads((state_dir() / "stack.json").read_text())
    except FileNotFoundError:
        return {}
    assert isinstance(content, dict), "stack.json holds one object"
    return content


def known(name: str) -> str:
    """Return the address called `name`, "" when nobody knows it."""
    return str(given(name) or running_stack().get(NAMES[name]) or "")


def address(name: str) -> str:
    """Return the address called `name`. Raises `NoAddress` with what to do about it."""
    value = known(name)
    if not value:
        raise NoAddress(f"{name} is not set and no stack runs in {state_dir()}: start one with `make up`")
    return value
