"""Is the machine well? The same parts as `/readyz`, with what is real and what stands in for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from crs.portal import machine, pages, permit

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@require_GET
@permit.signed_in
def page(request: HttpRequest) -> HttpResponse:
    """Show every part, every sign of life and every integration."""
    return pages.render(request, "crs/health.html", title=_("Health"), **machine.facts())


@require_GET
@permit.fragment
def live(request: HttpRequest) -> HttpResponse:
    """Return the changing part of the page."""
    return pages.fragment(request, "crs/health_live.html", **machine.facts())
