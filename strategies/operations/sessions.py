"""How does a session begin, come to its end and give account of itself?

It begins as a row that a worker picks up: everything that touches the venue happens under the group's lease, each step
so that doing it again changes nothing. It ends flat; the figures of ledger, fills and venue are compared to the cent.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from django.conf import settings
from django.db import connection, transaction

from approvals import queries as approvals_queries
from approvals.operations import audit
from crs.kernel import work
from crs.kernel.actor import Actor, machine
from crs.kernel.refusal import Refusal
from strategies.models import Session, SymbolGroup, SymbolRun
from strategies.rules import configuration, lifecycle

if TYPE_CHECKING:
    from datetime import datetime

    from strategies.rules.configuration import Plan

LOCK_SESSIONS = 0x43525353  # "CRSS": one decision at a time on whether another session may start
TRADE_TASK = "strategies.trade_group"
GATEWAY = "PAPER"  # the venue's code and the gateway's id


class SessionsFull(Refusal):
    """As many sessions run on this machine as it serves; each holds a worker child for good."""

    code: ClassVar[str] = "SESSIONS_FULL"
    title: ClassVar[str] = "No more sessions on this machine"
    status: ClassVar[int] = 409


class SessionOver(Refusal):
    """The session has ended already."""

    code: ClassVar[str] = "SESSION_OVER"
    title: ClassVar[str] = "The session has ended"
    status: ClassVar[int] = 409


@transaction.atomic
def start(*, plan: Plan, actor: Actor, at: datetime, is_demo: bool = False) -> Session:
    """Leave a session for a worker to open, and ring for it.

    Raises `SessionsFull` when `SESSIONS_MAX` sessions are open, and `UnknownDesk`.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK_SESSIONS])
    running = list(Session.objects.filter(state__in=lifecycle.OPEN).order_by("id").values_list("id", flat=True))
    if len(running) >= settings.SESSIONS_MAX:
        raise SessionsFull(
            f"sessions {', '.join(map(str, running))} run, and this machine serves {settings.SESSIONS_MAX}: "
            "wait for one to end, or set CRS_SESSIONS_MAX and start the stack again",
            running=running,
        )
    desk = approvals_queries.desk(plan.snapshot["common"]["desk"])
    session = Session.objects.create(
        key=uuid.uuid4(),
        desk=desk,
        is_demo=is_demo,
        actor=str(actor),
        config=plan.snapshot,
        config_version=plan.version,
        currency=plan.currency,
        max_loss_units=plan.loss_max_units,
        duration_s=plan.duration_s,
        speed=plan.speed,
        venue_start=plan.start,
        seed=plan.seed,
        data=plan.data,
        created_at=at,
    )
    SymbolRun.objects.bulk_create(
        SymbolRun(session=session, symbol=entry.symbol, magic=entry.magic) for entry in plan.symbols
    )
    group = SymbolGroup.objects.create(session=session)
    audit.record(
        action="strategies.session.started",
        actor=actor,
        subject_kind="strategies.session",
        subject_id=session.pk,
        at=at,
        desk_id=desk.pk,
        after={
            "symbols": [entry.symbol for entry in plan.symbols],
            "config_version": plan.version,
            "max_loss_units": str(plan.loss_max_units),
            "duration_s": plan.duration_s,
            "speed": plan.speed,
        },
    )
    work.ring(TRADE_TASK, group.pk)
    return session


def request_stop(*, session_id: int, at: datetime) -> None:
    """Ask a session to end now; it closes its positions and reports. Asking twice changes nothing.

    Raises `SessionOver` when it has ended.
    """
    rows = Session.objects.filter(pk=session_id, state__in=lifecycle.OPEN)
    if not rows.exists():
        raise SessionOver(session=session_id)
    rows.filter(stop_requested_at=None).update(stop_requested_at=at)


def default_configuration() -> str:
    """Return the text of the configuration that holds where nothing else is said."""
    return (Path(__file__).parent.parent / "configuration" / "default.yaml").read_text()


def plan_of(session: Session) -> Plan:
    """Return the plan that a session was started with."""
    return configuration.plan(session.config)


def actor_of(session: Session) -> Actor:
    """Return who acts in a session: the same whichever worker holds it, so that its keys stay its own."""
    return machine(f"session-{session.pk}")


def responsible_for(session: Session) -> str:
    """Return the person that answers for a session's orders."""
    return session.actor.partition(":")[2]


def account_code(login: str) -> str:
    """Return the code of a session's venue account."""
    return f"{GATEWAY}-{login}"
