"""What does the gateway still know after `kill -9`? An append-only file, on disk before anybody hears of its content.

One line a record: CRC-32 in hexadecimal, a blank, JSON. A torn last line was never answered and is dropped; a damaged
line with good ones after it is not ours to guess about, and refuses to start. Beside it lies the small file of replay
clocks, replaced each second while ticks go out: losing its last second repeats ticks, with the same numbers.
"""

from __future__ import annotations

import fcntl
import json
import os
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

NAME = "gateway.journal"
CLOCKS = "clocks.json"


class JournalDamaged(Exception):
    """A line in the middle of the journal does not match its checksum."""


class JournalHeld(Exception):
    """Another process writes this journal."""


class Journal:
    """The journal of one gateway; `records` are those found when it was opened."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._file = os.open(folder / NAME, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise JournalHeld(f"{folder / NAME} belongs to a running gateway") from error
        content = (folder / NAME).read_bytes()
        self.records, good = read(content)
        if good < len(content):
            os.ftruncate(self._file, good)
        os.fsync(self._file)
        self._sync_folder()
        self._waiting: list[bytes] = []

    def append(self, record: dict[str, Any]) -> None:
        """Keep a record for the next `commit`."""
        self._waiting.append(line(record))

    def commit(self) -> None:
        """Write and fsync what waits; only then may its answers leave."""
        if self._waiting:
            self._write(b"".join(self._waiting))
            self._waiting.clear()
            os.fdatasync(self._file)

    def tear(self) -> None:
        """Write the waiting records but for the end of the last one, and die: a power cut in the middle of a write."""
        torn = b"".join(self._waiting)
        self._write(torn[: -len(self._waiting[-1]) // 2])
        os.fdatasync(self._file)
        os._exit(137)

    def _write(self, content: bytes) -> None:
        while content:
            content = content[os.write(self._file, content) :]

    def save_clocks(self, clocks: dict[str, int]) -> None:
        """Replace the file of clocks (login → nanoseconds that its replay has run)."""
        spare = self._folder / f"{CLOCKS}.new"
        spare.write_text(json.dumps(clocks))
        spare.replace(self._folder / CLOCKS)

    def clocks(self) -> dict[str, int]:
        """Return the saved clocks; none when there is no such file, or a torn one."""
        try:
            saved = json.loads((self._folder / CLOCKS).read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return {str(login): int(elapsed) for login, elapsed in saved.items()}

    def close(self) -> None:
        """Let the file go."""
        os.close(self._file)

    def _sync_folder(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def line(record: dict[str, Any]) -> bytes:
    """Return a record as it stands in the file."""
    body = json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode()
    return b"%08x " % zlib.crc32(body) + body + b"\n"


def read(content: bytes) -> tuple[list[dict[str, Any]], int]:
    """Return the records of a file and how many of its bytes are good. Raises `JournalDamaged`."""
    records: list[dict[str, Any]] = []
    good = 0
    lines = content.split(b"\n")
    for number, text in enumerate(lines[:-1], start=1):
        if zlib.crc32(text[9:]) != _checksum(text[:8]):
            if number == len(lines) - 1 and not lines[-1]:
                break  # a last line that lost its middle
            raise JournalDamaged(f"line {number} of the gateway's journal does not match its checksum")
        records.append(json.loads(text[9:]))
        good += len(text) + 1
    return records, good


def _checksum(text: bytes) -> int:
    try:
        return int(text, 16)
    except ValueError:
        return -1
