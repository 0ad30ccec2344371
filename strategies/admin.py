"""What did each run do, and does the book agree? Sessions with their reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from approvals.admin import HaltSelected
from crs.kernel import display
from crs.kernel.money import CASH_DECIMALS, Amount, Asset
from strategies.models import Session
from strategies.rules.lifecycle import KILL_SWITCH, SESSION_LOSS

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.utils.safestring import SafeString

# Why a session was stopped from outside, as `strategies.rules.lifecycle` names it.
HALT_WORDS = {SESSION_LOSS: _("it reached its loss limit"), KILL_SWITCH: _("a kill switch was engaged")}


@admin.register(Session)
class SessionAdmin(HaltSelected):
    """One run of trading on a venue account of its own; its page is the report, made to be printed."""

    halts = ("ACCOUNT", "account__code")
    change_form_template = "crs/session.html"
    empty_hint = _("Start one with make session, or manage.py session --symbols BTCUSD.s,ETHUSD.s.")
    list_display = (
        "id",
        "state_word",
        "account",
        "symbol_names",
        "started",
        "ended",
        "result_amount",
        "limit_amount",
        "reconciled",
    )
    list_filter = ("state", "is_demo", "desk")
    list_select_related = ("account", "desk")
    search_fields = ("=id", "account__code")
    ordering = ("-id",)
    fields = (
        "desk",
        "account",
        "started",
        "ended",
        "venue_started",
        "venue_ended",
        "speed",
        "seed",
        "config_version",
        "actor",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).prefetch_related("runs")

    def sentence(self, row: Session) -> str:
        return {
            "OPENING": gettext("The session is being opened at the venue"),
            "RUNNING": gettext("The session is running"),
            "CLOSING": gettext("The session closes its positions"),
            "ENDED": gettext("The session ended flat"),
            "HALTED": gettext("The session was halted: %s") % HALT_WORDS.get(row.halt_reason, row.halt_reason),
            "FAILED": gettext("The session failed: %s") % row.error[:160],
        }[row.state]

    def tone(self, row: Session) -> str:
        return row.state

    @admin.display(description=_("State"), ordering="state")
    def state_word(self, row: Session) -> SafeString:
        return display.status(row.state)

    @admin.display(description=_("Symbols"))
    def symbol_names(self, row: Session) -> str:
        return ", ".join(run.symbol for run in row.runs.all())

    @admin.display(description=_("Started"), ordering="started_at")
    def started(self, row: Session) -> SafeString:
        return display.moment(row.started_at)

    @admin.display(description=_("Ended"), ordering="ended_at")
    def ended(self, row: Session) -> SafeString:
        return display.moment(row.ended_at)

    @admin.display(description=_("Venue clock at the start"))
    def venue_started(self, row: Session) -> SafeString:
        return display.moment(row.venue_started_at)

    @admin.display(description=_("Venue clock at the end"))
    def venue_ended(self, row: Session) -> SafeString:
        return display.moment(row.venue_ended_at)

    @admin.display(description=_("Result"))
    def result_amount(self, row: Session) -> SafeString:
        asset = Asset(row.currency, CASH_DECIMALS)
        if row.report:  # the last mark of a run is older than the closing of its positions
            change = asset.units(row.report["ledger_nav_change"])
        elif None in (row.nav_units, row.opening_equity_units):
            return display.nothing()
        else:
            change = row.nav_units - row.opening_equity_units
        return display.amount(Amount(asset, change), signed=True, tone=True)

    @admin.display(description=_("Loss limit"), ordering="max_loss_units")
    def limit_amount(self, row: Session) -> SafeString:
        return display.amount(Amount(Asset(row.currency, CASH_DECIMALS), row.max_loss_units))

    @admin.display(description=_("Book and venue"))
    def reconciled(self, row: Session) -> SafeString:
        if not row.report:
            return display.nothing()
        return display.status("RECONCILED" if row.report.get("reconciled") else "UNRECONCILED")
