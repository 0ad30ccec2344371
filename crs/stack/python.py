"""How do our own processes start, and how is it seen that they work?"""

from __future__ import annotations

import http.client
import json
import socket
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg

from crs.stack.addresses import ROOT, given
from crs.stack.folder import Unusable
from crs.stack.site import Command

if TYPE_CHECKING:
    from crs.stack.site import Site

SPARE_CHILDREN = 2  # beside the slices, for canary, valuation and exits: a slice holds its child for good
SILENCE_S_MAX = 15  # a process whose rows are older than this is deaf and is started again
ZMTP_GREETING = b"\xff"  # the first byte of every ZMQ peer (ZMTP 3.1, section 3.1)

# How long ago each process was seen at work, by its rows and the database's clock.
AGES = """
SELECT 'worker', extract(epoch FROM clock_timestamp() - max(answered_at)) FROM public.guardian_canary
UNION ALL
SELECT 'beat', extract(epoch FROM clock_timestamp() - max(made_at)) FROM public.guardian_scheduledrun
UNION ALL
SELECT 'daemon', extract(epoch FROM clock_timestamp() - min(at)) FROM public.guardian_heartbeat
WHERE process LIKE 'daemon:%'
"""


def is_never_given(_site: Site) -> bool:
    return False


def is_gateway_given(site: Site) -> bool:
    return "GATEWAY_COMMAND_URL" in site.given


def prepare_gateway(site: Site) -> None:
    for name, port in (("GATEWAY_COMMAND_URL", "gateway_command"), ("GATEWAY_TICKS_URL", "gateway_ticks")):
        site.addresses[name] = f"tcp://127.0.0.1:{site.folder.port(port)}"


def gateway(site: Site) -> Command:
    journal = site.folder.path / "gateway"
    journal.mkdir(mode=0o700, exist_ok=True)
    return _module(
        site,
        "gateway",
        "guardian.gateway",
        *("--command", site.addresses["GATEWAY_COMMAND_URL"], "--ticks", site.addresses["GATEWAY_TICKS_URL"]),
        *("--key-file", given("GATEWAY_KEY_FILE") or str(site.gateway_key())),
        *("--journal", str(journal), "--data", str(ROOT / "data")),
    )


def web(site: Site) -> Command:
    address = f"[{site.host}]:{site.port}" if ":" in site.host else f"{site.host}:{site.port}"
    return _module(
        site,
        "web",
        "gunicorn",
        *("crs.wsgi:application", "--bind", address, "--worker-class", "gthread", "--workers", "2", "--threads", "4"),
        "--preload",  # the workers share the memory of what they only read
        # Its control socket lies in the user's home: two stacks would fight for it.
        *("--no-control-socket", "--graceful-timeout", "5", "--timeout", "30", "--name", "crs-web"),
    )


def worker(site: Site) -> Command:
    children = int(given("CRS_SESSIONS_MAX") or "3") + SPARE_CHILDREN
    return _module(
        site,
        "worker",
        "celery",
        *("-A", "crs", "worker", "--pool", "prefork", "--concurrency", str(children), "--loglevel", "INFO"),
        *("--hostname", "crs@localhost", "--without-gossip", "--without-mingle", "--without-heartbeat"),
    )


def beat(site: Site) -> Command:
    return management(site, "beat", process="beat")


def daemon(site: Site) -> Command:
    return management(site, "daemon", process="daemon")


def management(site: Site, *arguments: str, process: str = "command") -> Command:
    """Return a command of manage.py as one of our processes; `migrate` is the one that connects as the owner."""
    return Command([sys.executable, str(ROOT / "manage.py"), *arguments], site.python_environment(process))


def is_gateway_ready(site: Site, _age_s: float) -> bool:
    """Tell whether the gateway greets us: the kernel accepts connections for a frozen process as well."""
    parts = urlsplit(site.addresses["GATEWAY_COMMAND_URL"])
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=1) as connection:
        return connection.recv(1) == ZMTP_GREETING


def is_web_ready(site: Site, _age_s: float) -> bool:
    return ask(site, "/livez")[0] == 200


def is_at_work(name: str, site: Site, age_s: float) -> bool:
    """Tell whether the process has left a row since it started."""
    seen = ages_or_nothing(site).get(name)
    return seen is not None and seen < age_s


def ages(site: Site) -> dict[str, float]:
    """Return how many seconds ago worker, beat and daemon were seen at work. Raises psycopg's errors."""
    with psycopg.connect(site.addresses["DATABASE_URL"], connect_timeout=2, autocommit=True) as connection:
        return {name: float(age) for name, age in connection.execute(AGES) if age is not None}


def ages_or_nothing(site: Site) -> dict[str, float]:
    """Return what `ages` returns, nothing while the database is away."""
    try:
        return ages(site)
    except psycopg.Error:
        return {}


def ask(site: Site, path: str, timeout_s: float = 5) -> tuple[int, Any]:
    """Return status and JSON of a page of our own web process. Raises OSError when it does not answer."""
    connection = http.client.HTTPConnection(site.host, site.port, timeout=timeout_s)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
    except http.client.HTTPException as error:
        raise OSError(f"{path}: {error}") from error
    finally:
        connection.close()
    try:
        return answer.status, json.loads(body)
    except ValueError:
        return answer.status, None


def refuse_old_python() -> None:
    """Raise `Unusable` under `python -O`: assert is how CRS says that it was wrong."""
    if sys.flags.optimize:
        raise Unusable("CRS does not run under python -O: its assertions are part of it")


def _module(site: Site, process: str, module: str, *arguments: str) -> Command:
    return Command([sys.executable, "-m", module, *arguments], site.python_environment(process))
