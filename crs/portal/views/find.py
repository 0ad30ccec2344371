"""Where is it? One field for every id and key; a single hit opens by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from crs.portal import finding, pages, permit

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@require_GET
@permit.signed_in
def page(request: HttpRequest) -> HttpResponse:
    """Show what the text of the field finds, or go there when it is one row."""
    text = request.GET.get("q", "")
    found = finding.find(text)
    if (hit := finding.only_hit(found)) is not None:
        return redirect(hit.href)
    return pages.render(
        request,
        "crs/find.html",
        title=_("Find"),
        text=text.strip(),
        found=found,
        most=finding.HITS_MAX,
        is_find_page=True,
    )
