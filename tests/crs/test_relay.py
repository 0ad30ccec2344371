"""Does a doorbell ring, and what happens when it is not heard?"""

from __future__ import annotations

import json
import threading
import time
from base64 import b64decode
from typing import TYPE_CHECKING, Any

import pytest
import redis
from django.conf import settings
from django.db import connection, transaction
from kombu.exceptions import OperationalError

from crs import celery, relay
from crs.kernel import work
from crs.management.commands.daemon import DEATHS_MAX, Agent
from crs.relay import Sweep
from guardian import queries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.django_db(transaction=True)
TASK, QUEUE = "guardian.canary", "guardian"


def eventually(check: Callable[[], Any], *, within_s: float = 10) -> Any:
    deadline = time.monotonic() + within_s
    while not (answer := check()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)
    return answer


@pytest.fixture
def broker() -> Iterator[redis.Redis]:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.delete(QUEUE)
        yield client
        client.delete(QUEUE)


def rung(broker: redis.Redis) -> list[tuple[str, list[Any]]]:
    """Return what lies in the queue: task and arguments of each message."""
    messages = [json.loads(message) for message in broker.lrange(QUEUE, 0, -1)]
    return [(message["headers"]["task"], json.loads(b64decode(message["body"]))[0]) for message in messages]


@pytest.fixture
def running(broker: redis.Redis) -> Iterator[threading.Thread]:
    celery.app.loader.import_default_modules()  # otherwise the first doorbell waits for it
    stop = threading.Event()

    def run() -> None:
        try:
            relay.run(stop)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    eventually(lambda: relay.NAME in queries.signs().heartbeats)
    yield thread
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


def test_a_committed_doorbell_rings_at_once_and_one_undone_never(
    running: threading.Thread, broker: redis.Redis
) -> None:
    with transaction.atomic():
        work.ring(TASK, 1)
        transaction.set_rollback(True)
    began = time.monotonic()
    work.ring(TASK, 2)
    eventually(lambda: rung(broker))
    assert time.monotonic() - began < 3
    assert rung(broker) == [(TASK, [2])]


def test_doorbells_of_one_commit_ring_once_each(running: threading.Thread, broker: redis.Redis) -> None:
    with transaction.atomic():
        for row in (3, 4, 3, 4, 3):
            work.ring(TASK, row)
    eventually(lambda: len(rung(broker)) >= 2)
    assert sorted(rung(broker)) == [(TASK, [3]), (TASK, [4])]


def test_nonsense_on_the_channel_stops_nobody(running: threading.Thread, broker: redis.Redis) -> None:
    with connection.cursor() as cursor:
        for payload in ("not json", "[]", '{"task": "x"}', '{"task": "nobody.knows", "id": 1}', '{"id": {}}'):
            cursor.execute("SELECT pg_notify(%s, %s)", [work.DOORBELL, payload])
    work.ring(TASK, 5)
    assert eventually(lambda: rung(broker)) == [(TASK, [5])]


def test_the_relay_comes_back_after_its_connection_was_cut(running: threading.Thread, broker: redis.Redis) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'crs-relay'"
            " AND datname = current_database()"
        )
        assert cursor.fetchall() == [(True,)]

    def rings() -> bool:
        work.ring(TASK, 6)
        return bool(rung(broker))

    eventually(rings)


def test_a_row_that_nobody_rang_for_is_found_by_the_sweep(broker: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "SWEEPS", (Sweep(TASK, lambda: [7, 8]),))
    assert relay.sweep() == 2
    assert sorted(rung(broker)) == [(TASK, [7]), (TASK, [8])]


def test_a_broker_that_is_away_costs_a_log_line_only(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: object, **__: object) -> None:
        raise OperationalError("redis://:hunter2@127.0.0.1 refused")

    monkeypatch.setattr(celery, "ring", away)
    relay.publish(TASK, 9)
    assert "the broker is away" in caplog.text
    assert "hunter2" not in caplog.text


def test_every_sweep_names_a_task_that_exists() -> None:
    celery.app.loader.import_default_modules()
    assert [sweep.task for sweep in relay.SWEEPS if sweep.task not in celery.app.tasks] == []


def test_an_agent_that_dies_lives_again_and_one_that_cannot_live_ends_the_process() -> None:
    lives: list[int] = []

    def dies(_stop: threading.Event) -> None:
        lives.append(1)
        raise RuntimeError("of something")

    stop = threading.Event()
    stop.set()  # no waiting between two lives
    agent = Agent("mortal", dies, stop)

    def is_given_up() -> bool:
        return not agent.keep()

    eventually(is_given_up)
    assert len(lives) == DEATHS_MAX + 1
