"""Is the process alive, is the desk ready, and what do its figures say?

`/livez` asks this process only. `/readyz` asks everything it depends on and names each part. `/metrics` reads rows at
scrape: files of several processes would go stale.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import redis
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily

from crs import checks
from crs.kernel.refusal import Refusal
from guardian import queries
from guardian.adapters.gateway_mt5 import blocking as wires

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PING_MS = 700  # asked twice when it is silent: the page answers within its own time
SILENCE_S_MAX = 15.0  # the required take-over time: a part that was not seen for longer does not work


class NotReady(Exception):
    """A part does not work; the text says what was seen."""


# ── Parts: each returns what it saw, or raises ────────────────────────────────────────────────────────────────────────
def database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, current_setting('server_version')")
        user, version = cursor.fetchone()
    return f"PostgreSQL {version} as {user}"


def role() -> str:
    """The application may neither write the book nor become somebody else."""
    excess = checks.excess_rights()
    if excess:
        raise NotReady("; ".join(excess))
    return "reads the book, writes it by its functions only"


def migrations() -> str:
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if waiting:
        raise NotReady(f"{len(waiting)} wait, the first is {waiting[0][0]}")
    return "all applied"


def valkey() -> str:
    with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2) as client:
        client.ping()
    return "PONG"


def gateway() -> str:
    try:
        with wires.reading() as wire:
            found = wire.ping(timeout_ms=PING_MS)
    except Refusal as refusal:
        raise NotReady(f"{refusal.code}: {refusal.detail}") from refusal
    if not found.is_connected:
        raise NotReady("the gateway answers, its terminal is not connected")
    return f"{found.gateway_id} answers"


def worker() -> str:
    canaries = queries.signs().canaries
    if not canaries:
        raise NotReady("no canary was ever answered")
    _refuse_silence(canaries)
    return f"{len(canaries)} queues answer"


def beat() -> str:
    age = queries.signs().timetable
    if age is None:
        raise NotReady("nothing ran lately")
    _refuse_silence({"the last run": age})
    return f"last run {age:.1f} s ago"


def daemon() -> str:
    heartbeats = {name: age for name, age in queries.signs().heartbeats.items() if name.startswith("daemon:")}
    if not heartbeats:
        raise NotReady("no heartbeat was ever written")
    _refuse_silence(heartbeats)
    return ", ".join(sorted(name.removeprefix("daemon:") for name in heartbeats))


PARTS: dict[str, Callable[[], str]] = {
    "database": database,
    "role": role,
    "migrations": migrations,
    "valkey": valkey,
    "gateway": gateway,
    "worker": worker,
    "beat": beat,
    "daemon": daemon,
}


def look(name: str) -> dict[str, object]:
    """Ask one part; what it says is shown, what a driver says is not: it may repeat an address with its password."""
    try:
        return {"ok": True, "detail": PARTS[name]()}
    except NotReady as error:
        return {"ok": False, "detail": str(error)}
    except (DatabaseError, redis.RedisError, OSError) as error:
        return {"ok": False, "detail": f"no answer ({type(error).__name__})"}


def _refuse_silence(ages: dict[str, float]) -> None:
    silent = [f"{name} was seen {age:.0f} s ago" for name, age in sorted(ages.items()) if age > SILENCE_S_MAX]
    if silent:
        raise NotReady("; ".join(silent))


# ── Pages ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
@require_safe
@never_cache
def livez(_request: HttpRequest) -> HttpResponse:
    """This process answers."""
    return JsonResponse({"ok": True})


@require_safe
@never_cache
def readyz(_request: HttpRequest) -> HttpResponse:
    """200 when every part works, 503 otherwise; each part by name."""
    seen = {name: look(name) for name in PARTS}
    is_ready = all(part["ok"] for part in seen.values())
    return JsonResponse({"ok": is_ready, "checks": seen}, status=200 if is_ready else 503)


@require_safe
@never_cache
def metrics(_request: HttpRequest) -> HttpResponse:
    """The figures in Prometheus' text form, read from rows at this moment."""
    registry = CollectorRegistry()
    registry.register(Rows())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class Rows:
    """A collector without memory: each scrape reads the rows. A database that is away shows as `crs_up 0`."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            signs = queries.signs()
        except DatabaseError:
            yield GaugeMetricFamily("crs_up", "1 while the database answers", value=0)
            return
        yield GaugeMetricFamily("crs_up", "1 while the database answers", value=1)
        canaries = GaugeMetricFamily("crs_canary_age_seconds", "Since a queue's canary was answered", labels=["queue"])
        for queue, age in sorted(signs.canaries.items()):
            canaries.add_metric([queue], age)
        yield canaries
        beats = GaugeMetricFamily("crs_heartbeat_age_seconds", "Since a part was seen at work", labels=["process"])
        for process, age in sorted(signs.heartbeats.items()):
            beats.add_metric([process], age)
        yield beats
        if signs.timetable is not None:
            yield GaugeMetricFamily("crs_timetable_age_seconds", "Since the timetable last ran", value=signs.timetable)
