"""What are the bytes that a leaf of the evidence commits to?

Whoever writes the row writes the bytes, and they are stored: verification hashes what is stored and then compares its
parsed content with the rows. Rows written by SQL (journals) build the same form in SQL; golden vectors freeze both.
Source of the leaf: RFC 6962, section 2.1 (0x00 before a leaf).
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

VERSION = 1
LEAF_PREFIX = b"\x00"


def canonical(record: dict[str, Any]) -> bytes:
    """Return the canonical bytes of a record: JSON, keys sorted, no blanks, UTF-8, `v` added.

    Values are text, int, bool, None, aware datetimes (UTC, microseconds), and lists or dicts of them; a float raises
    `TypeError`, because two machines may print it differently.
    """
    return json.dumps(
        {**plain(record), "v": VERSION}, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def leaf(body: bytes) -> bytes:
    """Return the leaf hash of canonical bytes: SHA-256 over 0x00 and the bytes."""
    return hashlib.sha256(LEAF_PREFIX + body).digest()


def instant(at: datetime) -> str:
    """Return a moment as it stands in canonical bytes: 2026-11-20T19:47:00.000000Z."""
    assert at.tzinfo is not None, "moments are aware"
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def plain(value: Any) -> Any:  # Any: JSON is recursive
    """Return `value` as plain JSON types, moments as text; a float or anything else raises `TypeError`."""
    if value is None or isinstance(value, str | bool) or type(value) is int:
        return value
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no canonical form")
