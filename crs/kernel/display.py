"""How does a figure or a state look to a reader? One place, so that lists, pages and messages never format by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from django.utils.functional import _StrPromise

    from crs.kernel.money import Amount

Tone = Literal["ok", "warn", "bad", "wait", "none"]

NOTHING = "—"
MINUS = "−"

# Places that are always shown; what an asset has beyond them is dimmed, never dropped. Others: two, if they have two.
PLACES = {"BTC": 5, "ETH": 6, "WETH": 6}
PLACES_DEFAULT = 2


@dataclass(frozen=True, slots=True)
class Status:
    """One state as colour, shape and word; `icon` is a symbol of crs/static/crs/icons.svg."""

    tone: Tone
    icon: str
    word: _StrPromise | str


# Note [one vocabulary]: a code means the same on every page, in exports and in messages. `bad` is "act, or halted" and
# nothing else; profit and loss have their own colours. A state machine whose state is missing here fails a tidy test.
STATUS: dict[str, Status] = {
    # nothing to do
    "HEALTHY": Status("ok", "check", _("Healthy")),
    "SAFE": Status("ok", "check", _("Safe")),
    "ACTIVE": Status("ok", "check", _("Active")),
    "NORMAL": Status("ok", "check", pgettext_lazy("mode", "Normal")),
    "DONE": Status("ok", "check", _("Done")),
    "PASS": Status("ok", "check", _("Passed")),
    "ALLOWED": Status("ok", "check", _("Allowed")),
    "FILLED": Status("ok", "check", _("Filled")),
    "MATCH": Status("ok", "check", _("Matched")),
    "RECONCILED": Status("ok", "check", _("Reconciled")),
    "READY": Status("ok", "check", _("Ready")),
    "REAL": Status("ok", "check", _("REAL")),
    "RELEASED": Status("ok", "check", _("Released")),
    # look
    "WARNING": Status("warn", "triangle", _("Warning")),
    "REDUCE_ONLY": Status("warn", "reduce", _("Reduce only")),
    "LATE": Status("warn", "clock", _("Late")),
    "UNKNOWN": Status("warn", "clock", _("Being asked about")),
    "PARTIAL": Status("warn", "half", _("Partly filled")),
    "ASK": Status("warn", "people", _("Needs approval")),
    "PENDING_APPROVAL": Status("warn", "people", _("Needs approval")),
    "VENUE_INITIATED": Status("warn", "triangle", _("Venue's own")),
    "DEMO": Status("warn", "info", _("DEMO")),
    "SYNTHETIC": Status("warn", "wave", _("SYNTHETIC")),
    "REQUESTED": Status("warn", "people", _("Release asked for")),
    # act, or halted
    "CRITICAL": Status("bad", "octagon", _("Critical")),
    "ENGAGED": Status("bad", "stop", _("Engaged")),
    "HALTED": Status("bad", "stop", _("Halted")),
    "FORCE_CLOSE": Status("bad", "stop", _("Closing by force")),
    "FAILED": Status("bad", "cross", _("Failed")),
    "REFUSED": Status("bad", "cross", _("Refused")),
    "REFUSE": Status("bad", "cross", _("Refused")),
    "REJECTED": Status("bad", "cross", _("Rejected by the venue")),
    "MISMATCH": Status("bad", "cross", _("Differs")),
    "BOOK_ONLY": Status("bad", "cross", _("Only in the book")),
    "VENUE_ONLY": Status("bad", "cross", _("Only at the venue")),
    "UNRECONCILED": Status("bad", "cross", _("Not reconciled")),
    "DOWN": Status("bad", "octagon", _("Down")),
    # under way
    "PENDING": Status("wait", "clock", _("Waiting")),
    "NEW": Status("wait", "clock", _("New")),
    "OPENING": Status("wait", "clock", _("Opening")),
    "RUNNING": Status("wait", "spin", _("Running")),
    "SENT": Status("wait", "spin", _("Sent")),
    "CLOSING": Status("wait", "spin", _("Closing")),
    "ENDING": Status("wait", "spin", _("Ending")),
    # at rest
    "NO_DATA": Status("none", "dash", _("No data")),
    "STALE": Status("none", "dash", _("Stale")),
    "MARKET_CLOSED": Status("none", "moon", _("Market closed")),
    "PAUSED": Status("none", "pause", _("Paused")),
    "ENDED": Status("none", "flag", _("Ended")),
    "CANCELLED": Status("none", "cross", _("Cancelled")),
    "EXPIRED": Status("none", "cross", _("Expired")),
    "REVOKED": Status("none", "cross", _("Revoked")),
    "CLOSED": Status("none", "flag", _("Closed")),
    "OFF": Status("none", "pause", _("OFF")),
}


def icon(name: str, size: Literal["", "s", "xl"] = "") -> SafeString:
    """Return one symbol of the sprite; hidden from screen readers, for a word always stands beside it."""
    return format_html(
        '<svg class="ic{}" aria-hidden="true"><use href="{}#{}"/></svg>',
        f" ic-{size}" if size else "",
        static("crs/icons.svg"),
        name,
    )


def status(code: str, text: str = "") -> SafeString:
    """Return a state as colour, shape and word; a code without an entry is shown as it stands, in grey."""
    known = STATUS.get(code) or Status("none", "info", code)
    return format_html('<span class="st st-{}">{}{}</span>', known.tone, icon(known.icon), text or known.word)


def amount(value: Amount | None, *, signed: bool = False, tone: bool = False) -> SafeString:
    """Return an amount with all its digits: comma groups, a true minus, the tail beyond the usual places dimmed.

    `signed` writes a plus too; `tone` adds ▲ ▼ and the reader's colour of profit and loss. None is "—", never 0.
    """
    if value is None:
        return nothing()
    units, decimals, code = value.units, value.asset.decimals, value.asset.code
    places = min(PLACES.get(code, PLACES_DEFAULT), decimals)
    whole, fraction = divmod(abs(units), 10**decimals)
    digits = str(fraction).rjust(decimals, "0") if decimals else ""
    head, tail = digits[:places], digits[places:].rstrip("0")
    sign = MINUS if units < 0 else "+" if signed and units > 0 else ""
    kind, arrow = "", SafeString("")
    if tone and units:
        kind, arrow = (" pnl-loss", icon("down", "s")) if units < 0 else (" pnl-gain", icon("up", "s"))
    return format_html(
        '<span class="num{}" data-copy="{}">{}{}{}{}<abbr>{}</abbr></span>',
        kind,
        str(value),
        arrow,
        f"{sign}{whole:,}",
        f".{head}" if head else "",
        format_html('<span class="tail">{}{}</span>', "" if head else ".", tail) if tail else "",
        code,
    )


def decimal(value: Decimal | None, *, places: int | None = None, signed: bool = False) -> SafeString:
    """Return a price, a quantity or a ratio with the digits it has, or with exactly `places`; None is "—"."""
    if value is None:
        return nothing()
    # The sign is written apart: a typographic minus is no part of Python's format.
    text = f"{abs(value):,.{places}f}" if places is not None else f"{abs(value):,f}"
    sign = MINUS if value < 0 else "+" if signed and value > 0 else ""
    return format_html('<span class="num">{}{}</span>', sign, text)


def moment(at: datetime | None, *, age: bool = False, old: int = 0) -> SafeString:
    """Return a moment as ISO date and time in UTC; with `age`, portal.js shows how long ago it was instead.

    With `old`, an age above so many seconds turns red. The text never contains the present time, so that an unchanged
    fragment stays byte-equal (ETag, 304).
    """
    if at is None:
        return nothing()
    stamp = at.strftime("%Y-%m-%d %H:%M:%S")
    if not age:
        return format_html('<time class="num" datetime="{}">{}</time>', at.isoformat(), stamp)
    return format_html(
        '<time class="num age" datetime="{}" data-at{} title="{} UTC">{}</time>',
        at.isoformat(),
        format_html(' data-old="{}"', old) if old else "",
        stamp,
        stamp[11:],
    )


def duration(seconds: float) -> str:
    """Return a whole duration in its largest unit that leaves no rest: 30 s, 5 min, 1 h, 2 d; below a second in ms."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds % length == 0:
            return f"{seconds // length:.0f} {unit}"
    return f"{seconds:g} s"


def code(text: str, *, short: bool = False) -> SafeString:
    """Return a key, hash or digest in monospace; `short` keeps six and four characters and the whole in its title."""
    if not text:
        return nothing()
    shown = f"{text[:6]}…{text[-4:]}" if short and len(text) > 14 else text
    return format_html('<code class="key" title="{}">{}</code>', text, shown)


def link(name: str, key: object, text: object) -> SafeString:
    """Return a link to the admin page `name` (such as "admin:ledger_journal_change") of the row with this key."""
    return format_html('<a class="cell-link" href="{}">{}</a>', reverse(name, args=[key]), text)


def nothing() -> SafeString:
    """Return the sign for a figure that is missing."""
    return mark_safe(f'<span class="muted">{NOTHING}</span>')  # noqa: S308 — a constant of ours
