"""Which lines does a session leave as evidence of what it did? One schema: what writes a line also reads it back.

Format: `[YYYY-MM-DD HH:MM:SS] [LEVEL] [logger] [TAG] message`, UTC; each tag has exactly one spelling.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

LOGGER = "crs.session"
PATTERN = re.compile(
    r"\[(?P<at>[0-9: -]{19})\] \[(?P<level>[A-Z]+)\] \[(?P<logger>[\w.]+)\] \[(?P<tag>[\w.-]+)\] (?P<message>.*)"
)

logger = logging.getLogger(LOGGER)


class Tag(StrEnum):
    """What a line is about. A symbol is a tag too: `[BTCUSD.s] Trade executed, …`."""

    INIT = "INIT"
    CONCURRENT = "CONCURRENT"
    SYMBOL_MONITOR = "SYMBOL_MONITOR"
    SYMBOL_COMPLETE = "SYMBOL_COMPLETE"
    ZMQ_HEARTBEAT = "ZMQ_HEARTBEAT"
    ZMQ_ERROR = "ZMQ_ERROR"
    CIRCUIT_BREAKER = "CIRCUIT_BREAKER"
    HALT = "HALT"
    FATAL = "FATAL"
    SHUTDOWN = "SHUTDOWN"
    RISK_PASS = "RISK_PASS"  # noqa: S105 — no password
    RISK_FAIL = "RISK_FAIL"
    ZMQ_SENT = "ZMQ_SENT"
    MT5_FILLED = "MT5_FILLED"
    MT5_REJECTED = "MT5_REJECTED"
    KILL_SWITCH = "KILL_SWITCH"
    TASK_FAILURE = "TASK_FAILURE"


@dataclass(frozen=True, slots=True)
class Line:
    """One evidence line."""

    at: str
    level: str
    logger: str
    tag: str
    message: str


def say(tag: str, message: str, *, level: int = logging.INFO) -> None:
    """Leave a line; the handler adds time, level and logger."""
    logger.log(level, "[%s] %s", tag, message)


def rendered(line: Line) -> str:
    """Return a line as it stands in the log."""
    return f"[{line.at}] [{line.level}] [{line.logger}] [{line.tag}] {line.message}"


def parsed(text: str) -> Line | None:
    """Return the line in a text, None if it is none of ours."""
    found = PATTERN.fullmatch(text)
    return Line(**found.groupdict()) if found else None


def stamp(at: datetime) -> str:
    """Return a moment as it stands in a line."""
    return f"{at:%Y-%m-%d %H:%M:%S}"
