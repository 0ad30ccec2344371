"""How does a long list come in pages that neither skip nor repeat a row while others write?

The cursor names the last row shown by its place in a unique order, so that a page is one index range; DRF's own cursor
counts offsets among equal values and breaks beyond a thousand of them (a batch of postings has one `occurred_at`).
"""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django.db.models import CharField, CompositePrimaryKey, DateTimeField, Field, IntegerField, Q, QuerySet
from rest_framework.pagination import BasePagination
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from crs.kernel import reading
from crs.kernel.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.db.models import Model
    from rest_framework.request import Request
    from rest_framework.views import APIView

PAGE_SIZE = 100
PAGE_SIZE_MAX = 1_000
CURSOR = re.compile(r"[A-Za-z0-9_-]{1,2000}")


class PageRefused(Refusal):
    """The cursor, the page size or the ordering is none that this list has."""

    code: ClassVar[str] = "PAGE_REFUSED"
    title: ClassVar[str] = "No such page"
    status: ClassVar[int] = 400


class CursorPages(BasePagination):
    """Keyset pages: `next`, `previous`, `page_size`, `results`.

    The order is the view's `ordering` (a field or a tuple; newest first by default) or the client's `?ordering=` out of
    the view's `ordering_fields`; the primary key is added, so that it is unique. Fields of an ordering are not null.
    """

    def paginate_queryset(  # type: ignore[override]  # a cursor needs an order: no plain sequences
        self, queryset: QuerySet[Any], request: Request, view: APIView | None = None
    ) -> list[Any]:  # Any: rows of any model
        self.request = request
        self.size = _size(request)
        self.order = _order(request, view, queryset.model)
        back, place = _read(request, self.order, queryset.model)
        walked = _turned(self.order) if back else self.order
        rows = queryset.order_by(*walked)
        if place is not None:
            rows = rows.filter(_beyond(walked, place))
        found = list(rows[: self.size + 1])
        more, page = len(found) > self.size, found[: self.size]
        if back:
            page.reverse()
        # Walking back we came from a later page; walking on, from an earlier one.
        self.next = self._url(page[-1], back=False) if page and (more or back) else None
        self.previous = self._url(page[0], back=True) if page and (place is not None and (more or not back)) else None
        return page

    def get_paginated_response(self, data: Any) -> Response:
        return Response(
            {"next": self.next, "previous": self.previous, "page_size": self.size, "results": data},
        )

    def get_paginated_response_schema(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        url = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["next", "previous", "page_size", "results"],
            "properties": {
                "next": url,
                "previous": url,
                "page_size": {"type": "integer"},
                "results": schema,
            },
        }

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        fields = tuple(getattr(view, "ordering_fields", ()))
        choices = [sign + field for field in fields for sign in ("", "-")]
        size = {"type": "integer", "minimum": 1, "maximum": PAGE_SIZE_MAX, "default": PAGE_SIZE}
        parameters = [
            {
                "name": "cursor",
                "in": "query",
                "schema": {"type": "string", "pattern": f"^{CURSOR.pattern}$"},
                "description": "Opaque: from next, previous",
            },
            {"name": "page_size", "in": "query", "schema": size},
        ]
        ordering = {"name": "ordering", "in": "query", "schema": {"type": "string", "enum": choices}}
        return [*parameters, ordering] if choices else parameters

    def _url(self, row: Model, *, back: bool) -> str:
        place = [_plain(_value(row, field)) for field in self.order]
        text = json.dumps([int(back), *place], separators=(",", ":"))
        cursor = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
        return replace_query_param(self.request.build_absolute_uri(), "cursor", cursor)


def _size(request: Request) -> int:
    text = request.query_params.get("page_size", str(PAGE_SIZE))
    try:
        size = reading.whole(text, most=PAGE_SIZE_MAX)
    except ValueError:
        size = 0
    if not size:
        raise PageRefused(f"page_size is a whole number from 1 to {PAGE_SIZE_MAX}", pointer="/page_size")
    return size


def _order(request: Request, view: APIView | None, model: type[Model]) -> tuple[str, ...]:
    own = getattr(view, "ordering", ("-id",))
    order: tuple[str, ...] = (own,) if isinstance(own, str) else tuple(own)
    if asked := request.query_params.get("ordering"):
        allowed = tuple(getattr(view, "ordering_fields", ()))
        if asked.removeprefix("-") not in allowed:
            raise PageRefused(
                f"ordering is one of {', '.join(allowed) or 'none'}, with - for descending", pointer="/ordering"
            )
        order = (asked,)
    key = model._meta.pk
    assert key is not None
    if {"pk", key.name} & {field.removeprefix("-") for field in order}:
        return order
    if isinstance(key, CompositePrimaryKey):  # its parts are the unique order
        assert {str(field.attname) for field in key.fields if isinstance(field, Field)} <= {
            field.removeprefix("-") for field in order
        }
        return order
    return (*order, f"-{key.name}" if order[-1].startswith("-") else key.name)


def _read(
    request: Request, order: Sequence[str], model: type[Model]
) -> tuple[bool, list[Any] | None]:  # Any: field values
    """Return (walking back?, place of the last row shown) of the cursor."""
    cursor = request.query_params.get("cursor")
    if not cursor:
        return False, None
    try:
        side, *said = _said(cursor)
        place = [_placed(_field(model, field), value) for field, value in zip(order, said, strict=True)]
    except (ValueError, RecursionError) as error:  # also broken base64, what is no UTF-8, and nothing at all
        raise PageRefused("the cursor is none of this list and ordering", pointer="/cursor") from error
    return side == 1, place


def _said(cursor: str) -> list[Any]:  # Any: JSON
    """Return what a cursor says: on which side of the place the page lies (1 is before it), and the place."""
    if not CURSOR.fullmatch(cursor):
        raise ValueError("no cursor has such characters")
    said = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    if not isinstance(said, list) or not said or type(said[0]) is not int or said[0] not in (0, 1):
        raise ValueError("no cursor of ours")
    return said


def _placed(field: Any, value: object) -> datetime | int | str:  # Any: django-stubs types fields by their values
    """Return one part of a place as `_plain` wrote it. Raises `ValueError`."""
    kind = getattr(field, "target_field", field)  # of a relation, what its column holds
    if isinstance(kind, DateTimeField) and isinstance(value, str):
        return reading.moment(value)
    if isinstance(kind, IntegerField) and type(value) is int and abs(value) <= reading.BIGINT_MAX:
        return value
    if isinstance(kind, CharField) and isinstance(value, str) and b"\0" not in value.encode():
        return value
    raise ValueError("no value of this field")


def _beyond(order: Sequence[str], place: Sequence[Any]) -> Q:
    """Return the rows after `place`: first field further, or equal and the second further, …"""
    beyond = Q()
    equal = Q()
    for field, value in zip(order, place, strict=True):
        name = field.removeprefix("-")
        further = Q(**{f"{name}__{'lt' if field.startswith('-') else 'gt'}": value})
        beyond |= equal & further
        equal &= Q(**{name: value})
    return beyond


def _turned(order: Sequence[str]) -> tuple[str, ...]:
    return tuple(field[1:] if field.startswith("-") else f"-{field}" for field in order)


def _field(model: type[Model], path: str) -> Any:  # Any: django-stubs types fields by their values
    """Return the field at a path such as `-account__code`."""
    *relations, last = path.removeprefix("-").split("__")
    for relation in relations:
        related = model._meta.get_field(relation).related_model
        assert isinstance(related, type)
        model = related
    return model._meta.pk if last == "pk" else model._meta.get_field(last)


def _value(row: Any, path: str) -> Any:
    for name in path.removeprefix("-").split("__"):
        row = getattr(row, name)
    return row


def _plain(value: object) -> str | int:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value if type(value) is int else str(value)
