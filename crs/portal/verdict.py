"""Can I sleep? One sentence, from what is stopped, what runs and what needs somebody. Pure: facts in, words out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

RECENT = timedelta(hours=24)  # how long an ended session still asks for a look, when nobody has taken it up
ATTENTION_MAX = 8  # rows that a list shows; the rest is counted
# The order of work: what stands still, what may be wrong with money, what is blind, what waits for a person.
SEVERITY = (
    "ENGAGED",
    "CRITICAL",
    "UNRECONCILED",
    "HALTED",
    "FAILED",
    "UNKNOWN",
    "DOWN",
    "STALE",
    "REQUESTED",
    "WARNING",
)


@dataclass(frozen=True, slots=True)
class Attention:
    """One thing that needs somebody: what, why, since when, and the page that helps."""

    state: str  # a code of the vocabulary
    title: str
    why: str
    since: datetime | None
    action: str
    href: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The first line of the cockpit."""

    tone: str  # ok, warn, bad, none
    icon: str
    sentence: str
    detail: str


def end_needs_somebody(
    *, state: str, is_reconciled: bool, ended_at: datetime, begun_at: datetime | None, at: datetime
) -> str:
    """Return why an ended session still needs somebody, as a code of `SEVERITY`; "" when it does not.

    `begun_at` is when a person last began a session on its desk: whoever begins anew after the end knows of it, so that
    a halt or a failure is dealt with. A difference between book and venue is not: it is about money, and stays.
    """
    if at - ended_at >= RECENT:
        return ""
    if state != "FAILED" and not is_reconciled:
        return "UNRECONCILED"
    is_taken_up = begun_at is not None and begun_at > ended_at
    return state if state in ("HALTED", "FAILED") and not is_taken_up else ""


def ordered(found: Sequence[Attention]) -> list[Attention]:
    """Return the work by severity, the oldest first within one kind."""
    return sorted(found, key=lambda item: (SEVERITY.index(item.state), item.since is None, item.since or 0))


def judge(*, halted: Sequence[str], running: int, attention: Sequence[Attention]) -> Verdict:
    """Return the verdict on the desk; `halted` are the engaged scopes, `running` the sessions that trade."""
    if "GLOBAL" in halted:
        return Verdict("bad", "stop", _("Everything is stopped"), _("No new risk anywhere. Closing always works."))
    if halted:
        words = ngettext("Trading, with one scope stopped", "Trading, with %(n)d scopes stopped", len(halted))
        sentence = words % {"n": len(halted)} if running else _("Stopped in part, and no session is running")
        return Verdict("bad", "stop", sentence, ", ".join(halted))
    serious = [item for item in attention if item.state in SEVERITY[:5]]
    if serious:
        return Verdict("bad", "octagon", serious[0].title, serious[0].why)
    if attention:
        words = ngettext("%(n)d thing needs a look", "%(n)d things need a look", len(attention)) % {"n": len(attention)}
        sentence = _("Trading, and %(words)s") % {"words": words} if running else words
        return Verdict("warn", "triangle", sentence, attention[0].title)
    if not running:
        return Verdict("none", "pause", _("No session is running"), _("Nothing is stopped, and nothing trades."))
    words = ngettext("Trading, and all is well", "Trading in %(n)d sessions, and all is well", running)
    return Verdict("ok", "check", words % {"n": running}, _("Nothing is stopped, nobody waits, every price is fresh."))
