"""How does the portal look to me? Language, theme, the colours of profit, and the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings as django_settings
from django.contrib import messages
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from crs.portal import pages, permit, site

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

COOKIE_AGE_S = 365 * 24 * 3600


@require_http_methods(["GET", "POST"])
@permit.signed_in
def settings(request: HttpRequest) -> HttpResponse:
    """Show the settings, or keep them in this browser."""
    if request.method == "POST":
        response = redirect("me")
        colour = request.POST.get("profit", "")
        chosen = {
            site.PROFIT_COOKIE: colour if colour in site.PROFIT_COLOURS else "",
            site.SHORTCUTS_COOKIE: "" if request.POST.get("shortcuts") else "off",
        }
        for name, value in chosen.items():
            if value:
                response.set_cookie(
                    name, value, max_age=COOKIE_AGE_S, httponly=True, samesite="Lax", secure=django_settings.HARDENED
                )
            else:
                response.delete_cookie(name, samesite="Lax")
        messages.success(request, _("Kept in this browser."))
        return response
    colour = request.COOKIES.get(site.PROFIT_COOKIE, "")
    return pages.render(request, "crs/me.html", title=_("My settings"), colour=colour)
