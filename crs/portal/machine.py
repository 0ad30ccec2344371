"""Can I trust what I see? Parts of the machine, signs of life, and what is real."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from crs import health
from crs.kernel import clock
from guardian import queries
from guardian.rules.freshness import SILENT_MAX, freshness
from strategies import queries as strategies_queries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from django.utils.functional import _StrPromise

PART_WORDS: dict[str, _StrPromise] = {
    "database": gettext_lazy("PostgreSQL"),
    "role": gettext_lazy("Rights of the application"),
    "migrations": gettext_lazy("Tables up to date"),
    "valkey": gettext_lazy("Valkey"),
    "gateway": gettext_lazy("Gateway"),
    "worker": gettext_lazy("Workers"),
    "beat": gettext_lazy("Timetable"),
    "daemon": gettext_lazy("Relay and listener"),
}


PROCESS_WORDS: dict[str, _StrPromise] = {
    "daemon:relay": gettext_lazy("Relay of doorbells"),
    "daemon:listener": gettext_lazy("Listener of ticks"),
}


@dataclass(frozen=True, slots=True)
class Part:
    """One part that the desk depends on, and what was seen of it."""

    name: str
    is_ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Sign:
    """The last sign of life of a process or a queue."""

    name: str
    at: datetime
    detail: str
    is_queue: bool = False

    def is_silent(self, at: datetime) -> bool:
        """Return whether it has been silent for longer than any part may be."""
        return (at - self.at).total_seconds() > health.SILENCE_S_MAX


@dataclass(frozen=True, slots=True)
class Integration:
    """Something outside: REAL, DEMO (a stand-in of ours) or OFF, and why."""

    name: str
    mode: str
    reason: str


def facts() -> dict[str, Any]:
    """Return everything that the health page shows; it asks each part anew."""
    seen = [*parts(), prices(clock.now())]
    return {
        "parts": seen,
        "down": [part for part in seen if not part.is_ok],
        "signs": signs(),
        "integrations": integrations(),
    }


def parts() -> list[Part]:
    """Ask every part that `/readyz` asks. A part that does not answer costs at most its own time-out."""
    return [
        Part(str(PART_WORDS.get(name, name)), bool(seen["ok"]), str(seen["detail"]))
        for name, seen in ((name, health.look(name)) for name in health.PARTS)
    ]


def prices(at: datetime) -> Part:
    """Return whether prices come: a gateway that stands still keeps its port open, but nothing ticks any more."""
    speeds = strategies_queries.speeds()
    states = [
        (
            freshness(
                received_at=row.received_at,
                venue_at=row.venue_at,
                sessions=row.sessions,
                at=at,
                speed=speeds.get(row.account_id, 1),
            ),
            at - (row.received_at or row.registered_at) > SILENT_MAX,
        )
        for row in queries.active_symbols()
    ]
    silent = [is_silent for state, is_silent in states if state != "MARKET_CLOSED"]
    if not states:
        return Part(_("Prices"), is_ok=True, detail=_("no symbol is watched"))
    tone, what = ticking(silent)
    if tone == "bad":
        return Part(_("Prices"), is_ok=False, detail=_("no symbol ticks: the gateway or the listener is silent"))
    return Part(_("Prices"), is_ok=True, detail=what)


def ticking(silent: Sequence[bool]) -> tuple[str, str]:
    """Return tone (ok, warn, bad) and words for the symbols whose market is open: is each of them silent?"""
    if not silent:
        return "ok", _("every market is closed")
    if not any(silent):
        return "ok", _("every symbol ticks")
    return "bad" if all(silent) else "warn", _("%(n)d without a price") % {"n": sum(silent)}


def _said(detail: str) -> str:
    """Return what a process wrote beside its heartbeat, in the reader's language; the listener counts its symbols."""
    count, _space, noun = detail.partition(" ")
    if noun == "symbols" and count.isdecimal():
        return ngettext("%(n)d symbol", "%(n)d symbols", int(count)) % {"n": int(count)}
    return detail


def signs() -> list[Sign]:
    """Return the signs of life: processes by their heartbeat, queues by their canary."""
    beats = [
        Sign(str(PROCESS_WORDS.get(row.process, row.process)), row.at, _said(row.detail))
        for row in queries.heartbeats()
    ]
    queues = [
        Sign(_("Queue %s") % row.queue, row.answered_at, _("a worker answers"), is_queue=True)
        for row in queries.canaries()
    ]
    return beats + queues


def integrations() -> list[Integration]:
    """Return what stands outside and whether it is real. The gateway of a demo is ours and replays recorded bars."""
    is_demo = settings.CRS_ENV == "demo"
    replay = _("paper gateway: recorded bars of December 2017, or a synthetic path")
    return [
        Integration(
            _("Gateway"),
            "DEMO" if is_demo else "REAL",
            replay if is_demo else _("given by GATEWAY_COMMAND_URL"),
        ),
        Integration("PostgreSQL", "REAL", _("the only truth")),
        Integration("Valkey", "REAL", _("doorbells and the hot stream; nothing there is truth")),
    ]
