"""What does the book answer? Amounts as decimal text beside their asset, moments in UTC."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from crs.kernel import bodies
from ledger.models import Journal, LedgerAccount, NavMark, Posting


class AmountAnswer(serializers.Serializer[Any]):
    """An amount on the wire: decimal text with its asset."""

    asset = serializers.CharField()
    amount = serializers.CharField()


class PostingAnswer(serializers.Serializer[Posting]):
    """One leg of a journal."""

    journal = serializers.IntegerField(source="journal_id")
    leg = serializers.IntegerField()
    key = serializers.CharField(source="journal.key")
    kind = serializers.CharField(source="journal.kind")
    account = serializers.CharField(source="account.code")
    asset = serializers.CharField(source="asset.code")
    amount = serializers.SerializerMethodField()
    occurred_at = serializers.DateTimeField()
    recorded_at = serializers.DateTimeField(source="journal.recorded_at")

    def get_amount(self, row: Posting) -> str:
        return row.asset.money.text(row.units)


class JournalAnswer(serializers.Serializer[Journal]):
    """A journal as it stands in the book."""

    id = serializers.IntegerField()
    key = serializers.CharField()
    kind = serializers.CharField()
    book = serializers.CharField()
    desk = serializers.CharField(source="desk.code")
    venue_account = serializers.CharField(source="account.code")
    occurred_at = serializers.DateTimeField()
    recorded_at = serializers.DateTimeField()
    memo = serializers.CharField()
    reverses = serializers.IntegerField(source="reverses_id", allow_null=True)
    actor = serializers.CharField()
    postings = serializers.SerializerMethodField()

    @extend_schema_field(PostingAnswer(many=True))
    def get_postings(self, row: Journal) -> Any:
        legs = row.postings.select_related("journal", "account", "asset").order_by("leg")
        return [PostingAnswer(leg).data for leg in legs]


class ItemAnswer(serializers.Serializer[Any]):
    """What became of one journal of a batch: POSTED, REPLAYED or REFUSED with its problem."""

    index = serializers.IntegerField()
    state = serializers.ChoiceField(("POSTED", "REPLAYED", "REFUSED"))
    id = serializers.IntegerField(allow_null=True)
    code = serializers.CharField(allow_null=True)
    detail = serializers.CharField(allow_null=True)
    pointer = serializers.CharField(allow_null=True)


class BatchAnswer(serializers.Serializer[Any]):
    """One answer per journal, in order."""

    results = ItemAnswer(many=True)


class LedgerAccountAnswer(serializers.Serializer[LedgerAccount]):
    """A row of the chart of accounts."""

    code = serializers.CharField()
    type = serializers.CharField()
    sub = serializers.CharField()
    desk = serializers.CharField(source="desk.code")
    venue_account = serializers.CharField(source="account.code")
    book = serializers.CharField()
    opened_at = serializers.DateTimeField()


class BalancesAnswer(serializers.Serializer[Any]):
    """What a ledger account holds; `provisional` while somebody older than the asked moment still writes."""

    account = serializers.CharField()
    as_of = bodies.Moment(allow_null=True)
    known_at = bodies.Moment(allow_null=True)
    provisional = serializers.BooleanField()
    balances = AmountAnswer(many=True)


class TrialLineAnswer(AmountAnswer):
    """What one ledger account holds of one asset."""

    account = serializers.CharField()
    type = serializers.CharField()
    book = serializers.CharField()


class TrialBalanceAnswer(serializers.Serializer[Any]):
    """The holdings that are not zero, of one book or (null) of all; the totals of every asset are."""

    book = serializers.CharField(allow_null=True)
    as_of = bodies.Moment(allow_null=True)
    known_at = bodies.Moment(allow_null=True)
    provisional = serializers.BooleanField()
    lines = TrialLineAnswer(many=True)
    totals = AmountAnswer(many=True)


@extend_schema_field(str)
class NavText(serializers.ReadOnlyField):
    """Units of a NAV mark as decimal text in its currency."""

    def get_attribute(self, instance: NavMark) -> Any:
        return instance.currency.money, super().get_attribute(instance)

    def to_representation(self, value: Any) -> str:
        asset, units = value
        return str(asset.text(units))


class NavAnswer(serializers.Serializer[NavMark]):
    """The value of a venue account on liquidation marks; `earned` is NAV less what owners brought in."""

    venue_account = serializers.CharField(source="account.code")
    currency = serializers.CharField(source="currency.code")
    at = serializers.DateTimeField()
    venue_at = serializers.DateTimeField()
    cash = NavText()
    unrealised = NavText()
    swap_accrued = NavText()
    nav = NavText()
    flows = NavText()
    earned = NavText()
