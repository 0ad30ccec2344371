"""Which bodies are read? JSON that means one thing only: no floats, no NaN, no name twice."""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING, Any, ClassVar, NoReturn

from rest_framework.parsers import JSONParser

from crs.kernel.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DEPTH_MAX = 32


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
    """Reads UTF-8 JSON; refuses a name that stands twice, NaN and Infinity, floats, and more than 32 levels.

    A view that measures (telemetry) sets `floats = True` and gets floats where they were sent.
    """

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:  # Any: JSON is recursive
        del media_type
        body = read(stream.read())
        if not getattr((parser_context or {}).get("view"), "floats", False):
            for pointer in _floats(body, ""):
                raise FloatRefused(pointer=pointer)
        return body


def read(raw: bytes) -> Any:
    """Return what `raw` says; floats come marked. Raises `Malformed`."""
    try:
        return json.loads(raw.decode(), object_pairs_hook=_once, parse_constant=_no_constant, parse_float=_Float)
    except (ValueError, RecursionError) as error:  # also UnicodeDecodeError, and whole numbers of 4,300 digits
        raise Malformed(f"the body is not JSON: {error}"[:200]) from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("a name stands twice in one object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise Malformed(f"{name} is not JSON")


def _floats(body: Any, pointer: str, depth: int = 0) -> Iterator[str]:
    """Yield the JSON pointer of each float."""
    if depth > DEPTH_MAX:
        raise Malformed(f"more than {DEPTH_MAX} levels")
    if isinstance(body, _Float):
        yield pointer
    elif isinstance(body, dict):
        for name, value in body.items():
            yield from _floats(value, f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}", depth + 1)
    elif isinstance(body, list):
        for index, value in enumerate(body):
            yield from _floats(value, f"{pointer}/{index}", depth + 1)
