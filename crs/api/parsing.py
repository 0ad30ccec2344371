"""Which bodies are read? JSON that means one thing only: no floats, no NaN, no name twice, no text none can keep."""

from __future__ import annotations

import json
import re
from typing import IO, TYPE_CHECKING, Any, ClassVar, NoReturn

from rest_framework.parsers import JSONParser

from crs.kernel.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DEPTH_MAX = 32
# Half a character (a lone surrogate) is no UTF-8, and PostgreSQL has no text with a NUL.
NO_TEXT = re.compile("[\\0\ud800-\udfff]")


class Malformed(Refusal):
    """The body is not JSON, or JSON that two readers may read differently."""

    code: ClassVar[str] = "MALFORMED"
    title: ClassVar[str] = "The body is not JSON"
    status: ClassVar[int] = 400


class FloatRefused(Refusal):
    """A JSON number with a fraction or an exponent: two machines may read it differently. Send text."""

    code: ClassVar[str] = "FLOAT_REFUSED"
    title: ClassVar[str] = 'Send amounts, prices and volumes as text, such as "120.00"'


class _Float(float):
    """A number that was written with a fraction or an exponent."""


class StrictJSONParser(JSONParser):
    """Reads UTF-8 JSON; refuses what `read` refuses, and floats.

    A view that measures (telemetry) sets `floats = True` and gets floats where they were sent.
    """

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:  # Any: JSON is recursive
        del media_type
        body = read(stream.read())
        if not getattr((parser_context or {}).get("view"), "floats", False):
            for pointer, value, _ in _walk(body, "", 0):
                if isinstance(value, _Float):
                    raise FloatRefused(pointer=pointer)
        return body


def read(raw: bytes) -> Any:
    """Return what `raw` says; floats come marked.

    Raises `Malformed` for what is no JSON, a name that stands twice, NaN and Infinity, text that cannot be kept, and
    more than 32 levels.
    """
    try:
        body = json.loads(raw.decode(), object_pairs_hook=_once, parse_constant=_no_constant, parse_float=_Float)
    except (ValueError, RecursionError) as error:  # also UnicodeDecodeError, and whole numbers of 4,300 digits
        raise Malformed(f"the body is not JSON: {error}"[:200]) from error
    for pointer, value, depth in _walk(body, "", 0):
        if depth > DEPTH_MAX:
            raise Malformed(f"more than {DEPTH_MAX} levels", pointer=pointer[:200])
        if isinstance(value, str) and NO_TEXT.search(value):
            raise Malformed("a text holds a NUL or half a character", pointer=pointer[:200])
    return body


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("a name stands twice in one object")
    if any(NO_TEXT.search(name) for name in found):
        raise Malformed("a name holds a NUL or half a character")
    return found


def _no_constant(name: str) -> NoReturn:
    raise Malformed(f"{name} is not JSON")


def _walk(value: Any, pointer: str, depth: int) -> Iterator[tuple[str, Any, int]]:
    """Yield each value with its JSON pointer and how deep it stands, outermost first."""
    yield pointer, value, depth
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _walk(inner, f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}", depth + 1)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _walk(inner, f"{pointer}/{index}", depth + 1)
