"""What stops, what stays, and how do I do it now? Own pages under the strict policy; they work with scripts off."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from approvals.operations import killswitch
from approvals.rules import scope as scopes
from approvals.rules.halts import POSITIONS_BY_KIND
from approvals.rules.roles import MATRIX, Act
from approvals.rules.scope import GLOBAL, Scope
from crs.kernel import clock, reading
from crs.kernel.actor import Actor
from crs.kernel.refusal import Refusal
from crs.portal import halting, pages, permit, reach, site

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest, HttpResponse

    from approvals.rules.halts import Positions

# The words go into the evidence in English; the page shows them in the reader's language.
REASONS: Final = {
    "Orders run away": gettext_lazy("Orders run away"),
    "Prices look wrong": gettext_lazy("Prices look wrong"),
    "Venue outage": gettext_lazy("Venue outage"),
    "Key may be leaked": gettext_lazy("Key may be leaked"),
    "Book and venue disagree": gettext_lazy("Book and venue disagree"),
    "Drill": gettext_lazy("Drill"),
}
NOTE_LENGTH_MAX = 400


@dataclass(frozen=True, slots=True)
class Form:
    """What was chosen on the stop page, as it came; `fault` says what of it the page does not offer."""

    scope: Scope
    positions: Positions
    reason: str
    note: str
    fault: str = ""

    @classmethod
    def read(cls, data: Mapping[str, str]) -> Form:
        """Read the fields. Of what is unreadable the page shows the usual: it must come in any case.

        Whoever sends the form is told instead: GLOBAL in the place of a scope that nobody can read would stop more than
        he asked for.
        """
        fault = ""
        try:
            scope = scopes.parse(data.get("scope", ""))
        except scopes.ScopeMalformed:
            scope, fault = GLOBAL, _("Nothing was stopped: choose what to stop.")
        asked = data.get("positions", "")
        if asked not in ("", "KEEP", "CLOSE"):
            fault = fault or _("Nothing was stopped: choose whether positions are closed or kept.")
        usual = POSITIONS_BY_KIND[scope.kind]
        return cls(
            scope=scope,
            positions="CLOSE" if asked == "CLOSE" else "KEEP" if asked == "KEEP" else usual,
            reason=data.get("reason", "") if data.get("reason", "") in REASONS else "",
            note=data.get("note", "").strip()[:NOTE_LENGTH_MAX],
            fault=fault,
        )

    @property
    def words(self) -> str:
        """The reason as it stands in the evidence."""
        return ": ".join(part for part in (self.reason, self.note) if part)


def person(request: HttpRequest) -> Actor:
    """Return whoever is signed in as an actor."""
    return Actor("person", request.user.get_username())


@require_http_methods(["GET", "POST"])
@permit.allowed(Act.ENGAGE)
def stop(request: HttpRequest) -> HttpResponse:
    """Show what a stop would reach, or stop it: block first, then cancel, then close."""
    if request.method == "GET":
        return _stop_page(request, Form.read(request.GET))
    form = Form.read(request.POST)
    if form.fault:
        return _stop_page(request, form, wrong=form.fault, status=422)
    if not form.reason:
        return _stop_page(request, form, wrong=_("Choose a reason."), status=422)
    if not request.POST.get("sure"):
        return _stop_page(request, form, wrong=_("Tick the box: yes, stop this now."), status=422)
    try:
        engaged = killswitch.engage(
            scope=form.scope,
            positions=form.positions,
            reason=form.words,
            actor=person(request),
            at=clock.now(),
            request_id=request.POST.get("key", "")[:64],
        )
    except Refusal as refusal:
        return _stop_page(request, form, wrong=refusal.detail, status=refusal.status)
    halting.begin(engaged, actor=person(request), at=clock.now())
    return redirect("kill-progress", engaged.halt.epoch)


def _stop_page(request: HttpRequest, form: Form, *, wrong: str = "", status: int = 200) -> HttpResponse:
    halts = site.halts(request)
    preview = reach.preview(asked=form.scope, halts=halts)
    return pages.render(
        request,
        "crs/kill.html",
        title=_("Stop trading"),
        status=status,
        is_stop_page=True,
        preview=preview,
        chosen=preview.chosen(form.scope),
        engaged=next((halt for halt in halts if halt.scope.key == form.scope.key), None),
        positions=form.positions,
        reason=form.reason,
        reasons=REASONS.items(),
        note=form.note,
        wrong=wrong,
        key=uuid.uuid4(),
    )


@require_GET
@permit.signed_in
def progress(request: HttpRequest, epoch: int) -> HttpResponse:
    """Show what has stopped and what is left; every member of staff may read it."""
    return _progress_page(request, epoch)


@require_GET
@permit.fragment
def progress_live(request: HttpRequest, epoch: int) -> HttpResponse:
    """Return the changing part of the progress page."""
    story = _story(epoch)
    response = pages.fragment(request, "crs/kill_live.html", story=story)
    if story.is_over:
        response["X-CRS-Done"] = "1"
    return response


def _story(epoch: int) -> halting.Story:
    story = halting.story(epoch)
    if story is None:
        raise Http404
    return story


def _progress_page(request: HttpRequest, epoch: int, *, wrong: str = "", status: int = 200) -> HttpResponse:
    story = _story(epoch)
    me = str(person(request))
    is_own = story.release is not None and story.release.requested_by == me
    return pages.render(
        request,
        "crs/kill_progress.html",
        title=_("Stopped") if story.is_engaged else _("Released"),
        status=status,
        wrong=wrong,
        story=story,
        may_ask=permit.may(request, Act.PROPOSE),
        may_confirm=permit.may(request, Act.VOTE) and not is_own,
        is_own_request=is_own,
        who_asks=permit.words(MATRIX[Act.PROPOSE]),
        who_confirms=permit.words(MATRIX[Act.VOTE]),
    )


@require_POST
@permit.allowed(Act.PROPOSE)
def ask_release(request: HttpRequest, epoch: int) -> HttpResponse:
    """Ask to let the scope trade again; a second person confirms."""
    story = _story(epoch)
    try:
        killswitch.request_release(
            scope=story.scope,
            cause=request.POST.get("cause", ""),
            remedy=request.POST.get("remedy", ""),
            actor=person(request),
            at=clock.now(),
        )
    except Refusal as refusal:
        return _progress_page(request, epoch, wrong=refusal.detail, status=refusal.status)
    messages.success(request, _("Release asked for. Another person confirms it."))
    return redirect("kill-progress", epoch)


@require_POST
@permit.allowed(Act.VOTE)
def confirm_release(request: HttpRequest, epoch: int) -> HttpResponse:
    """Release the scope that somebody else asked to release."""
    try:
        release = reading.whole(request.POST.get("release", ""))
    except ValueError:
        release = 0  # the form names its request; whatever else came is none
    try:
        killswitch.confirm_release(release_id=release, actor=person(request), at=clock.now())
    except Refusal as refusal:
        return _progress_page(request, epoch, wrong=refusal.detail, status=refusal.status)
    messages.success(request, _("Released. Trading may go on here."))
    return redirect("kill-progress", epoch)
