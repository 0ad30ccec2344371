"""What is counted, and on which rows of the chart of accounts?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from approvals.models import Account, Book, Desk
from crs.kernel import money
from crs.kernel.fields import BaseUnitsField
from ledger.rules import chart

if TYPE_CHECKING:
    from django.db.models import QuerySet


class AccountType(models.TextChoices):
    """The fourteen kinds of ledger account: the one list of the specification, in its order."""

    STRATEGY = "STRATEGY", _("Strategy")  # a strategy's assets and the notional of its open margin positions
    VENUE = "VENUE", _("Venue cash")  # cash at a venue account, equal to the venue's balance; sub CREDIT beside it
    PROTOCOL = "PROTOCOL", _("Protocol")  # positions in protocols
    GAS = "GAS", _("Gas")
    FEES = "FEES", _("Fees")  # by sub: COMMISSION, FEE, SWAP, CHARGE, …
    BRIDGE_IN_TRANSIT = "BRIDGE_IN_TRANSIT", _("Bridge in transit")
    FUND_POOL = "FUND_POOL", _("Fund pool")  # unallocated capital
    REWARD_INCOME = "REWARD_INCOME", _("Reward income")
    CONVERSION = "CONVERSION", _("Conversion")  # both ways of every exchange of one asset for another
    EQUITY = "EQUITY", _("Equity")  # opening balances and owners' capital
    EXTERNAL = "EXTERNAL", _("External")  # the outside world of deposits and withdrawals
    SUSPENSE = "SUSPENSE", _("Suspense")  # differences not yet explained
    ROUNDING = "ROUNDING", _("Rounding")  # residues below the last digit
    FOREIGN = "FOREIGN", _("Foreign")  # trades of others on our login


class Asset(models.Model):
    """A thing that is counted, with its number of decimals; neither ever changes (L-10).

    Made by `operations.accounts.open_asset`.
    """

    id = models.AutoField(primary_key=True)
    code = models.CharField(max_length=12, unique=True)
    decimals = models.PositiveSmallIntegerField()

    class Meta:
        verbose_name = _("asset")
        verbose_name_plural = _("assets")
        constraints = [
            models.CheckConstraint(condition=Q(code__regex=chart.ASSET_CODE), name="asset_code_format"),
            models.CheckConstraint(condition=Q(decimals__lte=77), name="asset_decimals_range"),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def money(self) -> money.Asset:
        """The asset as a value for amounts."""
        return money.Asset(self.code, self.decimals)


class LedgerAccount(models.Model):
    """A row of the chart of accounts: what one venue account's money stands on. It holds any number of assets.

    Made by `operations.accounts.open_chart`, once per venue account, type and sub; never changed, never deleted (L-10).
    Its desk and book are those of its Account, by a composite foreign key (L-6).
    """

    code = models.CharField(max_length=96, unique=True)
    type = models.CharField(max_length=20, choices=AccountType)
    sub = models.CharField(max_length=24, blank=True)
    desk = models.ForeignKey(Desk, on_delete=models.PROTECT, related_name="+")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="ledger_accounts")
    book = models.CharField(max_length=8, choices=Book)
    opened_at = models.DateTimeField()

    if TYPE_CHECKING:
        balances: QuerySet[Balance]

    class Meta:
        verbose_name = _("ledger account")
        verbose_name_plural = _("ledger accounts")
        constraints = [
            models.CheckConstraint(condition=Q(type__in=AccountType.values), name="ledgeraccount_type_known"),
            models.CheckConstraint(condition=Q(code__regex=chart.LEDGER_CODE), name="ledgeraccount_code_format"),
            models.UniqueConstraint(fields=["account", "type", "sub"], name="ledgeraccount_account_type_sub"),
        ]

    def __str__(self) -> str:
        return self.code


class Balance(models.Model):
    """What one ledger account holds of one asset now: the sum of its postings, kept so that reading it costs one row.

    Made and moved by the trigger on posting alone (L-5), in (account, asset) order; any other write is refused.
    """

    pk = models.CompositePrimaryKey("account", "asset")
    # journal_stands has seen the ledger account; the asset's foreign key stands in posting_moves_balance.sql.
    account = models.ForeignKey(
        LedgerAccount, on_delete=models.DO_NOTHING, related_name="balances", db_constraint=False, db_index=False
    )
    asset = models.ForeignKey(Asset, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    units = BaseUnitsField()

    class Meta:
        verbose_name = _("balance")
        verbose_name_plural = _("balances")
