"""What does one stack consist of? Its folder, its addresses, and what was asked for on the command line."""

from __future__ import annotations

import os
import pwd
import secrets
import signal
import subprocess
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from crs.stack import processes
from crs.stack.addresses import ROOT
from crs.stack.folder import Folder, Unusable
from crs.stack.processes import MARK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

LOOPBACK = ("127.0.0.1", "localhost", "::1")
# A server's environment is clean: a foreign locale makes initdb fail, and an empty one gives SQL_ASCII.
LOCALE = {"LC_ALL": "C.UTF-8", "LANG": "C.UTF-8", "TZ": "UTC"}
# What would bend our own processes: another interpreter's modules, or asserts switched off.
FOREIGN = (
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONOPTIMIZE",
    "PYTHONSTARTUP",
    "DJANGO_SETTINGS_MODULE",
    "LC_ALL",
    "LANGUAGE",
)


def as_user(user: pwd.struct_passwd | None) -> dict[str, Any]:
    """Return what `subprocess` needs to start a process under another user; nothing for ourselves."""
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}


@dataclass(frozen=True, slots=True)
class Command:
    """How a process is started; secrets stand in its environment or in files, never in `arguments`."""

    arguments: list[str]
    environment: dict[str, str]
    folder: Path = ROOT
    user: pwd.struct_passwd | None = None
    dies_with_parent: bool = False  # servers of tests: nobody comes back for their data

    def start(self, log: Path, *, is_kept: bool = True) -> subprocess.Popen[bytes]:
        """Start it in a session of its own: Ctrl-C in a terminal reaches the supervisor only."""
        with log.open("ab" if is_kept else "wb") as output:
            os.fchmod(output.fileno(), 0o600)
            return subprocess.Popen(
                self.arguments,
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=processes.die_with_parent if self.dies_with_parent else None,  # noqa: PLW1509 — no threads yet
                **as_user(self.user),
            )


@dataclass(frozen=True, slots=True)
class Service:
    """One process of the stack. `is_ready` is asked until it says yes; it may raise OSError instead of saying no."""

    name: str
    what: str
    command: Callable[[Site], Command]
    is_given: Callable[[Site], bool]
    is_ready: Callable[[Site, float], bool]  # the second argument: seconds since the process started
    stop_signal: signal.Signals = signal.SIGTERM
    grace_s: float = 10
    ready_s_max: float = 120

    def answers(self, site: Site, age_s: float) -> bool:
        """Ask `is_ready`; whoever cannot be reached does not answer."""
        try:
            return self.is_ready(site, age_s)
        except OSError:
            return False


@dataclass
class Site:
    """One stack: where it lives and where its parts answer. `addresses` fills while the servers start."""

    folder: Folder
    host: str = "127.0.0.1"
    port: int = 0
    has_demo: bool = True
    # Tests trade the safety of their data for speed; nothing else may.
    is_durable: bool = True
    addresses: dict[str, str] = field(default_factory=dict)
    given: frozenset[str] = frozenset()

    @property
    def environment_name(self) -> str:
        return os.environ.get("CRS_ENV", "demo")

    @property
    def mark(self) -> str:
        """The id of this state folder, carried by every child: how leftovers of a crash are found."""
        return self.folder.secret("mark")

    @property
    def web_url(self) -> str:
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    def as_owner(self) -> Site:
        """Return the same site for a process that changes tables: its database address is the owner's."""
        addresses = {**self.addresses, "DATABASE_URL": self.addresses["OWNER_DATABASE_URL"]}
        return replace(self, addresses=addresses)

    def take_given(self, environment: Mapping[str, str]) -> None:
        """Use the servers that the environment names. Raises `Unusable` when half a pair is missing."""
        names = ("DATABASE_URL", "OWNER_DATABASE_URL", "REDIS_URL", "GATEWAY_COMMAND_URL", "GATEWAY_TICKS_URL")
        self.given = frozenset(name for name in names if environment.get(name))
        for pair in (names[:2], names[3:]):
            if len(self.given & set(pair)) == 1:
                missing = next(name for name in pair if name not in self.given)
                raise Unusable(f"{missing} is missing: {pair[0]} and {pair[1]} are given together")
        self.addresses |= {name: environment[name] for name in self.given}

    def server_environment(self) -> dict[str, str]:
        return {**LOCALE, MARK: self.mark, "PATH": "/usr/bin:/bin"}

    def python_environment(self, process: str) -> dict[str, str]:
        """Return the environment of one of our own processes: the caller's, without what would bend it."""
        own = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        return {
            **own,
            **LOCALE,
            **self.addresses,
            MARK: self.mark,
            "CRS_ENV": self.environment_name,
            "CRS_PROCESS": process,
            "CRS_STATE_DIR": str(self.folder.path),
            "CRS_HOSTS": ",".join([*self._hosts(), *filter(None, [os.environ.get("CRS_HOSTS")])]),
            "WEB_URL": self.web_url,
            **self._secret_key(),
            "GATEWAY_KEY_FILE": os.environ.get("GATEWAY_KEY_FILE", str(self.gateway_key())),
            "PYTHONUNBUFFERED": "1",
        }

    def _secret_key(self) -> dict[str, str]:
        """Return the file with the key that signs browser sessions; an operator's own, in a file or not, wins."""
        if os.environ.get("SECRET_KEY") and not os.environ.get("SECRET_KEY_FILE"):
            return {}
        return {"SECRET_KEY_FILE": os.environ.get("SECRET_KEY_FILE", str(self.folder.secret_file("secret_key")))}

    def _hosts(self) -> list[str]:
        """Return the names that the supervisor itself asks web by."""
        return sorted({f"[{self.host}]" if ":" in self.host else self.host, "127.0.0.1", "localhost", "[::1]"})

    def gateway_key(self) -> Path:
        """Return the file with the key that both ends of the gateway's wire sign with: KEYID:hexsecret."""
        return self.folder.secret_file("gateway.key", prefix=f"crs-{secrets.token_hex(3)}:")


def server_user() -> pwd.struct_passwd | None:
    """Return whom PostgreSQL runs as: nobody in particular, because it refuses root; without root, ourselves (None)."""
    if os.geteuid() != 0:
        return None
    name = os.environ.get("CRS_SERVER_USER", "nobody")
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        raise Unusable(f"CRS_SERVER_USER: there is no user {name!r}; PostgreSQL refuses to run as root") from None
    if user.pw_uid == 0:
        raise Unusable("CRS_SERVER_USER: PostgreSQL refuses to run as root")
    return user


def database_url(role: str, password: str, port: int, name: str = "crs") -> str:
    return f"postgresql://{role}:{quote(password)}@127.0.0.1:{port}/{name}"
