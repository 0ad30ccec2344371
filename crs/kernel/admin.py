"""What does an admin page of ours allow? Looking. Everything else is a button that calls one operation."""

from __future__ import annotations

import html
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.contrib.admin import ShowFacets
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import label_for_field, lookup_field
from django.core.exceptions import BadRequest
from django.core.paginator import Paginator as DjangoPaginator
from django.db import DataError, connection
from django.urls import path
from django.utils.functional import cached_property
from django.utils.html import strip_tags

from crs.kernel import sheet
from crs.kernel.display import NOTHING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from django.contrib.admin import ModelAdmin as TypedModelAdmin
    from django.contrib.admin import TabularInline as TypedTabularInline
    from django.contrib.admin.views.main import ChangeList as TypedChangeList
    from django.db.models import Model, QuerySet
    from django.http import HttpRequest, StreamingHttpResponse
    from django.urls import URLPattern
    from django.utils.functional import _StrPromise
    from django.utils.safestring import SafeString

    # unfold publishes no types; its classes are Django's with another look.
    ModelAdmin = TypedModelAdmin[Model]
    TabularInline = TypedTabularInline[Model, Model]
    Paginator = DjangoPaginator[Model]
    ChangeList = TypedChangeList
else:
    from unfold.admin import ModelAdmin, TabularInline
    from unfold.views import ChangeList

    Paginator = DjangoPaginator


ESTIMATE = "SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass"
EXPORT_CHUNK = 500
EXACT_ROWS_MAX = 100_000  # above it a list without filters says about how many rows there are


class LargePaginator(Paginator):
    """Counts exactly what a filter leaves; of a whole large table it says what PostgreSQL estimates."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        if not rows.query.where:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", [rows.model._meta.db_table]
                )
                estimate = int(cursor.fetchone()[0])
            if estimate > EXACT_ROWS_MAX:
                return estimate
        return int(rows.count())


def plain(value: object) -> str:
    """Return a cell of a list as plain text."""
    return "" if value is None else " ".join(html.unescape(strip_tags(str(value).replace("<abbr>", " "))).split())


class _Rows(ChangeList):
    """The rows of a list: what is asked for and cannot be compared leads back to the list, like any other bad filter.

    Such as a year without a calendar, a number that no column holds, or half a regular expression.
    """

    def get_queryset(self, *args: Any, **options: Any) -> QuerySet[Any]:
        with _readable():
            return super().get_queryset(*args, **options)

    def get_results(self, request: HttpRequest) -> None:
        with _readable():
            super().get_results(request)


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError, OverflowError, DataError) as error:  # TypeError: bytes are not compared with text
        raise IncorrectLookupParameters(error) from error


class AnyQuery:
    """Mixed into a page with a list: whatever stands in its address, the answer is a list."""

    def get_changelist(self, *_: object, **__: object) -> type[_Rows]:
        return _Rows


class _ReadOnly:
    """Permissions of a page that only shows: any signed-in member of staff may look, nobody may change."""

    def has_add_permission(self, *_: object) -> bool:
        return False

    def has_change_permission(self, *_: object) -> bool:
        return False

    def has_delete_permission(self, *_: object) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, *_: object) -> bool:
        return request.user.is_active and request.user.is_staff

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and request.user.is_staff


class ReadOnlyAdmin(AnyQuery, _ReadOnly, ModelAdmin):
    """A list and a page per row that every signed-in member of staff may read, and nobody may edit.

    Columns of money are named `amount…` or end in `_amount`, prices and quantities in `_number`: the style sheet sets
    them flush right. Cells come from `crs.kernel.display`.
    """

    actions: Sequence[str] = ()
    list_per_page = 25
    list_max_show_all = 100
    list_filter_submit = True
    list_fullwidth = True
    list_after_template = "crs/list_totals.html"
    paginator = LargePaginator
    show_full_result_count = False
    empty_value_display = NOTHING
    show_facets = ShowFacets.NEVER
    change_form_template = "crs/object.html"
    empty_hint: str | _StrPromise = ""  # what to do when the list has no row at all

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_export"
        return [path("export.csv", self.admin_site.admin_view(self.export), name=name), *super().get_urls()]

    def export(self, request: HttpRequest) -> StreamingHttpResponse:
        """Return every row that the list's filters leave, as CSV with the columns of the list."""
        try:
            changes = self.get_changelist_instance(request)
        except IncorrectLookupParameters as error:
            raise BadRequest("no list is cut like this") from error
        columns = [name for name in self.get_list_display(request) if name != "action_checkbox"]
        rows = changes.get_queryset(request).iterator(chunk_size=EXPORT_CHUNK)
        head = [str(label_for_field(name, self.model, self)) for name in columns]
        lines = ([plain(lookup_field(name, row, self)[2]) for name in columns] for row in rows)
        return sheet.download(str(self.opts.model_name), head, lines)

    def sentence(self, row: Any) -> str | SafeString:  # noqa: ARG002 — subclasses look at the row
        """Return one sentence of what `row` is, for the head of its page; "" draws none."""
        return ""

    def tone(self, row: Any) -> str:  # noqa: ARG002 — subclasses look at the row
        """Return the code of the state that colours the head of the page of `row`; "" leaves it plain."""
        return ""

    def totals(self, rows: QuerySet[Any]) -> Sequence[tuple[str | _StrPromise, SafeString]]:  # noqa: ARG002 — as above
        """Return words and figures for the last line of the list, summed by the database over the filtered rows."""
        return ()


class ReadOnlyInline(_ReadOnly, TabularInline):
    """Rows shown on the page of the row that owns them, such as the postings of a journal."""

    extra = 0
    max_num = 0
    can_delete = False
    show_change_link = False
