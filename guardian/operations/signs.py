"""How does a part of the machine say that it lives? One row, one statement, by the database's clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crs.kernel.work import DatabaseClock
from guardian.models import Canary, Heartbeat

if TYPE_CHECKING:
    from datetime import datetime


def beat(process: str, *, detail: str = "") -> None:
    """Write that this part of a process works now, such as `daemon:relay`."""
    Heartbeat.objects.bulk_create(
        [Heartbeat(process=process, at=DatabaseClock(), detail=detail[:200])],
        update_conflicts=True,
        unique_fields=["process"],
        update_fields=["at", "detail"],
    )


def answer_canary(queue: str, *, rung_at: datetime) -> None:
    """Write that a worker listens to `queue`: it has just taken the doorbell that was due at `rung_at`."""
    Canary.objects.bulk_create(
        [Canary(queue=queue, rung_at=rung_at, answered_at=DatabaseClock())],
        update_conflicts=True,
        unique_fields=["queue"],
        update_fields=["rung_at", "answered_at"],
    )


def forget(prefix: str, *, but: set[str]) -> int:
    """Delete the heartbeats below `prefix` of parts that no longer exist; returns how many."""
    gone, _ = Heartbeat.objects.filter(process__startswith=prefix).exclude(process__in=but).delete()
    return gone
