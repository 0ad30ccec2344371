"""What do we own, why, and does it add up? Lists to read: the book is written by its functions alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Sum
from django.utils.html import format_html, format_html_join
from django.utils.text import Truncator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from crs.kernel import display
from crs.kernel.admin import ReadOnlyAdmin
from crs.kernel.money import Amount
from ledger.models import Asset, Balance, Journal, LedgerAccount, NavMark

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.utils.functional import _StrPromise
    from django.utils.safestring import SafeString


MEMO_SHOWN = 120  # a longer one ends in …, for a number that is merely cut looks like another number


def amounts(values: Iterable[Amount]) -> SafeString:
    """Return amounts of several assets, one under the other."""
    lines = format_html_join("", '<span class="line">{}</span>', ((display.amount(value),) for value in values))
    return lines or display.nothing()


@admin.register(Journal)
class JournalAdmin(ReadOnlyAdmin):
    """Balanced sets of postings. Nothing is edited: a mistake is corrected by its reversal, over the API."""

    change_form_template = "crs/journal.html"
    empty_hint = _("A journal appears with the first deposit of a session, or with POST /api/v1/ledger/journals.")
    list_display = ("id", "occurred", "kind_word", "memo_text", "account_code", "turnover_amount")
    list_filter = ("kind", "book", "account")
    list_select_related = ("account",)
    search_fields = ("=id", "key__startswith")
    ordering = ("-id",)
    fields = (
        "occurred",
        "recorded",
        "kind_word",
        "book_word",
        "desk",
        "account_code",
        "memo",
        "key_code",
        "digest_code",
        "actor",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).prefetch_related("postings__asset")

    def sentence(self, row: Journal) -> str:
        return f"{row.get_kind_display()} · {row.memo or row.key}"

    @admin.display(description=_("Occurred"), ordering="occurred_at")
    def occurred(self, row: Journal) -> SafeString:
        return display.moment(row.occurred_at)

    @admin.display(description=_("Recorded"), ordering="recorded_at")
    def recorded(self, row: Journal) -> SafeString:
        return display.moment(row.recorded_at)

    @admin.display(description=_("Kind"), ordering="kind")
    def kind_word(self, row: Journal) -> str:
        return row.get_kind_display()

    @admin.display(description=_("Book"), ordering="book")
    def book_word(self, row: Journal) -> str:
        return row.get_book_display()

    @admin.display(description=_("Memo"))
    def memo_text(self, row: Journal) -> str:
        return Truncator(row.memo).chars(MEMO_SHOWN) or display.NOTHING

    @admin.display(description=_("Account"), ordering="account")
    def account_code(self, row: Journal) -> str:
        return row.account.code

    @admin.display(description=_("Debits"))
    def turnover_amount(self, row: Journal) -> SafeString:
        sums: dict[Asset, int] = {}
        for posting in row.postings.all():
            if posting.units > 0:
                sums[posting.asset] = sums.get(posting.asset, 0) + posting.units
        return amounts(Amount(asset.money, units) for asset, units in sums.items())

    @admin.display(description=_("Key"), ordering="key")
    def key_code(self, row: Journal) -> SafeString:
        return display.code(row.key)

    @admin.display(description=_("Digest"))
    def digest_code(self, row: Journal) -> SafeString:
        return display.code(bytes(row.digest).hex(), short=True)


# What stands on a ledger account, by its kind (ledger.models.AccountType), for whoever meets it for the first time.
TYPE_WORDS = {
    "STRATEGY": _("assets of a strategy, and the notional of its open margin positions"),
    "VENUE": _("cash at the venue, equal to the balance that the venue states"),
    "PROTOCOL": _("positions in protocols"),
    "GAS": _("what transactions cost on their chain"),
    "FEES": _("what the venue charged"),
    "BRIDGE_IN_TRANSIT": _("what is under way between chains"),
    "FUND_POOL": _("capital that nothing uses yet"),
    "REWARD_INCOME": _("rewards that were earned"),
    "CONVERSION": _("both ways of every exchange of one asset for another"),
    "EQUITY": _("opening balances and owners' capital"),
    "EXTERNAL": _("the outside world of deposits and withdrawals"),
    "SUSPENSE": _("differences that nobody has explained yet"),
    "ROUNDING": _("what is left below the last digit"),
    "FOREIGN": _("trades of others on our login"),
}


@admin.register(LedgerAccount)
class LedgerAccountAdmin(ReadOnlyAdmin):
    """The chart of accounts with what stands on each row now. The last line is the trial balance."""

    change_form_template = "crs/ledger_account.html"
    empty_hint = _("A venue account's chart is opened with the account.")
    list_display = ("code", "type_word", "desk", "account_code", "book_word", "balance_amount")
    list_filter = ("type", "book", "desk", "account")
    list_select_related = ("desk", "account")
    search_fields = ("code__startswith",)
    ordering = ("account", "type", "sub")
    fields = ("type_word", "sub", "desk", "account_code", "book_word", "opened")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).prefetch_related("balances__asset")

    def sentence(self, row: LedgerAccount) -> str:
        return f"{row.code}: {TYPE_WORDS[row.type]}"

    def totals(self, rows: QuerySet[Any]) -> list[tuple[str | _StrPromise, SafeString]]:
        sums = (
            Balance.objects.filter(account__in=rows.order_by().values("pk")).values("asset").annotate(sum=Sum("units"))
        )
        assets = Asset.objects.in_bulk([line["asset"] for line in sums])
        return [
            (
                gettext("balances") if line["sum"] == 0 else "",
                display.amount(Amount(assets[line["asset"]].money, int(line["sum"]))),
            )
            for line in sums
        ]

    @admin.display(description=_("Type"), ordering="type")
    def type_word(self, row: LedgerAccount) -> str:
        return " · ".join(part for part in (row.get_type_display(), row.sub) if part)

    @admin.display(description=_("Account"), ordering="account")
    def account_code(self, row: LedgerAccount) -> str:
        return row.account.code

    @admin.display(description=_("Book"), ordering="book")
    def book_word(self, row: LedgerAccount) -> str:
        return row.get_book_display()

    @admin.display(description=_("Opened"))
    def opened(self, row: LedgerAccount) -> SafeString:
        return display.moment(row.opened_at)

    @admin.display(description=_("Balance"))
    def balance_amount(self, row: LedgerAccount) -> SafeString:
        held = [Amount(balance.asset.money, balance.units) for balance in row.balances.all()]
        return amounts([amount for amount in held if amount.units] or held[:1])


@admin.register(NavMark)
class NavAdmin(ReadOnlyAdmin):
    """What an account was worth: cash + open positions at liquidation marks + accrued swap, to the digit."""

    empty_hint = _("The first mark is struck when a session opens its account.")
    list_display = ("struck", "account", "nav_amount", "cash_amount", "unrealised_amount", "earned_amount", "positions")
    list_filter = ("account",)
    list_select_related = ("account", "currency")
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": ("struck", "venue_time", "account", "positions")}),
        (
            _("Adds up to the digit"),
            {
                "fields": (
                    "cash_amount",
                    "unrealised_amount",
                    "swap_amount",
                    "nav_amount",
                    "flows_amount",
                    "earned_amount",
                )
            },
        ),
        (_("Marks"), {"fields": ("marks",), "classes": ("raw",)}),
    )

    def sentence(self, row: NavMark) -> SafeString:
        words = gettext("{account} was worth {nav} at {at} UTC")
        return format_html(words, account=row.account, nav=self.nav_amount(row), at=display.moment(row.at))

    @admin.display(description=_("Time"), ordering="at")
    def struck(self, row: NavMark) -> SafeString:
        return display.moment(row.at)

    @admin.display(description=_("Venue clock"))
    def venue_time(self, row: NavMark) -> SafeString:
        return display.moment(row.venue_at)

    @admin.display(description=_("NAV"))
    def nav_amount(self, row: NavMark) -> SafeString:
        return display.amount(Amount(row.currency.money, row.nav))

    @admin.display(description=_("Cash"))
    def cash_amount(self, row: NavMark) -> SafeString:
        return display.amount(Amount(row.currency.money, row.cash))

    @admin.display(description=_("Open positions"))
    def unrealised_amount(self, row: NavMark) -> SafeString:
        return display.amount(Amount(row.currency.money, row.unrealised), signed=True, tone=True)

    @admin.display(description=_("Accrued swap"))
    def swap_amount(self, row: NavMark) -> SafeString:
        return display.amount(Amount(row.currency.money, row.swap_accrued), signed=True)

    @admin.display(description=_("Brought in"))
    def flows_amount(self, row: NavMark) -> SafeString:
        return display.amount(Amount(row.currency.money, row.flows))

    @admin.display(description=_("Result"))
    def earned_amount(self, row: NavMark) -> SafeString:
        return display.amount(Amount(row.currency.money, row.earned), signed=True, tone=True)
