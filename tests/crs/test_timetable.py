"""Does every schedule run once for each moment it is due, whoever believes to lead?"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import TYPE_CHECKING

import pytest
from celery import schedules
from django.db import IntegrityError, connection
from django_celery_beat.models import PeriodicTask
from hypothesis import given
from hypothesis import strategies as st

from crs import beat
from crs.beat import EPOCH, TIMETABLE, DueEntry, Leadership, Slots, claim_run, slot
from crs.celery import QUEUES, app, queue_of
from guardian import queries
from guardian.models import ScheduledRun
from guardian.operations import signs
from guardian.tasks import canary

if TYPE_CHECKING:
    from collections.abc import Iterator

DUE = datetime(2026, 11, 20, 19, 47, tzinfo=UTC)
PERIODS = st.integers(1, 86_400).map(lambda seconds: timedelta(seconds=seconds))
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))


@pytest.mark.property
@given(at=MOMENTS, period=PERIODS)
def test_a_slot_holds_its_moment_and_begins_at_a_whole_period(at: datetime, period: timedelta) -> None:
    begin = slot(at, period)
    assert begin <= at < begin + period
    assert (begin - EPOCH) % period == timedelta(0)


@pytest.mark.property
@given(at=MOMENTS, period=PERIODS, later=st.integers(0, 3_000_000))
def test_a_schedule_is_due_exactly_when_a_new_slot_has_begun(at: datetime, period: timedelta, later: int) -> None:
    now = at + timedelta(milliseconds=later)
    schedule = Slots(period, app=app, nowfun=lambda: now)
    is_due, wait_s = schedule.is_due(at)
    assert is_due == (slot(now, period) != slot(at, period))
    assert 0 < wait_s <= period.total_seconds()


@pytest.mark.django_db(transaction=True)
def test_of_eight_beats_one_makes_the_run() -> None:
    gate = Barrier(8)

    def run() -> bool:
        gate.wait(10)
        try:
            return claim_run("some schedule", due_at=DUE)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        made = [future.result() for future in [pool.submit(run) for _ in range(8)]]
    assert sorted(made) == [False] * 7 + [True]
    assert ScheduledRun.objects.filter(schedule="some schedule").count() == 1
    assert claim_run("some schedule", due_at=DUE + timedelta(seconds=1))


@pytest.mark.django_db
def test_a_run_is_unique_in_the_database() -> None:
    ScheduledRun.objects.create(schedule="some schedule", due_at=DUE)
    with pytest.raises(IntegrityError, match="scheduledrun_once"):
        ScheduledRun.objects.create(schedule="some schedule", due_at=DUE)


@pytest.fixture
def leaders() -> Iterator[tuple[Leadership, Leadership]]:
    both = Leadership(), Leadership()
    yield both
    for one in both:
        if one.connection is not None:
            one.connection.close()


@pytest.mark.django_db(transaction=True)
def test_one_beat_leads_and_a_standby_follows_its_death(
    leaders: tuple[Leadership, Leadership], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beat, "LEADER_LOCK", 0x54455354)  # advisory locks are shared by whoever tests beside us
    first, standby = leaders
    first.wait()
    assert first.is_held()
    assert not standby._try()
    with connection.cursor() as cursor:
        assert first.connection is not None
        cursor.execute("SELECT pg_terminate_backend(%s)", [first.connection.info.backend_pid])
    standby.wait()
    assert standby.is_held()
    assert not first.is_held()


@pytest.mark.django_db
def test_the_timetable_stands_in_the_database_and_expires() -> None:
    rows = {row.name: row for row in PeriodicTask.objects.select_related("interval")}
    for wanted in TIMETABLE:
        row = rows[wanted.name]
        assert (row.interval.every, row.interval.period) == (wanted.every_s, "seconds")
        assert row.expire_seconds == 2 * wanted.every_s
        assert row.queue == (wanted.queue or queue_of(wanted.task))
        assert json.loads(row.args) == list(wanted.arguments)
        assert isinstance(DueEntry(row, app=app).schedule, Slots)


@pytest.mark.django_db
def test_an_edited_row_survives_the_migration() -> None:
    from django.apps import apps

    name = TIMETABLE[0].name
    PeriodicTask.objects.filter(name=name).update(expire_seconds=99, enabled=False)
    PeriodicTask.objects.filter(name=TIMETABLE[1].name).delete()
    beat.make_timetable(apps)
    row = PeriodicTask.objects.get(name=name)
    assert (row.expire_seconds, row.enabled) == (99, False)
    assert PeriodicTask.objects.filter(name=TIMETABLE[1].name).exists()


def test_every_task_of_the_timetable_exists_and_has_a_queue() -> None:
    app.loader.import_default_modules()
    assert [row.task for row in TIMETABLE if row.task not in app.tasks] == []
    assert {row.queue or queue_of(row.task) for row in TIMETABLE} <= set(QUEUES.values())


@pytest.mark.django_db
def test_a_canary_says_when_it_was_due() -> None:
    canary.apply(args=("trading",), headers={"due_at": DUE.isoformat()})
    assert 0 <= queries.signs().canaries["trading"] < 10
    signs.answer_canary("trading", rung_at=DUE + timedelta(seconds=5))
    assert set(queries.signs().canaries) == {"trading"}


@pytest.mark.django_db
def test_heartbeats_of_parts_that_are_gone_are_forgotten() -> None:
    for name in ("daemon:relay", "daemon:old", "beat"):
        signs.beat(name)
    assert signs.forget("daemon:", but={"daemon:relay"}) == 1
    assert set(queries.signs().heartbeats) == {"daemon:relay", "beat"}


def test_a_crontab_runs_once_in_its_minute() -> None:
    assert slot(DUE + timedelta(seconds=59.9), beat.MINUTE) == DUE
    assert not isinstance(schedules.crontab(minute="0"), Slots)
