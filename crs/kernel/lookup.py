"""What may the words be that somebody looks a row up by? Typed or pasted: an id, a key, a hash, or how one begins."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from crs.kernel import reading

UUID_DIGITS: Final = 32
UUID_DIGITS_MIN: Final = 8  # a shorter beginning is rather a number or a word, and would find rows by accident


def row_ids(text: str) -> list[int]:
    """Return the id that a text is; nothing when it is none that a row can have."""
    try:
        return [reading.whole(text)]
    except ValueError:
        return []


def uuid_span(text: str) -> tuple[UUID, UUID] | None:
    """Return the lowest and the highest UUID that begins so, dashes or not; None for what begins none."""
    digits = text.replace("-", "").lower()
    if not UUID_DIGITS_MIN <= len(digits) <= UUID_DIGITS or set(digits) - set("0123456789abcdef"):
        return None
    return UUID(digits.ljust(UUID_DIGITS, "0")), UUID(digits.ljust(UUID_DIGITS, "f"))
