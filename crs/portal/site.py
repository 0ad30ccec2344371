"""What does every page show around its own content? Who one is, what is stopped, and which clock runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import admin
from django.templatetags.static import static
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from approvals import queries
from approvals.rules.roles import Act
from crs.portal import permit
from strategies import queries as strategies_queries

if TYPE_CHECKING:
    from django.http import HttpRequest

    from approvals.rules.halts import Halt
    from strategies.queries import VenueClock

PROFIT_COOKIE = "crs_profit"
PROFIT_COLOURS = ("green", "red", "neutral")  # the colour of a gain
SHORTCUTS_COOKIE = "crs_shortcuts"


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around a page; `halts` are the engaged kill switches, the widest scope first."""

    roles: tuple[str, ...]
    may_stop: bool
    may_make_keys: bool
    halts: tuple[Halt, ...]
    clock: VenueClock | None
    profit_colour: str
    shortcuts: bool

    @property
    def halts_more(self) -> int:
        """How many halts the bar only counts."""
        return len(self.halts) - 1


def frame(request: HttpRequest) -> dict[str, Any]:
    """Return what every page carries: unfold's GLOBAL_CALLBACK. The sign-in page carries nothing."""
    if not admin.site.has_permission(request):
        return {"portal": None}
    return {
        "portal": Frame(
            roles=tuple(permit.words(permit.held(request))),
            may_stop=permit.may(request, Act.ENGAGE),
            may_make_keys=permit.may(request, Act.KEYS),
            halts=halts(request),
            clock=strategies_queries.venue_clock(),
            profit_colour=profit_colour(request),
            shortcuts=request.COOKIES.get(SHORTCUTS_COOKIE) != "off",
        )
    }


def halts(request: HttpRequest) -> tuple[Halt, ...]:
    """Return what stands still, read once per request."""
    if not hasattr(request, "_crs_halts"):
        request._crs_halts = queries.halts().engaged  # type: ignore[attr-defined]  # kept on the request
    engaged: tuple[Halt, ...] = request._crs_halts  # type: ignore[attr-defined]  # as above
    return engaged


def environment(_request: HttpRequest) -> tuple[Any, str]:
    """Return the word and the tone that say where one is: unfold's ENVIRONMENT."""
    return {
        "demo": (_("DEMO"), "warning"),
        "staging": (_("STAGING"), "info"),
        "production": (_("PROD"), "danger"),
    }[settings.CRS_ENV]


def title_prefix(request: HttpRequest) -> str:
    """Return the environment as it stands before every title: unfold's ENVIRONMENT_TITLE_PREFIX."""
    return f"{environment(request)[0]} ·"


def style_sheet(_request: HttpRequest) -> str:
    """Return the address of our style sheet, which the theme loads before its own."""
    return static("crs/portal.css")


def script(_request: HttpRequest) -> str:
    """Return the address of our script."""
    return static("crs/portal.js")


def favicon(_request: HttpRequest) -> str:
    """Return the address of the mark."""
    return static("crs/favicon.svg")


def profit_colour(request: HttpRequest) -> str:
    """Return the colour of a gain: the reader's choice, otherwise red in Chinese (红涨绿跌) and green elsewhere."""
    chosen = request.COOKIES.get(PROFIT_COOKIE, "")
    if chosen in PROFIT_COLOURS:
        return chosen
    return "red" if (get_language() or "").startswith("zh") else "green"
