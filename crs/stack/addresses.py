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
    return Path(os.environ.get("CRS_STATE_DIR") or ROOT / ".state").absolute()


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
    return str(os.environ.get(name) or running_stack().get(NAMES[name]) or "")


def address(name: str) -> str:
    """Return the address called `name`. Raises `NoAddress` with what to do about it."""
    value = known(name)
    if not value:
        raise NoAddress(f"{name} is not set and no stack runs in {state_dir()}: start one with `make up`")
    return value
