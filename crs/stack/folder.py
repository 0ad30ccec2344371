"""What lies in the state folder, and who may read it?

`<state>/`: stack.json (addresses, written when the stack is ready), secrets/ (0700, files 0600), logs/, ports.json,
processes.json (who to stop after a crash of the supervisor), postgres/, valkey/, gateway/.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from crs.stack import addresses

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOG_BYTES_MAX = 10_000_000  # a log above this is moved aside when its process starts; one older log is kept


class Unusable(Exception):
    """The stack cannot start like this: bad usage or configuration. One line, exit code 2."""


class Held(Exception):
    """Another supervisor runs in this state folder; `pid` is its process, 0 when it did not say."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"a stack already runs here (process {pid})")
        self.pid = pid


class Folder:
    """One stack's files. Secrets are made on first use and never printed."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = (path or addresses.state_dir()).absolute()
        self.secrets = self.path / "secrets"
        self.logs = self.path / "logs"

    def make(self) -> None:
        """Create the folder and its parts. Raises `Unusable` when that is not allowed."""
        # As root the servers run under another user, who has to pass through here: 0711 shows him no names.
        mode = 0o711 if os.geteuid() == 0 else 0o700
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.path.chmod(mode)
            for part in (self.secrets, self.logs):
                part.mkdir(exist_ok=True)
                part.chmod(0o700)
        except OSError as error:
            raise Unusable(f"the state folder {self.path} cannot be used: {error.strerror}") from error

    # ── Files ─────────────────────────────────────────────────────────────────────────────────────────────────────────
    def write(self, name: str, text: str) -> Path:
        """Write a file of mode 0600 whole or not at all."""
        path = self.path / name
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        fresh.replace(path)
        return path

    def write_json(self, name: str, content: dict[str, Any]) -> None:
        self.write(name, json.dumps(content, indent=1) + "\n")

    def read_json(self, name: str) -> dict[str, Any]:
        """Return the object in a file, or an empty one when the file is missing or torn."""
        try:
            content = json.loads((self.path / name).read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def secret_file(self, name: str, prefix: str = "") -> Path:
        """Return the file of a secret: `prefix` and 48 random hexadecimal digits, made on first use."""
        path = self.secrets / name
        if not path.exists():
            self.write(f"secrets/{name}", f"{prefix}{secrets.token_hex(24)}\n")
        return path

    def secret(self, name: str) -> str:
        return self.secret_file(name).read_text().strip()

    def log(self, name: str) -> Path:
        """Return the log file of a process, moved aside when it has grown too large."""
        path = self.logs / f"{name}.log"
        if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
            path.replace(path.with_suffix(".log.1"))
        return path

    # ── Ports ─────────────────────────────────────────────────────────────────────────────────────────────────────────
    def port(self, name: str, *, host: str = "127.0.0.1", first: int = 0) -> int:
        """Return a free port: the one remembered under `name`, else `first`, else any; it is remembered."""
        ports = self.read_json("ports.json")
        wanted = [port for port in (ports.get(name), first) if port]
        taken = {port for other, port in ports.items() if other != name}
        port = next((port for port in wanted if port not in taken and is_free(host, port)), None)
        while port is None or port in taken:
            port = any_free(host)
        self.write_json("ports.json", {**ports, name: port})
        return port

    # ── One supervisor at a time ──────────────────────────────────────────────────────────────────────────────────────
    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder against a second supervisor. Raises `Held`; the lock ends with its process."""
        with (self.path / "stack.lock").open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise Held(int(file.read() or 0)) from None
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield


def is_free(host: str, port: int) -> bool:
    """Tell whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # As the servers themselves do: an old connection that is dying does not make the port taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def any_free(host: str) -> int:
    """Return a port that is free now, of the kernel's choice."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
