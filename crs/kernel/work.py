"""Whose turn is it? Rows that steps take turns at: claim, renew, finish, give up.

A holder claims a row for a few seconds of the *database* clock, renews each second and finishes under the fence he was
given. Whoever claims next raises the fence, so that a holder who froze in between finds no row of his and undoes his
work. For effects outside the database the fence cannot help: there the receiver's idempotency key must be the row's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, TypeVar

from django.db import connection, models
from django.db.models import Func, Q

from crs.kernel.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet

# Renewed each second, found by the sweep within one more: take-over 7 s at most, 15 s are required.
LEASE = timedelta(seconds=6)
DOORBELL = "crs_doorbell"  # the channel that crs/relay.py listens on


class FenceLost(Refusal):
    """Somebody else has claimed the row since: the late writer undoes his work."""

    code: ClassVar[str] = "FENCE_LOST"
    title: ClassVar[str] = "Somebody else holds this work now"
    status: ClassVar[int] = 409


class DatabaseClock(Func):
    """The clock of the database server, which moves inside a transaction too: leases know no other."""

    function = "clock_timestamp"
    output_field = models.DateTimeField()


class Claimable(models.Model):
    """The columns of a row that steps take turns at. Only this module writes them.

    `fence` counts the claims; `lease_until` is NULL while nobody holds the row; `attempts` counts the claims since the
    last good finish; before `not_before` nobody may claim it.
    """

    fence = models.BigIntegerField(default=0, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    holder = models.CharField(max_length=80, blank=True, editable=False)
    attempts = models.PositiveIntegerField(default=0, editable=False)
    not_before = models.DateTimeField(null=True, editable=False)

    class Meta:
        abstract = True


Row = TypeVar("Row", bound=Claimable)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on one row until somebody else claims it."""

    model: type[Claimable]
    id: int
    fence: int
    attempt: int  # 1 for the first claim since the last good finish


def free(model: type[Row]) -> QuerySet[Row]:
    """Return the rows that nobody holds and that are due, by the database clock."""
    now = DatabaseClock()
    return model._default_manager.filter(
        Q(lease_until=None) | Q(lease_until__lt=now), Q(not_before=None) | Q(not_before__lte=now)
    )


def claim(model: type[Claimable], *, id: int, holder: str, lease: timedelta = LEASE) -> Lease | None:  # noqa: A002 — a row's id
    """Take the row `id` for `lease`, raising its fence; None when somebody holds it or it is not due.

    One statement: of many claimants at once exactly one gets it, and the others do not wait for him.
    """
    table = connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET fence = fence + 1, attempts = attempts + 1, holder = %s,"  # noqa: S608 — a quoted name
            f" lease_until = clock_timestamp() + %s::interval WHERE id = (SELECT id FROM {table} WHERE id = %s"
            " AND (lease_until IS NULL OR lease_until < clock_timestamp())"
            " AND (not_before IS NULL OR not_before <= clock_timestamp()) FOR UPDATE SKIP LOCKED)"
            " RETURNING fence, attempts",
            [holder[:80], f"{lease.total_seconds()} s", id],
        )
        row = cursor.fetchone()
    return row and Lease(model, id, *row)


def renew(lease: Lease, *, until: timedelta = LEASE, **columns: object) -> None:
    """Hold on for `until` from now and save `columns` of the row with it. Raises `FenceLost`."""
    _write(lease, {**columns, "lease_until": DatabaseClock() + until})


def finish(lease: Lease, **columns: object) -> None:
    """Save `columns`, and let the next claimant in. Raises `FenceLost`: the caller's transaction is undone with it."""
    _write(lease, {**columns, "lease_until": None, "holder": "", "attempts": 0, "not_before": None})


def give_up(lease: Lease, *, wait: timedelta, **columns: object) -> None:
    """Let go without success; the row is due again after `wait`. The attempt stays counted. Raises `FenceLost`."""
    _write(lease, {**columns, "lease_until": None, "holder": "", "not_before": DatabaseClock() + wait})


def end_leases(model: type[Claimable], *, is_dead: Callable[[str], bool]) -> list[int]:
    """End the leases of holders who are certainly dead, instead of waiting for them to lapse; returns the rows' ids.

    The fence stops a holder who was buried alive: whoever claims next raises it.
    """
    held = model._default_manager.filter(lease_until__gt=DatabaseClock()).values_list("pk", "holder", "fence")
    return [
        row
        for row, holder, fence in held
        if is_dead(holder)
        and model._default_manager.filter(pk=row, holder=holder, fence=fence).update(lease_until=None, holder="")
    ]


def ring(task: str, id: int | None = None) -> None:  # noqa: A002 — a row's id
    """Ask the relay to start `task` for row `id` when the caller's transaction commits; losing it is harmless."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [DOORBELL, json.dumps({"task": task, "id": id})])


def _write(lease: Lease, columns: dict[str, object]) -> None:
    rows = lease.model._default_manager.filter(pk=lease.id, fence=lease.fence).update(**columns)
    if rows != 1:
        raise FenceLost(table=lease.model._meta.db_table, id=lease.id, fence=lease.fence)
