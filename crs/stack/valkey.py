"""How does the embedded Valkey start? Nothing in it is truth; still it loses a second of what it was told at most."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from crs.stack import binaries
from crs.stack.site import Command

if TYPE_CHECKING:
    from crs.stack.site import Site


def is_given(site: Site) -> bool:
    return "REDIS_URL" in site.given


def prepare(site: Site) -> None:
    """Choose a port, write the configuration (a secret: it holds the password), and tell the site the address."""
    port = site.folder.port("valkey")
    password = site.folder.secret("valkey")
    data = site.folder.path / "valkey"
    data.mkdir(mode=0o700, exist_ok=True)
    settings = {
        "bind": "127.0.0.1",
        "port": str(port),
        "dir": '"' + str(data).replace("\\", "\\\\").replace('"', '\\"') + '"',
        "requirepass": password,
        "appendonly": "yes",
        "appendfsync": "everysec" if site.is_durable else "no",
        "save": '""',
        # A full server refuses; it never forgets a doorbell or a nonce by itself.
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    site.folder.write("secrets/valkey.conf", "".join(f"{name} {value}\n" for name, value in settings.items()))
    site.addresses["REDIS_URL"] = f"redis://:{password}@127.0.0.1:{port}/0"


def command(site: Site) -> Command:
    # The file, not the command line, holds the password.
    return Command(
        [str(binaries.valkey()), str(site.folder.secrets / "valkey.conf")],
        site.server_environment(),
        dies_with_parent=not site.is_durable,
    )


def is_ready(site: Site, _age_s: float) -> bool:
    return answers(site.addresses["REDIS_URL"])


def answers(url: str) -> bool:
    """Tell whether a server says PONG to whoever the URL names."""
    parts = urlsplit(url)
    credentials = [unquote(part) for part in (parts.username, parts.password) if part]
    try:
        with socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 6379), timeout=2) as connection:
            if credentials:
                connection.sendall(_request("AUTH", *credentials))
                if not connection.recv(1024).startswith(b"+OK"):
                    return False
            connection.sendall(_request("PING"))
            return connection.recv(1024).startswith(b"+PONG")
    except OSError:
        return False


def _request(*words: str) -> bytes:
    """Return a request in the Redis protocol. Source: RESP 2, arrays of bulk strings."""
    parts = [word.encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
