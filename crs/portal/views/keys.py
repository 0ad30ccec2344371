"""How does a program get a key? Its secret is shown once, on a page of the strict policy, and kept nowhere."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from approvals import queries
from approvals.operations import keys as operations
from approvals.rules import keys as rules
from approvals.rules.roles import Act
from crs.kernel import clock
from crs.kernel.actor import Actor
from crs.kernel.refusal import Refusal
from crs.portal import pages, permit

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

KIND_WORDS: Final = {
    "ed25519": (gettext_lazy("Ed25519 signature"), gettext_lazy("for everything that moves risk or money")),
    "hmac": (gettext_lazy("HMAC-SHA256 signature"), gettext_lazy("for clients without Ed25519, such as MT5")),
    "bearer": (gettext_lazy("Bearer token"), gettext_lazy("for reading, telemetry and the paper book")),
}
SCOPE_WORDS: Final = {
    "ledger:read": gettext_lazy("read the book"),
    "ledger:write": gettext_lazy("post journals"),
    "telemetry:write": gettext_lazy("report events"),
    "order:propose": gettext_lazy("propose orders"),
    "kill:engage": gettext_lazy("stop trading"),
    "approvals:vote": gettext_lazy("vote on approvals"),
    "evidence:read": gettext_lazy("read the evidence"),
}
DAYS: Final = {
    "30": gettext_lazy("30 days"),
    "90": gettext_lazy("90 days"),
    "365": gettext_lazy("one year"),
    "": gettext_lazy("never"),
}
FORM_KEY = "crs_key_form"  # in the session: which open form may still make a key


@require_http_methods(["GET", "POST"])
@permit.allowed(Act.KEYS)
def new(request: HttpRequest) -> HttpResponse:
    """Show the form, or make the key and show its secret once. A form makes one key, however often it is sent."""
    if request.method == "GET":
        return _form(request, {})
    form = _read(request)
    if request.session.get(FORM_KEY) != request.POST.get("form"):
        messages.warning(request, _("This form was used already; a key is made once."))
        return redirect("admin:approvals_apikey_changelist")
    at = clock.now()
    expires_at = at + timedelta(days=int(form["days"])) if form["days"] else None
    try:
        made = operations.create(
            name=form["name"],
            kind=form["kind"],
            scopes=form["scopes"],
            addresses=form["addresses"].replace(",", " ").split(),
            expires_at=expires_at,
            actor=Actor("person", request.user.get_username()),
            at=at,
            label=rules.LABELS[settings.CRS_ENV],
        )
    except Refusal as refusal:
        return _form(request, form, wrong=refusal.detail, status=refusal.status)
    request.session.pop(FORM_KEY, None)
    return pages.render(
        request,
        "crs/key_shown.html",
        title=_("Key made"),
        made=made.key,
        scopes=[(scope, SCOPE_WORDS[scope]) for scope in rules.SCOPES if scope in made.key.scopes],
        shown=[(name, value) for name, value in made.shown_once.items()],
    )


def _read(request: HttpRequest) -> dict[str, Any]:
    post = request.POST
    return {
        "name": post.get("name", ""),
        "kind": post.get("kind", ""),
        "scopes": post.getlist("scopes"),
        "addresses": post.get("addresses", ""),
        "days": post.get("days", "") if post.get("days", "") in DAYS else "90",
    }


def _form(request: HttpRequest, form: dict[str, Any], *, wrong: str = "", status: int = 200) -> HttpResponse:
    request.session[FORM_KEY] = secrets.token_hex(8)
    return pages.render(
        request,
        "crs/key_new.html",
        title=_("New key"),
        status=status,
        form={"kind": "ed25519", "days": "90", **form},
        wrong=wrong,
        once=request.session[FORM_KEY],
        kinds=[(kind, *KIND_WORDS[kind]) for kind in rules.KINDS],
        scopes=[(scope, SCOPE_WORDS[scope]) for scope in rules.SCOPES],
        days=DAYS.items(),
    )


@require_http_methods(["GET", "POST"])
@permit.allowed(Act.KEYS)
def revoke(request: HttpRequest, key_id: str) -> HttpResponse:
    """Ask why, then end the key for good."""
    key = queries.api_keys().filter(key_id=key_id).first()
    if key is None:
        raise Http404
    wrong = ""
    if request.method == "POST":
        reason = request.POST.get("reason", "").strip()
        if reason:
            try:
                operations.revoke(
                    key_id=key_id,
                    reason=reason,
                    actor=Actor("person", request.user.get_username()),
                    at=clock.now(),
                )
            except operations.KeyUnknown:
                messages.info(request, _("This key was revoked already."))
            else:
                messages.success(request, _("The key is revoked, from the next request on."))
            return redirect("admin:approvals_apikey_changelist")
        wrong = _("Say why.")
    return pages.render(
        request, "crs/key_revoke.html", title=_("Revoke a key"), status=422 if wrong else 200, key=key, wrong=wrong
    )
