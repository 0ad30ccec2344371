"""What do the logs look like, and what never stands in them?

One line of JSON per event on standard error, which the supervisor puts into `<state>/logs`; plain text for commands.
Wired once, by settings (`LOGGING_CONFIG`): Django, Celery and libraries come through the same door, and whatever passes
it loses its secrets, by the name of the field and by the look of the text.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

REMOVED = "[removed]"
# A field with one of these words in its name is a secret, whatever it holds.
SECRET_NAME = re.compile(
    r"passw(or)?d|secret|token|authorization|cookie|credential|private_?key|api_?key$|signature|seed$|dsn|_url$",
    re.IGNORECASE,
)
# What a secret looks like inside a sentence or a traceback.
SECRET_LOOKS = (
    (re.compile(r"(?<=://)[^/@\s\"']*:[^/@\s\"']+(?=@)"), REMOVED),  # user:password in an address
    (re.compile(r"\bcrs_(?:live|staging|demo)_[A-Za-z0-9_-]+"), REMOVED),  # our bearer tokens
    (re.compile(r"(?i)\b(bearer|basic|apikey)\s+[A-Za-z0-9+/=._~-]{8,}"), rf"\1 {REMOVED}"),
    (
        re.compile(r"(?i)\b(passw(?:or)?d|secret|token|api_?key)(['\"]?\s*[=:]\s*['\"]?)[^\s'\",;&)}]+"),
        rf"\1\2{REMOVED}",
    ),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), REMOVED),
)
# Chatter that says nothing about the desk: one line for each doorbell would bury the rest.
QUIET = {
    "celery.worker.strategy": logging.WARNING,
    "celery.worker.request": logging.WARNING,  # expired doorbells: the next one rings
    "celery.app.trace": logging.WARNING,
    "celery.beat": logging.WARNING,
    "django_celery_beat.schedulers": logging.WARNING,
    "django.request": logging.ERROR,  # 404s and refusals are answers
}


def configure(wanted: Mapping[str, Any]) -> None:
    """Send every logger of this process to standard error. `wanted`: `process` and `level` (settings.LOGGING)."""
    is_command = wanted["process"] == "command"
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _named(wanted["process"]),
        structlog.stdlib.ExtraAdder(),
        structlog.processors.format_exc_info,
        redact,
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.dev.ConsoleRenderer(colors=False) if is_command else structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING if is_command else wanted["level"])
    for name, level in QUIET.items():
        logging.getLogger(name).setLevel(level)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    logging.captureWarnings(capture=True)


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take every secret out of an event: by the names of its fields, and by what its texts look like."""
    return {name: _clean(name, value) for name, value in event.items()}


def without_secrets(text: str) -> str:
    """Return a text with everything that looks like a secret taken out."""
    for look, instead in SECRET_LOOKS:
        text = look.sub(instead, text)
    return text


def _clean(name: str, value: Any) -> Any:  # Any: a log event holds whatever was logged
    if SECRET_NAME.search(name):
        return REMOVED
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, dict):
        return {str(key): _clean(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean("", item) for item in value]
    if value is None or isinstance(value, bool | int | float) or name.startswith("_"):
        return value
    return without_secrets(str(value))


def _named(process: str) -> structlog.typing.Processor:
    def name(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["process"] = process
        return event

    return name
