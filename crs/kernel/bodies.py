"""How do the bodies of all apps read a text, a name, a number, a flag, a moment? As they came, or not at all.

The framework's own fields help: they trim, they take a number for a text and "yes" for true. Then what was signed is
not what was read.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any, ClassVar, Self

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from crs.kernel import reading
from crs.kernel.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime


class Invalid(Refusal):
    """Fields are missing or of the wrong form: the framework's refusal, where one item of many is refused."""

    code: ClassVar[str] = "INVALID"
    title: ClassVar[str] = "The request does not say what it must"

    @classmethod
    def of(cls, error: serializers.ValidationError, pointer: str) -> Self:
        """Return the first error of an item that stands at `pointer`."""
        at, detail = next(flat(error.detail, pointer))
        return cls(str(detail), pointer=at)


def flat(detail: Any, pointer: str = "") -> Iterator[tuple[str, ErrorDetail]]:  # Any: the framework nests them freely
    """Yield (JSON pointer, error) of the details of a `ValidationError`."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from flat(inner, pointer if name == "non_field_errors" else f"{pointer}/{escaped(str(name))}")
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            yield from flat(inner, pointer if isinstance(inner, ErrorDetail) else f"{pointer}/{index}")
    else:
        yield pointer, detail


def escaped(name: str) -> str:
    """Return one part of a JSON pointer. Source: RFC 6901, section 3."""
    return name.replace("~", "~0").replace("/", "~1")


class Text(serializers.CharField):
    """A text that came as one, with its blanks."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"trim_whitespace": False, **options})

    def to_internal_value(self, data: object) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Name(Text):
    """A text that names something: printable, without blanks at its ends."""

    def to_internal_value(self, data: object) -> str:
        text = super().to_internal_value(data)
        if text != text.strip() or not text.isprintable():
            raise serializers.ValidationError("A name has no blanks at its ends and only printable characters.")
        return text


class Whole(serializers.IntegerField):
    """A whole number that came as one, within the bounds of a bigint; no text, no true."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"min_value": -reading.BIGINT_MAX, "max_value": reading.BIGINT_MAX, **options})

    def to_internal_value(self, data: object) -> int:
        if type(data) is not int:
            self.fail("invalid")
        return data


class Flag(serializers.BooleanField):
    """True or false, and nothing that means it."""

    def to_internal_value(self, data: object) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Moment(serializers.DateTimeField):
    """A moment in RFC 3339 with its offset (crs.kernel.reading)."""

    def to_internal_value(self, value: object) -> datetime:
        if not isinstance(value, str):
            raise serializers.ValidationError("A moment is a text such as 2026-11-20T12:00:00Z.")
        try:
            return reading.moment(value)
        except ValueError as error:
            raise serializers.ValidationError(f"{error}.") from error

    def to_representation(self, value: datetime) -> str:
        """Write a moment that was asked for: strftime, which the others go through, leaves out zeros before a year."""
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
