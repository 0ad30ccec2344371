"""What cuts a list? Parameters in one spelling each: what cannot be read is refused, never left out.

The framework's own filters trim, take the digits of every script, and leave out a flag that is no flag: the list comes
back whole and looks as if it had been cut. Which parameters a list knows at all is `crs.api.parameters`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django_filters import filterset
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

from crs.kernel import reading

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class _Plain(forms.CharField):
    """Reads what stands there, blanks too, with `read`; what that cannot read is invalid."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"strip": False, **options})

    def read(self, text: str) -> object:
        return text

    def clean(self, value: Any) -> Any:  # Any: Django's own
        text = super().clean(value)
        try:
            return self.read(text) if text else None
        except ValueError as error:
            raise ValidationError(str(error), code="invalid") from error


class _Whole(_Plain):
    def read(self, text: str) -> int:
        return reading.whole(text)


class _Moment(_Plain):
    def read(self, text: str) -> datetime:
        return reading.moment(text)


class _Flag(_Plain):
    def read(self, text: str) -> bool:
        if text not in ("true", "false"):
            raise ValueError("true or false")
        return text == "true"


@extend_schema_field({"type": "string", "minLength": 1})
class Text(django_filters.CharFilter):  # type: ignore[misc]  # the library has no types
    """Equal to a text."""

    field_class = _Plain


@extend_schema_field({"type": "integer", "minimum": 0})
class Whole(django_filters.Filter):  # type: ignore[misc]  # the library has no types
    """Equal to a whole number, such as an id; one that nothing has finds nothing."""

    field_class = _Whole


@extend_schema_field(OpenApiTypes.DATETIME)
class Moment(django_filters.Filter):  # type: ignore[misc]  # the library has no types
    """Beside a moment, in RFC 3339 with its offset."""

    field_class = _Moment


@extend_schema_field(OpenApiTypes.BOOL)
class Flag(django_filters.Filter):  # type: ignore[misc]  # the library has no types
    """True or false."""

    field_class = _Flag


class Filters(django_filters.FilterSet):  # type: ignore[misc]  # the library has no types
    """The filters of one list.

    Rows of other tables are named by `Whole` or `Text`: the framework's choice among all of them would tell which
    exist, on other desks too.
    """

    FILTER_DEFAULTS: ClassVar[Mapping[Any, Any]] = {
        **filterset.FILTER_FOR_DBFIELD_DEFAULTS,
        models.CharField: {"filter_class": Text},
        models.IntegerField: {"filter_class": Whole},
        models.BigIntegerField: {"filter_class": Whole},
        models.BooleanField: {"filter_class": Flag},
    }
