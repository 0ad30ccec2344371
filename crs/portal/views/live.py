"""What has changed since the page was opened? Parts of pages, polled with ETag."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.views.decorators.http import require_GET

from crs.portal import cockpit as cockpit_page
from crs.portal import pages, permit, site

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@require_GET
@permit.fragment
def bar(request: HttpRequest) -> HttpResponse:
    """Return the red bar of whatever is stopped."""
    halts = site.halts(request)
    return pages.fragment(request, "crs/bar.html", portal={"halts": halts, "halts_more": len(halts) - 1})


@require_GET
@permit.fragment
def cockpit(request: HttpRequest) -> HttpResponse:
    """Return the cockpit without its frame."""
    return pages.fragment(request, "crs/cockpit_live.html", **cockpit_page.facts(request))
