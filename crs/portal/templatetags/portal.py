"""Which words do templates have for figures, states and charts? All of them say it through `crs.kernel.display`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from django import template
from django.db.models import Model
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from crs.kernel import display
from crs.kernel.money import EXACT, Amount, Asset
from crs.portal import book
from execution.rules.facts import CASH_DECIMALS, LOT_DECIMALS
from ledger import queries as ledger_queries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.contrib.admin.views.main import ChangeList
    from django.db.models.options import Options

    from crs.kernel.admin import ReadOnlyAdmin

register = template.Library()

register.simple_tag(book.account_lines)
register.simple_tag(book.fill_traces)
register.simple_tag(book.journal_legs)
register.simple_tag(book.session_story)
register.simple_tag(ledger_queries.evidence_of, name="journal_evidence")
register.simple_tag(display.amount, name="amount")
register.simple_tag(display.code, name="code")
register.simple_tag(display.decimal, name="number")
register.simple_tag(display.icon, name="icon")
register.simple_tag(display.moment, name="moment")
register.simple_tag(display.status, name="status")

# A bar is 125 wide and its limit stands at 100, so that passing it is seen; the thin tick warns.
BAR_WIDTH = 125
WARN_PERCENT = 80


# The names of execution.rules.gate.RULES as people say them; a rule without a word is shown by its name.
RULE_WORDS = {
    "kill_switch_copy": _("Halts are known"),
    "kill_switch": _("No kill switch engaged"),
    "epoch": _("Newest epoch"),
    "mode": _("Mode allows new risk"),
    "market_hours": _("Market is open"),
    "account_identity": _("It is the right account"),
    "symbol_active": _("Symbol is active"),
    "volume_min": _("Not below the smallest volume"),
    "volume_step": _("A whole number of volume steps"),
    "volume_max": _("Not above the largest volume"),
    "stops_level": _("Stops are far enough"),
    "unknown_orders": _("No order of unknown outcome"),
    "stale_tick": _("Price is fresh"),
    "duplicate": _("No duplicate"),
    "price_collar": _("Price is inside the collar"),
    "notional_max": _("Value is inside the limit"),
    "session_loss": _("Loss of the session is inside the limit"),
}


@register.filter
def rule_word(name: str) -> Any:
    """Return a rule of the gate in words."""
    return RULE_WORDS.get(name, name)


# What the figures of a rule count, as the gate states it; "cash" is the currency of the account.
RULE_UNITS = {
    "kill_switch_copy": "ms",
    "account_identity": "ms",
    "stale_tick": "ms",
    "volume_min": _("lots"),
    "volume_step": _("lots"),
    "volume_max": _("lots"),
    "price_collar": _("bp"),
    "notional_max": "cash",
    "session_loss": "cash",
}


@register.simple_tag
def rule_figure(rule: dict[str, str], field: str, currency: str) -> SafeString:
    """Return one figure of a rule's verdict with its unit and without padding; a moment and a word stay as they are."""
    text = rule.get(field) or ""
    if not text:
        return display.nothing()
    try:
        value = Decimal(text)
    except InvalidOperation:
        return _moment_or_word(text)
    unit = RULE_UNITS.get(rule["name"], "")
    places = max(2 if unit == "cash" else 0, -int(value.normalize(EXACT).as_tuple().exponent))
    figure = display.decimal(value, places=places)
    return format_html("{}<small> {}</small>", figure, currency if unit == "cash" else unit) if unit else figure


def _moment_or_word(text: str) -> SafeString:
    try:
        return display.moment(datetime.fromisoformat(text))
    except ValueError:
        return format_html("{}", text)


@register.simple_tag
def spark(
    values: Sequence[Any], *, label: str = "", baseline: Any = None, kind: str = "", height: int = 28
) -> SafeString:
    """Draw a level over time as a line of `values`; under two values there is nothing to draw and "—" is shown.

    Drawn with attributes alone, so that the strict policy does not touch it. `baseline` is a dotted level.
    """
    if len(values) < 2:
        return display.nothing()
    levels = [float(value) for value in values]
    base = None if baseline is None else float(baseline)
    low, high = min(levels + ([] if base is None else [base])), max(levels + ([] if base is None else [base]))
    span, width = (high - low) or 1.0, 320

    def y(level: float) -> float:
        return round(height - 3 - (level - low) * (height - 6) / span, 1) if high > low else height / 2

    points = " ".join(f"{round(i * width / (len(levels) - 1), 1)},{y(level)}" for i, level in enumerate(levels))
    parts = [format_html('<polygon class="spark-fill" points="0,{} {} {},{}"/>', height, points, width, height)]
    if base is not None:
        parts.append(format_html('<line class="spark-base" x1="0" x2="{}" y1="{}" y2="{}"/>', width, y(base), y(base)))
    parts.append(format_html('<polyline class="spark-line" points="{}"/>', points))
    return format_html(
        '<svg class="spark{}" viewBox="0 0 {} {}" preserveAspectRatio="none" {}>{}</svg>',
        f" spark-{kind}" if kind else "",
        width,
        height,
        format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"'),
        mark_safe("".join(parts)),  # noqa: S308 — escaped piece by piece above
    )


@register.simple_tag
def limit(percent: float, *, label: str = "", warn: float = WARN_PERCENT) -> SafeString:
    """Draw how much of a limit is used, `percent` of it; the limit itself stands at four fifths of the width."""
    tone = "bad" if percent >= 100 else "warn" if percent >= warn else "ok"
    return format_html(
        '<svg class="lim lim-{}" viewBox="0 0 {} 8" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<rect class="lim-bg" width="{}" height="8"/><rect class="lim-v" width="{}" height="8"/>'
        '<rect class="lim-w" x="{}" width=".8" height="8"/><rect class="lim-x" x="99.4" width="1.6" height="8"/></svg>',
        tone,
        BAR_WIDTH,
        label or f"{percent:.0f} %",
        BAR_WIDTH,
        f"{min(max(percent, 0), BAR_WIDTH):.2f}",
        warn,
    )


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a row's page: one sentence, and the tone and shape of its state."""

    sentence: str
    tone: str
    icon: str


@register.simple_tag
def page_head(model_admin: ReadOnlyAdmin, row: Any) -> Head:
    """Return the head of the page of `row`."""
    state = display.STATUS.get(model_admin.tone(row))
    return Head(model_admin.sentence(row), state.tone if state else "none", state.icon if state else "info")


@register.simple_tag
def list_totals(changes: ChangeList) -> Sequence[tuple[Any, SafeString]]:
    """Return the figures of the last line of a list: sums over every row that its filters leave."""
    model_admin = changes.model_admin
    return model_admin.totals(changes.queryset) if hasattr(model_admin, "totals") else ()


@register.filter
def is_figure(name: str) -> bool:
    """Return whether a column holds figures, which stand flush right."""
    return name.startswith("amount") or name.endswith(("_amount", "_number"))


# Steps of a stop as execution.operations.halting names them in the receipt; what follows a colon is a gateway.
STEP_WORDS = {
    "new risk refused": _("New risk refused"),
    "gateway told": _("Gateway told"),
    "asked again: nothing left": _("Asked again: nothing left"),
    "asked again": _("Asked again: something is left"),
    "no gateway is covered": _("No gateway is covered"),
    "released": _("Released"),
}


@register.filter
def step_word(name: str) -> str:
    """Return a step of a stop in words, with the gateway it is about."""
    if name in STEP_WORDS:
        return str(STEP_WORDS[name])
    word, colon, where = name.partition(": ")
    return f"{STEP_WORDS.get(word, word)}{' · ' if colon else ''}{where}"


@register.filter
def milliseconds(ms: int) -> str:
    """Return a duration: whole milliseconds below a second, otherwise seconds with one place."""
    return f"{ms} ms" if ms < 1000 else f"{ms / 1000:.1f} s"


@register.simple_tag
def lots(units: int, *, signed: bool = False) -> SafeString:
    """Return lots of 10⁻⁸ as venues write them: two places, more only when there are more."""
    value = EXACT.divide(Decimal(units), Decimal(10**LOT_DECIMALS)).normalize(EXACT)
    return display.decimal(value, places=max(2, -int(value.as_tuple().exponent)), signed=signed)


@register.simple_tag
def cash(units: int | None, currency: str) -> SafeString:
    """Return money of a venue account with sign, arrow and colour; nothing at all is "—"."""
    if not units:
        return display.nothing()
    return display.amount(Amount(Asset(currency, CASH_DECIMALS), units), signed=True, tone=True)


@register.simple_tag
def price(value: Decimal) -> SafeString:
    """Return a price without the zeros that its column pads it with, but for two places: prices stand in columns."""
    return display.decimal(value, places=max(2, -int(value.normalize(EXACT).as_tuple().exponent)))


@register.filter
def percent_words(percent: float) -> str:
    """Return how much of a limit is used, in words for who hears the page."""
    return str(_("%(percent)d %% of the limit")) % {"percent": percent}


@register.filter
def row_name(row: Any) -> str:
    """Return what the page of a row is called: its own name, or its noun and number."""
    if isinstance(row, Model) and type(row).__str__ is Model.__str__:
        return capfirst(f"{gettext(str(row._meta.verbose_name))} {row.pk}")
    name = str(row)
    return capfirst(name) if name.partition(" ")[0].isalpha() else name  # a code is written as it is


@register.simple_tag
def list_name(opts: Options[Any], groups: Sequence[dict[str, Any]] | None) -> str:
    """Return what a list is called: as in the sidebar where it stands there, otherwise as its model is called."""
    active = (item["title"] for group in groups or () for item in group["items"] if item.get("active"))
    return str(next(active, "")) or capfirst(gettext(str(opts.verbose_name_plural)))


@register.filter
def grouped(count: int) -> str:
    """Return a whole number with comma groups, as amounts have them in both languages."""
    return f"{count:,}"


@register.filter
def said(words: Any) -> str:
    """Return words that a model states in plain English, in the reader's language (crs/portal/words.py, FIELDS)."""
    return gettext(str(words)) if words else ""
