"""Who may press what here? A button that a role may not press is not drawn; its address answers 403 with who may."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib.auth.views import redirect_to_login
from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from approvals.operations import keys
from approvals.rules import roles
from crs.kernel import clock
from crs.kernel.actor import Actor
from crs.portal import pages

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase
    from django.utils.functional import _StrPromise

    from approvals.rules.roles import Act

# Fields of the stop page that survive a sign-in in between.
KEPT = ("scope", "positions", "reason", "note")

ROLE_WORDS: dict[str, _StrPromise] = {
    "viewer": _("viewer"),
    "operator": _("operator"),
    "risk": _("risk"),
    "finance": _("finance"),
    "security": _("security"),
    "administrator": _("administrator"),
}


def held(request: HttpRequest) -> frozenset[str]:
    """Return the roles of whoever asks, read once per request."""
    if not hasattr(request, "_crs_roles"):
        user = request.user
        names = user.groups.values_list("name", flat=True) if user.is_authenticated else ()
        request._crs_roles = frozenset(names) & frozenset(roles.ROLES)  # type: ignore[attr-defined] # kept on the request
    kept: frozenset[str] = request._crs_roles  # type: ignore[attr-defined] # as above
    return kept


def may(request: HttpRequest, act: Act) -> bool:
    """Return whether the person of `request` may do `act`."""
    return roles.allows(held(request), act)


def words(names: frozenset[str]) -> list[str]:
    """Return role names in the reader's language, in the order of the matrix."""
    return [str(ROLE_WORDS[name]) for name in roles.ROLES if name in names]


def refused(request: HttpRequest, act: Act) -> HttpResponse:
    """Return the 403 page: which roles this takes, and which ones the reader has. The attempt is evidence."""
    keys.record_denied(
        actor=Actor("person", request.user.get_username()),
        wanted=str(act),
        method=request.method or "",
        path=request.path,
        at=clock.now(),
    )
    facts = {"who": words(roles.MATRIX[act]), "held": words(held(request))}
    return pages.render(request, "crs/refused.html", title=_("Not permitted"), status=403, **facts)


def signed_in(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Let members of staff in; everybody else signs in first and comes back to this address with its query."""

    @never_cache
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not (request.user.is_active and request.user.is_staff):
            return redirect_to_login(_address(request))
        return view(request, *args, **kwargs)

    return guarded


def _address(request: HttpRequest) -> str:
    """Return where to come back to: for a form, its page with what was already chosen, but never a confirmation."""
    if request.method != "POST":
        return request.get_full_path()
    chosen = {name: value for name, value in request.POST.items() if name in KEPT and value}
    return f"{request.path}?{urlencode(chosen)}" if chosen else request.path


def fragment(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Let members of staff in; a page that polls without a sign-in is told 401 and shows that it is not live."""

    @never_cache
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not (request.user.is_active and request.user.is_staff):
            return HttpResponse(status=401)
        return view(request, *args, **kwargs)

    return guarded


def allowed(act: Act) -> Callable[[Callable[..., HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Let in who may do `act`; other members of staff read who may, and nobody else learns that the page exists."""

    def decorate(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @signed_in
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            return view(request, *args, **kwargs) if may(request, act) else refused(request, act)

        return guarded

    return decorate
