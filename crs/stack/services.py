"""Which processes does a stack consist of, in which order do they start and stop?"""

from __future__ import annotations

from functools import partial

from crs.stack import postgres, python, valkey
from crs.stack.site import Service

# In start order. The servers start one after the other, our own processes side by side.
SERVICES: dict[str, Service] = {
    service.name: service
    for service in (
        Service(
            name="postgres",
            what="PostgreSQL",
            command=postgres.command,
            is_given=postgres.is_given,
            is_ready=postgres.is_ready,
            stop_signal=postgres.STOP_SIGNAL,
        ),
        Service(
            name="valkey",
            what="Valkey",
            command=valkey.command,
            is_given=valkey.is_given,
            is_ready=valkey.is_ready,
        ),
        Service(
            name="gateway",
            what="paper gateway",
            command=python.gateway,
            is_given=python.is_gateway_given,
            is_ready=python.is_gateway_ready,
        ),
        Service(
            name="web",
            what="web",
            command=python.web,
            is_given=python.is_never_given,
            is_ready=python.is_web_ready,
        ),
        Service(
            name="worker",
            what="worker",
            command=python.worker,
            is_given=python.is_never_given,
            is_ready=partial(python.is_at_work, "worker"),
            # Warm: running slices end (at most 4 s). A soft shutdown would sleep its whole time-out even when idle.
            grace_s=12,
        ),
        Service(
            name="beat",
            what="timetable",
            command=python.beat,
            is_given=python.is_never_given,
            is_ready=partial(python.is_at_work, "beat"),
        ),
        Service(
            name="daemon",
            what="relay and listener",
            command=python.daemon,
            is_given=python.is_never_given,
            is_ready=partial(python.is_at_work, "daemon"),
        ),
    )
}

# Who makes work stops first, who keeps it last.
STOP_ORDER = ("beat", "worker", "daemon", "web", "gateway", "postgres", "valkey")
assert set(STOP_ORDER) == set(SERVICES)
