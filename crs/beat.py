"""What runs when, and who keeps the timetable? `manage.py beat`: one leader, and a row for every run.

The timetable is rows of django-celery-beat, editable in the admin and made from `TIMETABLE` by a migration. One beat
leads by an advisory lock on a direct connection of its own; standbys wait. Whoever believes to lead inserts
`ScheduledRun(schedule, due_at)` first, and its UNIQUE pair makes one run even of two leaders.
"""

from __future__ import annotations

import json
import logging
import signal
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
from celery import schedules
from celery.beat import Service
from django.db import DatabaseError, close_old_connections, connection
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

from crs.celery import QUEUES, app, queue_of
from crs.kernel import clock, direct
from guardian.models import ScheduledRun

if TYPE_CHECKING:
    from django.apps.registry import Apps

logger = logging.getLogger(__name__)

LEADER_LOCK = 0x43525342  # "CRSB": one key of pg_advisory_lock for the whole installation
STANDBY_S = 0.5
RUNS_KEPT = timedelta(hours=1)
FORGET_EVERY_S = 60
CLAIM = "INSERT INTO public.guardian_scheduledrun (schedule, due_at) VALUES (%s, %s) ON CONFLICT DO NOTHING"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the timetable: the task, how often, and what it is told."""

    task: str
    every_s: int
    arguments: tuple[object, ...] = ()
    queue: str = ""  # by the task's name, unless it says otherwise

    @property
    def name(self) -> str:
        return " ".join([self.task, *map(str, self.arguments)])


# A task enters with the work it advances. To add one: append it, and add a migration that calls `make_timetable`.
TIMETABLE = (
    # The canary of each queue: the supervisor starts a worker again whose canaries fall silent.
    *(Row("guardian.canary", every_s=5, arguments=(queue,), queue=queue) for queue in QUEUES.values()),
    Row("approvals.forget_answers", every_s=3_600),
    # Sessions that nobody trades: the relay's sweep sees them too, and beat keeps time when the relay does not.
    Row("strategies.ring_groups", every_s=1),
    # Halts and releases reach the gateways, FORCE_CLOSE and CLOSE are carried out until the venue reports zero.
    Row("execution.carry_out_exits", every_s=1),
    # Orders without a definite outcome are asked about, never resent.
    Row("execution.settle_orders", every_s=1),
    # Who every account is, asked twice a minute: the gate believes an answer for 90 s.
    Row("execution.check_accounts", every_s=30),
)


def make_timetable(apps: Apps, _schema_editor: object = None) -> None:
    """Create the rows of `TIMETABLE` that are missing; what an administrator changed stays as it is."""
    intervals = apps.get_model("django_celery_beat", "IntervalSchedule")
    tasks = apps.get_model("django_celery_beat", "PeriodicTask")
    for row in TIMETABLE:
        interval, _ = intervals.objects.get_or_create(every=row.every_s, period="seconds")
        tasks.objects.get_or_create(
            name=row.name,
            defaults={
                "task": row.task,
                "interval": interval,
                "args": json.dumps(row.arguments),
                "queue": row.queue or queue_of(row.task),
                # Twice the period: what piles up while no worker lives dies with its use.
                "expire_seconds": 2 * row.every_s,
            },
        )


# ── Due moments ───────────────────────────────────────────────────────────────────────────────────────────────────────
class Slots(schedules.schedule):
    """A period in whole slots since 1970, UTC: every beat agrees on the moment a run is due."""

    run_every: timedelta

    def is_due(self, last_run_at: datetime) -> Any:  # celery's own named tuple
        """Say whether a slot has begun since the last run, and how long the present one lasts."""
        now = self.now()
        return schedules.schedstate(
            slot(last_run_at, self.run_every) < slot(now, self.run_every),
            (slot(now, self.run_every) + self.run_every - now).total_seconds(),
        )


def slot(at: datetime, period: timedelta) -> datetime:
    """Return the beginning of the slot that `at` lies in."""
    microseconds = (at - EPOCH) // timedelta(microseconds=1)
    length = period // timedelta(microseconds=1)
    return EPOCH + timedelta(microseconds=microseconds // length * length)


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class DueEntry(ModelEntry):  # type: ignore[misc]  # the library has no types
    """One row of the timetable as beat keeps it."""

    schedule: Any  # one of the library's kinds of schedule

    def __init__(self, model: Any, app: Any = None) -> None:
        super().__init__(model, app=app)
        if type(self.schedule) is schedules.schedule:
            period: timedelta = self.schedule.run_every  # type: ignore[attr-defined]  # the stubs forget it
            self.schedule = Slots(period, app=self.app)

    def due_at(self, now: datetime) -> datetime:
        """Return the moment this run was due: the beginning of its slot, for a crontab its minute."""
        return slot(now, self.schedule.run_every if isinstance(self.schedule, Slots) else MINUTE)


# ── The leader ────────────────────────────────────────────────────────────────────────────────────────────────────────
class Leadership:
    """A lock that ends with its connection: when this process, its machine or the network dies, a standby leads."""

    def __init__(self) -> None:
        self.connection: psycopg.Connection[Any] | None = None

    def wait(self) -> None:
        """Return once this process leads; a database that is away is waited for too."""
        while not self._try():
            time.sleep(STANDBY_S)

    def is_held(self) -> bool:
        """Ask the connection that the lock hangs on; one that does not answer is given up, and the lock with it."""
        assert self.connection is not None, "nobody leads before `wait`"
        try:
            self.connection.execute("SELECT 1")
        except psycopg.Error:
            self.connection.close()
            return False
        return True

    def _try(self) -> bool:
        try:
            if self.connection is None or self.connection.closed:
                self.connection = direct.connect("beat-leader")
            row = self.connection.execute("SELECT pg_try_advisory_lock(%s)", [LEADER_LOCK]).fetchone()
        except psycopg.Error as error:
            logger.warning("no connection to lead on: %s", type(error).__name__)
            if self.connection is not None:
                self.connection.close()
            return False
        return bool(row and row[0])


class Scheduler(DatabaseScheduler):  # type: ignore[misc]  # the library has no types
    """Rings what is due, each run once, and only while it leads."""

    Entry = DueEntry
    leadership: Leadership

    def tick(self, *arguments: Any, **options: Any) -> float:
        """Ring what is due now; return the seconds until something is. A lost lead is waited for again first."""
        if not self.leadership.is_held():
            logger.warning("this beat leads no longer")
            self.leadership.wait()
            logger.info("this beat leads again")
        try:
            self._forget_old_runs()
            return float(super().tick(*arguments, **options))
        except DatabaseError as error:
            logger.warning("the database is away: %s", type(error).__name__)
            return STANDBY_S

    def apply_entry(self, entry: DueEntry, producer: Any = None) -> None:
        """Ring once: whoever inserts the row rings, a second beat finds it there."""
        due_at = entry.due_at(clock.now())
        if not claim_run(entry.name, due_at=due_at):
            return
        entry.options["headers"] = {**entry.options.get("headers", {}), "due_at": due_at.isoformat()}
        super().apply_entry(entry, producer=producer)

    def _forget_old_runs(self) -> None:
        now = time.monotonic()
        if now - getattr(self, "_forgot_at", float("-inf")) > FORGET_EVERY_S:
            self._forgot_at = now
            ScheduledRun.objects.filter(made_at__lt=clock.now() - RUNS_KEPT).delete()


def claim_run(schedule: str, *, due_at: datetime) -> bool:
    """Make the row of one run; False when another beat has made it (P-2)."""
    close_old_connections()
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, [schedule, due_at])
        return bool(cursor.rowcount == 1)


def keep_timetable() -> None:
    """Wait for the lead, then ring what is due until a signal."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    leadership = Leadership()
    leadership.wait()
    logger.info("this beat leads")
    app.loader.import_default_modules()  # so that every task is known by its name
    Scheduler.leadership = leadership
    Service(app, max_interval=app.conf.beat_max_loop_interval, scheduler_cls=Scheduler).start()
