"""Is this market safe to trade right now? The symbol map with the last tick of each."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING

from django.contrib import admin
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from approvals.admin import HaltSelected
from crs.kernel import clock, display
from crs.kernel.money import EXACT, LOT_DECIMALS
from guardian.models import Symbol
from guardian.rules.freshness import freshness

if TYPE_CHECKING:
    from django.utils.safestring import SafeString


def plain(value: Decimal | None) -> SafeString:
    """Return a figure without the zeros that its column pads it with."""
    return display.decimal(None if value is None else value.normalize(EXACT))


def volume(units: int) -> SafeString:
    """Return a volume in lots."""
    return plain(EXACT.divide(Decimal(units), Decimal(10**LOT_DECIMALS)))


def freshness_of(row: Symbol) -> str:
    """Return whether a symbol ticks now; the clock of a replay goes as fast as the session on its account says."""
    session = getattr(row.account, "trading_session", None)
    return freshness(
        received_at=row.received_at,
        venue_at=row.venue_at,
        sessions=row.sessions,
        at=clock.now(),
        speed=session.speed if session else 1,
    )


@admin.register(Symbol)
class SymbolAdmin(HaltSelected):
    """One symbol on one account: what the venue says of it, and what was last seen."""

    halts = ("SYMBOL", "symbol")
    empty_hint = _("A session registers the symbols that it trades.")
    list_display = (
        "symbol",
        "account",
        "state",
        "bid_number",
        "ask_number",
        "spread_number",
        "tick",
        "venue_time",
        "gaps",
    )
    list_filter = ("is_active", "is_synthetic", "symbol", "account")
    list_select_related = ("account__trading_session",)
    search_fields = ("symbol", "account__code")
    ordering = ("-is_active", "-account", "symbol")
    fieldsets = (
        (
            _("Last tick"),
            {"fields": ("bid_number", "ask_number", "spread_number", "tick", "venue_time", "seq", "gaps", "gap")},
        ),
        (
            _("What the venue says of it"),
            {
                "fields": (
                    "account",
                    "venue_symbol",
                    "digits",
                    "point_number",
                    "contract_number",
                    "volume_min_number",
                    "volume_step_number",
                    "volume_max_number",
                    "stops_level",
                    "base_asset",
                    "quote_asset",
                    "registered",
                )
            },
        ),
        (_("Trading hours"), {"fields": ("hours",), "classes": ("raw",)}),
    )

    def sentence(self, row: Symbol) -> str:
        facts = {"symbol": row.symbol, "account": row.account}
        if freshness_of(row) in ("STALE", "NO_DATA") and row.is_active:
            return gettext("%(symbol)s on %(account)s: no price; new risk is refused until it ticks again") % facts
        if row.is_synthetic:
            return gettext("%(symbol)s on %(account)s: its whole path is invented") % facts
        return gettext("%(symbol)s on %(account)s") % facts

    def tone(self, row: Symbol) -> str:
        state = freshness_of(row) if row.is_active else "ENDED"
        return "SYNTHETIC" if row.is_synthetic and state == "ACTIVE" else state

    @admin.display(description=_("State"), ordering="is_active")
    def state(self, row: Symbol) -> SafeString:
        word = display.status(freshness_of(row) if row.is_active else "ENDED")
        return format_html("{} {}", word, display.status("SYNTHETIC")) if row.is_synthetic else word

    @admin.display(description=_("Bid"))
    def bid_number(self, row: Symbol) -> SafeString:
        return display.decimal(row.bid, places=row.digits)

    @admin.display(description=_("Ask"))
    def ask_number(self, row: Symbol) -> SafeString:
        return display.decimal(row.ask, places=row.digits)

    @admin.display(description=_("Spread, points"))
    def spread_number(self, row: Symbol) -> SafeString:
        if row.bid is None or row.ask is None:
            return display.nothing()
        return display.decimal((row.ask - row.bid) / row.point, places=0)

    @admin.display(description=_("Last tick"), ordering="received_at")
    def tick(self, row: Symbol) -> SafeString:
        return display.moment(row.received_at, age=True)

    @admin.display(description=_("Venue clock"), ordering="venue_at")
    def venue_time(self, row: Symbol) -> SafeString:
        return display.moment(row.venue_at)

    @admin.display(description=_("Last gap"))
    def gap(self, row: Symbol) -> SafeString:
        return display.moment(row.gap_at)

    @admin.display(description=_("Point"))
    def point_number(self, row: Symbol) -> SafeString:
        return plain(row.point)

    @admin.display(description=_("Contract size"))
    def contract_number(self, row: Symbol) -> SafeString:
        return plain(row.contract_size)

    @admin.display(description=_("Smallest volume"))
    def volume_min_number(self, row: Symbol) -> SafeString:
        return volume(row.volume_min)

    @admin.display(description=_("Volume step"))
    def volume_step_number(self, row: Symbol) -> SafeString:
        return volume(row.volume_step)

    @admin.display(description=_("Largest volume"))
    def volume_max_number(self, row: Symbol) -> SafeString:
        return volume(row.volume_max)

    @admin.display(description=_("Registered"))
    def registered(self, row: Symbol) -> SafeString:
        return display.moment(row.registered_at)

    @admin.display(description=_("Hours"))
    def hours(self, row: Symbol) -> str:
        return json.dumps(row.sessions, ensure_ascii=False, indent=1)
