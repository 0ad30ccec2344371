"""How do doorbells travel? Rows are the queue; a message carries an id or nothing, and losing it is harmless."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING, Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crs.settings")  # `celery -A crs` finds no settings otherwise

from celery import Celery
from celery.signals import setup_logging, worker_before_create_process, worker_init, worker_ready
from kombu import Queue

if TYPE_CHECKING:
    from celery.app.task import Task

# One queue per app; a task's name says whose it is. One group of workers serves them all.
QUEUES = {
    "strategies": "trading",
    "execution": "execution",
    "guardian": "guardian",
    "ledger": "ledger",
    "approvals": "approvals",
}

app = Celery("crs")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


def queue_of(task: str) -> str:
    """Return the queue of a task by the app in its name."""
    return QUEUES[task.partition(".")[0]]


def route(name: str, *_: object, **__: object) -> dict[str, str]:
    """Route a task by its name, so that whoever rings it needs to know nothing else."""
    return {"queue": queue_of(name)}


app.conf.task_routes = (route,)
app.conf.task_queues = tuple(Queue(name) for name in QUEUES.values())  # a worker serves all of them
app.conf.task_create_missing_queues = False  # a misspelt queue is an error, not a place where doorbells rot


def ring(task: str, *arguments: object, **options: Any) -> None:  # Any: celery's options
    """Publish a doorbell. Raises `OperationalError` (kombu) when the broker is away; the next sweep rings again.

    Called by the relay and beat only, never in a request: a broker that hangs must not hang a person.
    """
    if task not in app.tasks:
        app.loader.import_default_modules()  # a process that is no worker has not loaded them yet
    known: Task[Any, Any] | None = app.tasks.get(task)
    if known is None:
        raise LookupError(f"no task is called {task!r}")
    known.apply_async(args=arguments, **options)


@setup_logging.connect
def keep_our_logging(**_: object) -> None:
    """Connected, so that Celery leaves the logs as crs/observability.py has set them up."""


@worker_init.connect
def refuse_wrong_rights(**_: object) -> None:
    """Refuse to work as a role that could write the book."""
    from crs import checks  # noqa: PLC0415 — the apps have to be loaded first

    checks.refuse_a_mighty_application()


@worker_before_create_process.connect
def share_memory(**_: object) -> None:
    """Leave what is loaded alone from now on: a collector that looks at it would copy it into every child."""
    gc.freeze()


@worker_ready.connect
def ring_first_canaries(**_: object) -> None:
    """Ring every canary at once: a new worker proves that it hears before the timetable asks."""
    for queue in QUEUES.values():
        ring("guardian.canary", queue, queue=queue)
