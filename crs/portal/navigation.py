"""What stands in the sidebar? The same for everybody and always in the same order; only what exists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib import admin
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from approvals.rules.roles import Act
from crs.portal import permit

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.utils.functional import _StrPromise

Group = dict[str, Any]


def sidebar(request: HttpRequest) -> list[Group]:
    """Return the groups of the sidebar: unfold's SIDEBAR.navigation.

    An entry of a model appears once the model has an admin page; a page of ours appears to whoever may open it.
    """
    top = [_page(_("Cockpit"), "grid", reverse("admin:index"))]
    if permit.may(request, Act.ENGAGE):
        top.append(_page(_("Stop trading"), "stop", reverse("kill")))
    groups = [
        {"title": None, "items": top},
        _group(
            _("Watch"),
            (_("Symbols"), "candles", "guardian.symbol"),
            (_("Sessions"), "flag", "strategies.session"),
            (_("Limits"), "gauge", "approvals.losslimit"),
            (_("Halts"), "octagon", "approvals.killswitch"),
        ),
        _group(
            _("Book"),
            (_("Journals"), "receipt", "ledger.journal"),
            (_("Accounts"), "tree", "ledger.ledgeraccount"),
            (_("NAV"), "line", "ledger.navmark"),
        ),
        _group(
            _("Trade"),
            (_("Intents"), "checks", "execution.intent"),
            (_("Orders"), "swap", "execution.order"),
            (_("Fills"), "check", "execution.fill"),
        ),
        _group(
            _("Govern"),
            (_("Evidence"), "shield", "approvals.auditevent"),
            (_("Venues and accounts"), "venue", "approvals.account"),
            (_("Keys"), "key", "approvals.apikey"),
            (_("People"), "people", "auth.user"),
            (_("Timetable"), "clock", "django_celery_beat.periodictask"),
        ),
    ]
    groups[2]["items"].insert(1, _page(_("Postings"), "rows", reverse("postings")))
    groups[-1]["items"].append(_page(_("Health"), "pulse", reverse("health")))
    return [group for group in groups if group["items"]]


def _page(title: _StrPromise, icon: str, link: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": link}


def _group(title: _StrPromise, *entries: tuple[_StrPromise, str, str]) -> Group:
    items = []
    for word, icon, label in entries:
        app, name = label.split(".")
        if apps.is_installed(app) or app == "auth":
            model = apps.all_models[app].get(name)
            if model is not None and admin.site.is_registered(model):
                items.append(_page(word, icon, reverse(f"admin:{app}_{name}_changelist")))
    return {"title": title, "items": items}
