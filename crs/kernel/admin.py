"""What does an admin page of ours allow? Looking. Everything else is a button that calls one operation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.admin import ShowFacets

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as TypedModelAdmin
    from django.contrib.admin import TabularInline as TypedTabularInline
    from django.db.models import Model
    from django.http import HttpRequest

    # unfold publishes no types; its classes are Django's with another look.
    ModelAdmin = TypedModelAdmin[Model]
    TabularInline = TypedTabularInline[Model, Model]
else:
    from unfold.admin import ModelAdmin, TabularInline


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


class ReadOnlyAdmin(_ReadOnly, ModelAdmin):
    """A list and a page per row that every signed-in member of staff may read, and nobody may edit.

    Amount columns are named `amount…` or end in `_amount`, prices and quantities in `_number`: the style sheet sets
    them flush right. Cells come from `crs.kernel.display`.
    """

    actions = ()
    list_per_page = 25
    list_max_show_all = 100
    list_filter_submit = True
    list_fullwidth = True
    show_full_result_count = False
    show_facets = ShowFacets.NEVER


class ReadOnlyInline(_ReadOnly, TabularInline):
    """Rows shown on the page of the row that owns them, such as the postings of a journal."""

    extra = 0
    max_num = 0
    can_delete = False
    show_change_link = False
