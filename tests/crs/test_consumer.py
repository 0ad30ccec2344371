"""Does a worker hear again soon after its broker is back?"""

from __future__ import annotations

import socket
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from django.conf import settings
from kombu import Connection
from kombu.exceptions import OperationalError

from crs import consumer
from crs.celery import app
from crs.consumer import PromptConsumer

AWAY_S = 2.5  # Celery alone would look at 0, 2 and 6 s


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a consumer without the worker around it: connecting is all that is asked of it."""
    made = PromptConsumer.__new__(PromptConsumer)
    made.app, made.first_connection_attempt, made.broker_connection_retry_attempt = app, False, 0
    return made


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def forward_later(port: int, *, after_s: float) -> None:
    """Let the broker be away for a while: nobody listens on `port`, then it leads to the real one."""
    target = redis.ConnectionPool.from_url(settings.REDIS_URL).connection_kwargs
    time.sleep(after_s)
    with socket.create_server(("127.0.0.1", port)) as server:
        server.settimeout(10)
        near, _ = server.accept()
        with near, socket.create_connection((target["host"], target["port"])) as far:
            threading.Thread(target=pump, args=(far, near), daemon=True).start()
            pump(near, far)


def pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65_536):
            sink.sendall(data)
    except OSError:
        return


def test_a_worker_hears_again_within_half_a_second_of_its_brokers_return(listening: Any) -> None:
    port = free_port()
    target = redis.ConnectionPool.from_url(settings.REDIS_URL).connection_kwargs
    secret = f":{target['password']}@" if target.get("password") else ""
    user = target.get("username") or ""
    threading.Thread(target=forward_later, args=(port,), kwargs={"after_s": AWAY_S}, daemon=True).start()
    began = time.monotonic()
    with Connection(f"redis://{user}{secret}127.0.0.1:{port}/0") as connection:
        assert listening.ensure_connected(connection).connected
    assert AWAY_S <= time.monotonic() - began < 5  # 3 s, with room for a busy machine


def test_a_broker_that_stays_away_is_waited_for_at_celerys_pace(
    listening: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dense tries end, and Celery's own decide: here they are told to give up at once."""
    monkeypatch.setattr(consumer, "EAGER_S", 0.5)
    hopeless = {"broker_connection_retry_on_startup": True, "broker_connection_retry": True}
    listening.app = SimpleNamespace(conf=SimpleNamespace(**hopeless, broker_connection_max_retries=0))
    began = time.monotonic()
    with (
        Connection(f"redis://127.0.0.1:{free_port()}/0") as connection,
        pytest.raises(OperationalError, match="refused"),
    ):
        listening.ensure_connected(connection)
    assert time.monotonic() - began < 5


def test_the_worker_uses_it() -> None:
    assert app.conf.worker_consumer == f"{PromptConsumer.__module__}:{PromptConsumer.__qualname__}"
