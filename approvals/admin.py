"""Whose is it, who may, what stands still, and what happened? Lists to read, with links to the pages that act."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.contrib import admin
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from approvals import queries
from approvals.models import Account, ApiKey, AuditEvent, Desk, KillSwitch, LossLimit
from approvals.rules.roles import Act
from approvals.rules.scope import Scope
from crs.kernel import clock, display
from crs.kernel.admin import ReadOnlyAdmin
from crs.kernel.money import CASH_DECIMALS, Amount, Asset

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.utils.safestring import SafeString

    from approvals.rules.scope import Kind


# A venue replays other days, and who corrects the book tells when it happened: said only where it is another moment.
APART = timedelta(minutes=1)


class HaltSelected(ReadOnlyAdmin):
    """A list whose rows can be stopped: its action leads to the stop page, which shows what that reaches."""

    actions = ("halt",)
    halts: tuple[Kind, str]  # the kind of scope that stops a row, and the row's field with its id

    def has_halt_permission(self, request: HttpRequest) -> bool:
        return queries.may(request.user.get_username(), Act.ENGAGE)

    @admin.action(description=_("Halt selected…"), permissions=["halt"])
    def halt(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        kind, field = self.halts
        scopes = {str(Scope(kind, scope_id)) for scope_id in rows.values_list(field, flat=True)}
        if len(scopes) == 1:
            return HttpResponseRedirect(f"{reverse('kill')}?scope={quote(scopes.pop())}")
        self.message_user(request, gettext("Choose one: every stop says for itself what it reaches."), "warning")
        return None


@admin.register(Account)
class AccountAdmin(HaltSelected):
    """One login of one desk at one venue."""

    halts = ("ACCOUNT", "code")
    list_display = ("code", "desk", "venue", "book_word", "trade_mode_word", "login", "currency", "opened", "closed")
    list_filter = ("desk", "venue", "book", "trade_mode")
    list_select_related = ("desk", "venue")
    search_fields = ("code", "=login")
    ordering = ("-id",)
    empty_hint = _("A session opens its own account at the venue.")
    fieldsets = (
        (None, {"fields": ("desk", "venue", "login", "server", "trade_mode_word", "margin_mode", "book_word")}),
        (None, {"fields": ("currency", "timezone", "opened", "closed")}),
    )

    def sentence(self, row: Account) -> str:
        if row.venue.kind == "HOUSE":
            return gettext("The house account of desk %(desk)s: it stands for the desk itself") % {"desk": row.desk}
        words = gettext("An account of desk %(desk)s at %(venue)s: %(money)s")
        if row.closed_at is not None:
            words = gettext("A closed account of desk %(desk)s at %(venue)s: %(money)s")
        money = gettext("real money") if row.trade_mode == "REAL" else gettext("no real money")
        return words % {"desk": row.desk, "venue": row.venue, "money": money}

    def tone(self, row: Account) -> str:
        return "ACTIVE" if row.closed_at is None else "CLOSED"

    @admin.display(description=_("Book"), ordering="book")
    def book_word(self, row: Account) -> str:
        return row.get_book_display()

    @admin.display(description=_("Real money?"), ordering="trade_mode")
    def trade_mode_word(self, row: Account) -> SafeString:
        return display.status("REAL" if row.trade_mode == "REAL" else "DEMO", row.get_trade_mode_display())

    @admin.display(description=_("Opened"), ordering="opened_at")
    def opened(self, row: Account) -> SafeString:
        return display.moment(row.opened_at)

    @admin.display(description=_("Closed"), ordering="closed_at")
    def closed(self, row: Account) -> SafeString:
        return display.moment(row.closed_at)


@admin.register(Desk)
class DeskAdmin(ReadOnlyAdmin):
    """A unit that owns accounts and strategies."""

    list_display = ("code", "name", "base_currency", "opened")
    search_fields = ("code", "name")

    @admin.display(description=_("Opened"), ordering="opened_at")
    def opened(self, row: Desk) -> SafeString:
        return display.moment(row.opened_at)


@admin.register(KillSwitch)
class HaltAdmin(ReadOnlyAdmin):
    """Every scope that was ever stopped."""

    list_display = (
        "scope_text",
        "state_word",
        "positions_word",
        "epoch",
        "reason",
        "engaged_by",
        "stopped",
        "released",
    )
    list_filter = ("state", "scope_type")
    search_fields = ("scope_id", "reason", "engaged_by")
    ordering = ("state", "-epoch")  # ENGAGED before SAFE
    empty_hint = _("Nothing was ever stopped here. A drill proves that it can be.")
    fields = ("progress", "positions_word", "reason", "engaged_by", "stopped", "released", "released_by")

    def sentence(self, row: KillSwitch) -> SafeString:
        words = gettext("{scope} stands still") if row.state == "ENGAGED" else gettext("{scope} may trade again")
        return format_html(words, scope=row)

    def tone(self, row: KillSwitch) -> str:
        return row.state

    @admin.display(description=_("Scope"), ordering="scope_type")
    def scope_text(self, row: KillSwitch) -> str:
        return str(row.scope)

    @admin.display(description=_("State"), ordering="state")
    def state_word(self, row: KillSwitch) -> SafeString:
        return display.status(row.state)

    @admin.display(description=_("Positions"), ordering="positions")
    def positions_word(self, row: KillSwitch) -> str:
        return row.get_positions_display()

    @admin.display(description=_("Stopped"), ordering="engaged_at")
    def stopped(self, row: KillSwitch) -> SafeString:
        return display.moment(row.engaged_at)

    @admin.display(description=_("Released"), ordering="released_at")
    def released(self, row: KillSwitch) -> SafeString:
        return display.moment(row.released_at)

    @admin.display(description=_("Progress and release"))
    def progress(self, row: KillSwitch) -> SafeString:
        return display.link("kill-progress", row.epoch, gettext("epoch %d") % row.epoch)


@admin.register(LossLimit)
class LossLimitAdmin(ReadOnlyAdmin):
    """How much an account may lose; it may be lowered, never raised."""

    list_display = ("account", "kind", "limit_amount", "opening_amount", "set_time", "set_by")
    list_filter = ("kind", "desk")
    list_select_related = ("account",)
    search_fields = ("account__code",)
    ordering = ("-id",)
    empty_hint = _("A session sets its own limit when it starts: manage.py session --max-loss.")
    fields = ("account", "desk", "kind", "limit_amount", "opening_amount", "set_time", "set_by")

    def sentence(self, row: LossLimit) -> SafeString:
        words = gettext("The session on {account} may lose {limit} of the {opening} it began with")
        return format_html(words, account=row.account, limit=self.limit_amount(row), opening=self.opening_amount(row))

    @admin.display(description=_("Limit"), ordering="limit_units")
    def limit_amount(self, row: LossLimit) -> SafeString:
        return display.amount(Amount(Asset(row.currency, CASH_DECIMALS), row.limit_units))

    @admin.display(description=_("Opening equity"))
    def opening_amount(self, row: LossLimit) -> SafeString:
        return display.amount(Amount(Asset(row.currency, CASH_DECIMALS), row.opening_equity_units))

    @admin.display(description=_("Set"), ordering="set_at")
    def set_time(self, row: LossLimit) -> SafeString:
        return display.moment(row.set_at)


@admin.register(ApiKey)
class KeyAdmin(ReadOnlyAdmin):
    """Programs that may call. Nothing here opens anything: secrets are shown once, when a key is made."""

    list_before_template = "crs/keys_before.html"
    list_display = ("key_id", "name", "kind_word", "scope_words", "state_word", "used", "expires")
    list_filter = ("kind", "desk")
    search_fields = ("=key_id", "name")
    ordering = ("-id",)
    empty_hint = _("A program calls with a key of its own: make one here, or with manage.py bot_key create.")
    change_form_template = "crs/key.html"
    fields = (
        "name",
        "kind_word",
        "scope_words",
        "desk",
        "addresses",
        "made",
        "created_by",
        "used",
        "expires",
        "revoked",
    )

    def sentence(self, row: ApiKey) -> str:
        return row.name

    def tone(self, row: ApiKey) -> str:
        return _state(row)

    @admin.display(description=_("Kind"), ordering="kind")
    def kind_word(self, row: ApiKey) -> str:
        return row.get_kind_display()

    @admin.display(description=_("Scopes"))
    def scope_words(self, row: ApiKey) -> str:
        return ", ".join(row.scopes)

    @admin.display(description=_("State"))
    def state_word(self, row: ApiKey) -> SafeString:
        return display.status(_state(row))

    @admin.display(description=_("Made"), ordering="created_at")
    def made(self, row: ApiKey) -> SafeString:
        return display.moment(row.created_at)

    @admin.display(description=_("Last used"), ordering="last_used_at")
    def used(self, row: ApiKey) -> SafeString:
        return display.moment(row.last_used_at, age=True)

    @admin.display(description=_("Expires"), ordering="expires_at")
    def expires(self, row: ApiKey) -> SafeString:
        return display.moment(row.expires_at)

    @admin.display(description=_("Revoked"), ordering="revoked_at")
    def revoked(self, row: ApiKey) -> SafeString:
        return display.moment(row.revoked_at)


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "REVOKED"
    return "ACTIVE" if key.is_live(clock.now()) else "EXPIRED"


@admin.register(AuditEvent)
class EvidenceAdmin(ReadOnlyAdmin):
    """What happened, in the order it was recorded; each entry with the leaf that its stored bytes hash to."""

    list_display = ("recorded", "happened", "id", "actor_text", "action", "subject", "reason")
    list_display_links = ("recorded", "id")
    # Searched by what its indexes know: the table grows with every journal.
    search_fields = ("=id", "=subject_id")
    ordering = ("-id",)
    fieldsets = (
        (
            None,
            {"fields": ("recorded", "happened_at", "actor_text", "action", "subject", "desk", "reason", "request_id")},
        ),
        (_("Proof"), {"fields": ("leaf_code",)}),
        (_("Before and after"), {"fields": ("before_text", "after_text"), "classes": ("raw",)}),
        (_("The bytes that were hashed"), {"fields": ("bytes_text",), "classes": ("raw",)}),
    )

    def sentence(self, row: AuditEvent) -> str:
        return f"{self.actor_text(row)} · {row.action} · {self.subject(row)}"

    @admin.display(description=_("Recorded"), ordering="id")
    def recorded(self, row: AuditEvent) -> SafeString:
        return display.moment(row.recorded_at)

    @admin.display(description=_("Happened, as told"))
    def happened(self, row: AuditEvent) -> SafeString:
        if abs(row.recorded_at - row.at) > APART:
            return display.moment(row.at)
        return format_html('<span class="muted">{}</span>', gettext("just then"))

    @admin.display(description=_("Happened, as told"))
    def happened_at(self, row: AuditEvent) -> SafeString:
        if row.subject_kind != "ledger.journal":
            return display.moment(row.at)
        return format_html(
            "{} <small>{}</small>", display.moment(row.at), gettext("the venue's clock, or whoever posted")
        )

    @admin.display(description=_("Actor"), ordering="actor")
    def actor_text(self, row: AuditEvent) -> str:
        return f"{row.actor_kind}:{row.actor}"

    @admin.display(description=_("Subject"), ordering="subject_id")
    def subject(self, row: AuditEvent) -> str:
        return f"{row.subject_kind} {row.subject_id}"

    @admin.display(description=_("Leaf"))
    def leaf_code(self, row: AuditEvent) -> SafeString:
        return display.code(bytes(row.leaf).hex())

    @admin.display(description=_("Before"))
    def before_text(self, row: AuditEvent) -> str:
        return json.dumps(row.before, ensure_ascii=False, indent=1)

    @admin.display(description=_("After"))
    def after_text(self, row: AuditEvent) -> str:
        return json.dumps(row.after, ensure_ascii=False, indent=1)

    @admin.display(description=_("Stored bytes"))
    def bytes_text(self, row: AuditEvent) -> str:
        return bytes(row.body).decode()
