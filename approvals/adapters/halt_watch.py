"""Is trading stopped here, right now, without asking the database at every order?

A thread with a connection of its own keeps a copy: told by notification (`crs_halts`), polled each 250 ms anyway. The
copy is aged from *before* it was read. One older than 1 s is no copy: whoever asks gets `HaltsUnknown`.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from datetime import datetime
from typing import TYPE_CHECKING, Any

import psycopg

from approvals.rules.halts import COPY_AGE_MS_MAX, POLL_MS, Halt, Halts, HaltsUnknown, Moded, refuse_halted
from approvals.rules.scope import Scope
from crs.kernel import clock, direct

if TYPE_CHECKING:
    from approvals.rules.scope import Subject

logger = logging.getLogger(__name__)
COPY_AGE_NS_MAX = COPY_AGE_MS_MAX * 1_000_000
CONNECT_S = 2

# One statement is one snapshot: halts, modes and epoch belong together. The widest scope stands first.
SNAPSHOT = """
    SELECT clock_timestamp(), coalesce((SELECT epoch FROM approvals_haltepoch WHERE id = 1), 0),
        (SELECT coalesce(jsonb_agg(jsonb_build_array(id, scope_type, scope_id, positions, epoch, reason,
                                                     engaged_at, engaged_by)
                                   ORDER BY scope_type <> 'GLOBAL', epoch), '[]')::text
         FROM approvals_killswitch WHERE state = 'ENGAGED'),
        (SELECT coalesce(jsonb_agg(jsonb_build_array(scope_type, scope_id, mode, reason, since)
                                   ORDER BY scope_type <> 'GLOBAL', id), '[]')::text
         FROM approvals_mode WHERE mode <> 'NORMAL')
"""


def read(row: tuple[Any, ...]) -> Halts:
    """Return what a row of `SNAPSHOT` says."""
    read_at, epoch, engaged, modes = row
    return Halts(
        engaged=tuple(
            Halt(id_, Scope(kind, scope_id), positions, epoch_, reason, datetime.fromisoformat(at), by)
            for id_, kind, scope_id, positions, epoch_, reason, at, by in json.loads(engaged)
        ),
        modes=tuple(
            Moded(Scope(kind, scope_id), mode, reason, datetime.fromisoformat(since))
            for kind, scope_id, mode, reason, since in json.loads(modes)
        ),
        epoch=epoch,
        read_at=read_at,
    )


class HaltWatch:
    """A copy of the halts in this process, never older than 1 s.

    `halts()` and `refuse_unsafe()` take under a microsecond where nothing is stopped, and never touch the network.
    """

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._copy: tuple[Halts | None, int] = (
            None,
            0,
        )  # replaced as one: readers see halts and age that belong together
        self._ended = threading.Event()
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._run, name="halt-watch", daemon=True)

    def start(self) -> HaltWatch:
        """Begin, and wait up to 2 s for the first copy; without one every question is answered `HaltsUnknown`."""
        self._thread.start()
        self._begun.wait(CONNECT_S)
        return self

    def stop(self) -> None:
        """End the thread and its connection."""
        self._ended.set()
        self._thread.join(CONNECT_S)

    def halts(self) -> Halts:
        """Return the copy. Raises `HaltsUnknown` when it is older than 1 s."""
        halts, read_ns = self._copy
        if halts is None or clock.monotonic_ns() - read_ns > COPY_AGE_NS_MAX:
            raise HaltsUnknown
        return halts

    def refuse_unsafe(self, subject: Subject) -> None:
        """Raise `Halted` when a kill switch covers `subject`, `HaltsUnknown` when nobody knows."""
        refuse_halted(self.halts(), subject)

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                with direct.connect("halt-watch") as own:
                    own.execute("SET statement_timeout = '800ms'")
                    own.execute("LISTEN crs_halts")
                    while not self._ended.is_set():
                        self._refresh(own)
                        for _ in own.notifies(timeout=POLL_MS / 1_000, stop_after=1):
                            pass  # told: read at once
            except psycopg.Error:
                logger.warning("halts cannot be read; trying again", exc_info=True)
                self._ended.wait(POLL_MS / 1_000)

    def _refresh(self, own: psycopg.Connection[Any]) -> None:
        asked_ns = clock.monotonic_ns()
        row = own.execute(SNAPSHOT).fetchone()
        assert row is not None
        self._copy = (read(row), asked_ns)
        self._begun.set()
