"""Which legs moved what on which account? The postings of the whole book, filtered; nothing here changes one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from crs.kernel import sheet
from crs.kernel.lookup import row_ids
from crs.portal import book, pages, permit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase

FIELDS = ("account", "asset", "since", "until")


@require_GET
@permit.signed_in
def page(request: HttpRequest) -> HttpResponse:
    """Show the postings that the fields of the form leave; a field that cannot be read is said and shows none."""
    form = _form(request)
    try:
        found = book.postings_page(_wanted(form), after=_place(request.GET.get("after", "")))
    except ValueError:
        return _show(request, form, found=None)
    return _show(request, form, found=found)


@require_GET
@permit.signed_in
def export(request: HttpRequest) -> HttpResponseBase:
    """Return what the fields leave as CSV, whole up to a bound, with exact amounts."""
    form = _form(request)
    try:
        wanted = _wanted(form)
    except ValueError:
        return _show(request, form, found=None)
    cut = _("Cut here: %(n)s rows are written, and more match. Ask for one account or a shorter time.")
    return sheet.download(
        "postings", book.LINE_HEAD, book.postings_lines(wanted, cut=cut % {"n": f"{book.EXPORT_ROWS_MAX:,}"})
    )


def _form(request: HttpRequest) -> dict[str, str]:
    return {name: request.GET.get(name, "").strip() for name in FIELDS}


def _show(request: HttpRequest, form: Mapping[str, str], *, found: book.PostingsPage | None) -> HttpResponse:
    asked = {name: value for name, value in form.items() if value}
    return pages.render(
        request,
        "crs/postings.html",
        title=_("Postings"),
        status=400 if found is None else 200,
        form=form,
        found=found,
        wrong="" if found else _("A time is written as 2026-11-20 or 2026-11-20T19:47."),
        is_filtered=bool(asked),
        asked=urlencode(asked),
        most=f"{book.EXPORT_ROWS_MAX:,}",
        is_later=bool(request.GET.get("after")),
        following=urlencode({**asked, "after": "-".join(map(str, found.after))}) if found and found.after else "",
    )


def _wanted(form: Mapping[str, str]) -> book.Wanted:
    return book.Wanted(form["account"], form["asset"].upper(), _moment(form["since"]), _moment(form["until"]))


def _moment(text: str) -> datetime | None:
    """Return the moment that a field holds, in UTC. Raises `ValueError`."""
    if not text:
        return None
    at = datetime.fromisoformat(text)
    try:
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("there is no such moment in the calendar") from error


def _place(text: str) -> tuple[int, int] | None:
    """Return the journal and the leg that a cursor names; one that is none begins at the newest."""
    journal, _dash, leg = text.partition("-")
    place = row_ids(journal) + row_ids(leg)
    return (place[0], place[1]) if len(place) == 2 else None
