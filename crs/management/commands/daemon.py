"""What must not depend on Celery? One process with a thread for each agent: doorbells and ticks."""

from __future__ import annotations

import logging
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand

from crs import checks, relay
from guardian.daemons import listener
from guardian.operations import signs

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

# Each runs until its event is set and writes its heartbeat `daemon:<name>` by itself.
AGENTS: dict[str, Callable[[threading.Event], None]] = {"relay": relay.run, "listener": listener.run}
DEATHS_MAX = 5  # of one agent within the window; then the whole process starts anew
DEATHS_WINDOW_S = 30.0
RESTART_S = 0.5
STOP_S_MAX = 5.0


class Agent:
    """One thread and how often it died lately."""

    def __init__(self, name: str, run: Callable[[threading.Event], None], stop: threading.Event) -> None:
        self.name, self.run, self.stop = name, run, stop
        self.deaths: list[float] = []
        self.thread = self._start()

    def _start(self) -> threading.Thread:
        thread = threading.Thread(target=self._live, name=self.name, daemon=True)
        thread.start()
        return thread

    def _live(self) -> None:
        try:
            self.run(self.stop)
        except Exception:  # an agent may die of anything, and its neighbours live on
            logger.exception("%s died", self.name)

    def keep(self) -> bool:
        """Start the thread again when it has ended; False when it dies too often."""
        if self.thread.is_alive():
            return True
        now = time.monotonic()
        self.deaths = [*(at for at in self.deaths if now - at < DEATHS_WINDOW_S), now]
        if len(self.deaths) > DEATHS_MAX:
            return False
        self.stop.wait(RESTART_S)
        self.thread = self._start()
        return True


class Command(BaseCommand):
    help = "Run the relay (doorbells) and the listener (ticks), one thread each, until a signal."
    requires_system_checks = ()

    def handle(self, *_: Any, **__: Any) -> None:
        checks.refuse_a_mighty_application()
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        signs.forget("daemon:", but={f"daemon:{name}" for name in AGENTS})
        agents = [Agent(name, run, stop) for name, run in AGENTS.items()]
        while not stop.wait(0.2):
            for agent in agents:
                if not agent.keep():
                    logger.error("%s cannot be kept alive", agent.name)
                    raise SystemExit(1)
        deadline = time.monotonic() + STOP_S_MAX
        for agent in agents:
            agent.thread.join(max(0.0, deadline - time.monotonic()))
