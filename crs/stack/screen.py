"""How does a start look? A moving line with what is done on a terminal, one plain line per step elsewhere."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.progress import Progress, TaskID


class Screen:
    """Tells what the supervisor does. Never shows an address with its password, nor a secret."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stdout
        self.began = time.monotonic()
        self.progress: Progress | None = None
        self.task: TaskID | None = None

    def begin(self, title: str, *, steps: int) -> None:
        """Show a bar of `steps` on a terminal; `step` moves it on."""
        if not self.stream.isatty():
            return
        from rich.console import Console  # noqa: PLC0415 — only a terminal needs it
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415 — only a terminal needs it

        self.progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(24),
            TimeElapsedColumn(),
            transient=True,
            console=Console(file=self.stream),
        )
        self.task = self.progress.add_task(title, total=steps)
        self.progress.start()

    def step(self, what: str, since: float) -> None:
        """One part is ready; `since` is the monotonic time when it began."""
        self.say(f"{what} ready ({time.monotonic() - since:.1f} s)")
        if self.progress and self.task is not None:
            self.progress.advance(self.task)

    def waiting(self, for_whom: Sequence[str]) -> None:
        """Show whom the start waits for; plain output says it only when it changes and takes long."""
        if self.progress and self.task is not None:
            self.progress.update(self.task, description=", ".join(for_whom))

    def end(self) -> None:
        if self.progress:
            self.progress.stop()
            self.progress = None

    def say(self, line: str) -> None:
        """Print a line; a closed terminal must not stop the desk."""
        try:
            if self.progress:
                self.progress.console.print(line, markup=False, highlight=False)
            else:
                print(line, file=self.stream, flush=True)
        except OSError:
            self.stream = Path(os.devnull).open("w")  # noqa: SIM115 — for the rest of the process
