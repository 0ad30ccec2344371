"""How do base units and hashes live in the database?"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import models

from crs.kernel.money import UNITS_MAX

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

    IntField = models.Field[int, int]
    BytesField = models.BinaryField[bytes, bytes]
else:  # Django's fields are generic for type checkers only
    IntField = models.Field
    BytesField = models.BinaryField


class BaseUnitsField(IntField):
    """A whole number of base units: `int` in and out, NUMERIC(78, 0) in PostgreSQL.

    Anything but an `int` (also `bool`, `float` and `Decimal`) raises `TypeError`: a float may stop trading, but never
    size a posting. Sums over it come back as `int` too.
    """

    description = "A whole number of base units (up to 78 digits)"

    def db_type(self, connection: BaseDatabaseWrapper) -> str:  # noqa: ARG002 — Django's signature
        return "numeric(78, 0)"

    def from_db_value(self, value: Decimal | None, *_: object) -> int | None:
        return None if value is None else int(value)

    def get_prep_value(self, value: Any) -> Any:
        if value is None or hasattr(value, "resolve_expression"):
            return value
        if type(value) is not int:
            raise TypeError(f"{self.name}: base units are int, not {type(value).__name__}")
        if abs(value) > UNITS_MAX:
            raise ValueError(f"{self.name}: more than 78 digits")
        return Decimal(value)

    def to_python(self, value: Any) -> int | None:
        """Read a form's or fixture's text; a serializer that wants decimals uses `Asset.units`."""
        if value is None or type(value) is int:
            return value
        try:
            return int(str(value))
        except ValueError as error:
            raise ValidationError("A whole number of base units.") from error


class HashField(BytesField):
    """A SHA-256 hash: exactly 32 bytes, as bytes."""

    description = "A SHA-256 hash"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"max_length": 32, **kwargs})

    def from_db_value(self, value: bytes | memoryview | None, *_: object) -> bytes | None:
        return None if value is None else bytes(value)

    def get_prep_value(self, value: Any) -> Any:
        if value is not None and len(value) != 32:
            raise ValueError(f"{self.name}: a hash has 32 bytes, not {len(value)}")
        return super().get_prep_value(value)
