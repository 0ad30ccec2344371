"""Who rings the doorbells? Notified rows at once, due rows each second; nothing is published anywhere else but in beat.

An operation leaves a row and says so with `kernel.work.ring`; the notification leaves with its commit. A notification
that nobody heard, and a doorbell that the broker lost, are harmless: the sweep finds the row by its state.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from django.db import Error as DatabaseError
from django.db import close_old_connections, connection
from kombu.exceptions import OperationalError as BrokerError

from crs import celery
from crs.kernel import direct
from crs.kernel.work import DOORBELL
from execution import queries as execution_queries
from guardian.operations import signs
from strategies import queries as strategies_queries
from strategies.operations import succession

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable

logger = logging.getLogger(__name__)

SWEEP_EVERY_S = 1.0
RETRY_S = 0.5
NAME = "daemon:relay"


@dataclass(frozen=True, slots=True)
class Sweep:
    """Rows that wait although nobody may have rung for them: `due` returns their ids, `task` moves them on."""

    task: str
    due: Callable[[], Iterable[int]]


# Every kind of row that a task moves on stands here: whatever else is lost, its work goes on within a second.
SWEEPS: tuple[Sweep, ...] = (
    Sweep("strategies.trade_group", strategies_queries.free_groups),
    Sweep("execution.send_order", execution_queries.to_send),
)


def run(stop: threading.Event) -> None:
    """Listen, publish and sweep until `stop`; a database or broker that is away is waited for."""
    while not stop.is_set():
        try:
            with direct.connect("relay") as listening:
                listening.execute(f"LISTEN {DOORBELL}")
                _relay(listening, stop)
        except (psycopg.Error, DatabaseError) as error:
            logger.warning("the database is away: %s", type(error).__name__)
            connection.close()
            stop.wait(RETRY_S)


def _relay(listening: psycopg.Connection[Any], stop: threading.Event) -> None:
    swept_at = float("-inf")
    while not stop.is_set():
        if time.monotonic() - swept_at >= SWEEP_EVERY_S:
            swept_at = time.monotonic()
            sweep()
        wait = max(0.01, swept_at + SWEEP_EVERY_S - time.monotonic())
        # `stop_after` returns with the first batch; notifications that arrive together come together.
        rings = {parse(notice.payload) for notice in listening.notifies(timeout=wait, stop_after=1)}
        for task, row in sorted(rings - {None}, key=str):  # type: ignore[misc]  # None is taken out
            publish(task, row)


def sweep() -> int:
    """Free what the dead held, ring for every row that is due, and say that the relay lives; returns how many rang."""
    close_old_connections()
    succession.end_leases_of_the_dead()
    rung = 0
    for each in SWEEPS:
        for row in each.due():
            publish(each.task, row)
            rung += 1
    signs.beat(NAME)
    return rung


def publish(task: str, row: int | None) -> None:
    """Send one doorbell; a broker that is away or a name that nobody knows is logged, and the row stays due."""
    try:
        celery.ring(task, *([] if row is None else [row]))
    except (BrokerError, OSError) as error:
        logger.warning("the broker is away (%s): %s %s waits for the next sweep", type(error).__name__, task, row)
    except LookupError as error:
        logger.error("a doorbell without a bell: %s", error)  # noqa: TRY400 — the name says all, a trace says nothing


def parse(payload: str) -> tuple[str, int | None] | None:
    """Read what `kernel.work.ring` sent; anything else on the channel is logged and left."""
    try:
        content = json.loads(payload)
        return str(content["task"]), None if content["id"] is None else int(content["id"])
    except (ValueError, KeyError, TypeError):
        logger.warning("not a doorbell: %.100s", payload)
        return None
