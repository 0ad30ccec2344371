"""How soon does a worker hear again when its broker was away? Within half a second of the broker's return."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from celery.worker.consumer import Consumer
from celery.worker.state import maybe_shutdown
from kombu.exceptions import OperationalError

EAGER_S: Final = 30  # how long the tries stay dense; a broker that is away for longer is waited for at Celery's pace
PAUSE_MIN_S: Final = 0.1
PAUSE_MAX_S: Final = 0.5


class PromptConsumer(Consumer):
    """Celery's consumer, but for its pauses of 2, 4, 6 … s between two tries to reach the broker.

    They are not a setting. The supervisor brings Valkey back within a second, and every symbol waits for the worker.
    """

    def ensure_connected(self, conn: Any) -> Any:  # Any: kombu's connection
        """Return `conn`, connected; tried densely first, then as Celery does it."""
        with suppress(OperationalError):
            conn.ensure_connection(
                interval_start=PAUSE_MIN_S,
                interval_step=PAUSE_MIN_S,
                interval_max=PAUSE_MAX_S,
                timeout=EAGER_S,
                callback=maybe_shutdown,
            )
        return super().ensure_connected(conn)
