"""What stands in the book?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection, transaction
from django.db.models import Case, F, Q, Sum, Value, When, Window
from django.db.models.functions import RowNumber

from approvals import queries as desks
from crs.kernel import money
from crs.kernel.fields import BaseUnitsField
from crs.kernel.lookup import row_ids
from ledger.models import Asset, Balance, Deal, Journal, LedgerAccount, NavMark, Posting, Reconciliation
from ledger.rules import chart as chart_rules
from ledger.rules import venue_recipes
from ledger.rules.chart import Chart

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from django.db.models import QuerySet

    from approvals.models import Account
    from ledger.rules.venue_recipes import Position, VenueDeal

OLDEST_WRITER = """
SELECT coalesce(bool_or(coalesce(writer.xact_start, '-infinity') <= %s), false)
FROM pg_locks AS lock LEFT JOIN pg_stat_activity AS writer USING (pid)
WHERE lock.locktype = 'relation' AND lock.relation = 'public.ledger_journal'::regclass AND lock.granted
  AND lock.mode = 'RowExclusiveLock' AND lock.pid <> pg_backend_pid()
  AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
VERIFY = """
WITH sums AS (
    SELECT account_id, asset_id, sum(units) AS units FROM ledger_posting GROUP BY account_id, asset_id
), legs AS (
    SELECT journal_id, count(*) AS number FROM ledger_posting GROUP BY journal_id
), leaves AS (
    SELECT subject_id::bigint AS journal_id FROM approvals_auditevent WHERE subject_kind = 'ledger.journal'
)
SELECT (SELECT count(*) FROM ledger_journal),
       (SELECT count(*) FROM ledger_posting),
       (SELECT count(DISTINCT journal_id) FROM (SELECT journal_id FROM ledger_posting GROUP BY journal_id, asset_id
                                                HAVING sum(units) <> 0) AS unbalanced),
       (SELECT count(*) FROM ledger_journal AS journal FULL JOIN legs ON legs.journal_id = journal.id
        WHERE journal.legs IS DISTINCT FROM legs.number),
       (SELECT count(*) FROM ledger_balance AS balance FULL JOIN sums USING (account_id, asset_id)
        WHERE balance.units IS DISTINCT FROM sums.units),
       (SELECT count(*) FROM ledger_journal AS journal FULL JOIN leaves ON leaves.journal_id = journal.id
        WHERE journal.id IS NULL OR leaves.journal_id IS NULL)
"""

# Ledger accounts and assets never change (L-10), so what was read once may be kept; tests empty both.
_charts: dict[int, Chart] = {}
_assets: dict[str, Asset] = {}


@dataclass(frozen=True, slots=True)
class Balances:
    """What a ledger account holds, by asset, in base units, and as of when."""

    as_of: datetime | None
    known_at: datetime | None
    provisional: bool
    holdings: tuple[tuple[Asset, int], ...]


@dataclass(frozen=True, slots=True)
class TrialLine:
    """What one ledger account holds of one asset, in base units; positive is a debit."""

    account: str
    type: str
    book: str
    asset: money.Asset
    units: int


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """Every holding of a book, or of all books side by side, that is not zero."""

    book: str | None
    as_of: datetime | None
    known_at: datetime | None
    provisional: bool
    lines: tuple[TrialLine, ...]

    def totals(self) -> dict[str, int]:
        """Return the sum per asset code: all zero, or the book is broken."""
        sums: dict[str, int] = {}
        for line in self.lines:
            sums[line.asset.code] = sums.get(line.asset.code, 0) + line.units
        return sums


@dataclass(frozen=True, slots=True)
class Verification:
    """What a check of the whole book found. `orphans` are journals and postings that do not have each other,
    `without_leaf` journals and events of evidence that do not."""

    journals: int
    postings: int
    unbalanced: int
    orphans: int
    balance_mismatches: int
    without_leaf: int

    @property
    def is_ok(self) -> bool:
        """Nothing is wrong."""
        return not (self.unbalanced or self.orphans or self.balance_mismatches or self.without_leaf)


def chart(account_id: int) -> Chart:
    """Return the ids of a venue account's ledger accounts. Raises `LedgerAccount.DoesNotExist` before `open_chart`."""
    known = _charts.get(account_id)
    if known is None:
        known = _charts[account_id] = _read_chart(account_id)
    return known


def asset(code: str) -> Asset:
    """Return the asset with this code. Raises `Asset.DoesNotExist`."""
    known = _assets.get(code)
    if known is None:
        known = _assets[code] = Asset.objects.get(code=code)
    return known


def money_asset(code: str) -> money.Asset:
    """Return the asset with this code as a value for amounts. Raises `Asset.DoesNotExist`."""
    return asset(code).money


def position(account_id: int, position_id: int) -> Position | None:
    """Return what the book has open on one position of a venue account, flat ones too; None when it has no deal."""
    return _positions(Deal.objects.filter(account_id=account_id, position_id=position_id)).get(position_id)


def open_positions(account_id: int) -> list[Position]:
    """Return the positions that the book has open on a venue account, by position id."""
    signed = Case(When(type="BUY", then=F("volume")), default=-F("volume"), output_field=BaseUnitsField())
    trades = Deal.objects.filter(account_id=account_id, type__in=("BUY", "SELL"))
    open_ids = trades.values("position_id").annotate(net=Sum(signed)).exclude(net=0).values("position_id")
    every = _positions(trades.filter(position_id__in=open_ids))
    return [every[number] for number in sorted(every)]


def booked_deals(account_id: int, *, since: datetime | None, until: datetime) -> list[VenueDeal]:
    """Return the deals of a venue account that are in the book, from `since` until `until`, both inclusive."""
    rows = Deal.objects.filter(account_id=account_id, occurred_at__lte=until).select_related("base_asset")
    if since is not None:
        rows = rows.filter(occurred_at__gte=since)
    return [row.told() for row in rows.order_by("occurred_at", "deal")]


def venue_cash(account_id: int) -> int:
    """Return the cash of a venue account, in base units of its currency: what the venue calls its balance."""
    known = chart(account_id)
    return _balance(known.venue, known.currency)


def flows(account_id: int) -> int:
    """Return what owners have brought into a venue account less what they took out, in base units of its currency.

    Credit and bonus are the venue's money and count for neither cash nor NAV, so they are no flow either.
    """
    known = chart(account_id)
    return -_balance(known.external, known.currency) - _balance(known.venue_credit, known.currency)


def nav_history(account_id: int, *, start: datetime | None = None, end: datetime | None = None) -> QuerySet[NavMark]:
    """Return the NAV marks of a venue account, oldest first, from `start` until before `end`."""
    marks = NavMark.objects.filter(account_id=account_id).select_related("currency").order_by("at", "id")
    if start is not None:
        marks = marks.filter(at__gte=start)
    if end is not None:
        marks = marks.filter(at__lt=end)
    return marks


def nav_curve(account_id: int, *, points: int) -> tuple[int, ...]:
    """Return what a venue account was worth over time, in base units, thinned to about `points`; both ends stay."""
    marks = nav_history(account_id)
    step = max(1, marks.count() // points)
    if step == 1:
        return tuple(marks.values_list("nav", flat=True))
    # An endless session has more marks in a week than a page may read: the database counts them off.
    counted = marks.annotate(turn=Window(RowNumber(), order_by=[F("at").asc(), F("id").asc()]) % Value(step))
    thinned = counted.filter(turn=1).values_list("nav", flat=True)
    last = marks.last()
    return (*thinned, *([last.nav] if last else []))


def nav_marks(desk_id: int | None = None) -> QuerySet[NavMark]:
    """Return the NAV marks of one desk or of all, newest first."""
    rows = NavMark.objects.select_related("account", "currency").order_by("-at", "-id")
    return rows if desk_id is None else rows.filter(account__desk_id=desk_id)


def last_nav(account_id: int) -> NavMark | None:
    """Return the latest NAV mark of a venue account, if it has one."""
    return nav_history(account_id).last()


def find_asset(code: str) -> Asset | None:
    """Return the asset with this code, if there is one."""
    try:
        return asset(code)
    except Asset.DoesNotExist:
        return None


def ledger_accounts_by_code(codes: Iterable[str]) -> dict[str, LedgerAccount]:
    """Return the ledger accounts that have one of these codes."""
    return {row.code: row for row in LedgerAccount.objects.select_related("desk").filter(code__in=list(codes))}


def ledger_accounts(desk_id: int | None = None) -> QuerySet[LedgerAccount]:
    """Return the ledger accounts of one desk or of all, by code."""
    rows = LedgerAccount.objects.select_related("desk", "account").order_by("code")
    return rows if desk_id is None else rows.filter(desk_id=desk_id)


def ledger_account(code: str, desk_id: int | None = None) -> LedgerAccount | None:
    """Return the ledger account with this code, if that desk has it."""
    return ledger_accounts(desk_id).filter(code=code).first()


def venue_account(code: str) -> Account | None:
    """Return the venue account with this code, if there is one."""
    return desks.accounts().filter(code=code).first()


def journal(journal_id: int, desk_id: int | None = None) -> Journal | None:
    """Return a journal, if that desk has it."""
    rows = Journal.objects.select_related("desk", "account").filter(id=journal_id)
    return (rows if desk_id is None else rows.filter(desk_id=desk_id)).first()


def evidence_of(journal: Journal) -> int | None:
    """Return the number of the event that a journal left in the evidence; both were recorded at the same moment."""
    return desks.event_recorded("ledger.journal", journal.pk, recorded_at=journal.recorded_at)


def journals(desk_id: int | None = None) -> QuerySet[Journal]:
    """Return the journals of one desk or of all, newest first."""
    rows = Journal.objects.select_related("desk", "account").order_by("-id")
    return rows if desk_id is None else rows.filter(desk_id=desk_id)


def find_journals(text: str, *, limit: int) -> list[Journal]:
    """Return the journal with this id, and those whose key begins so, by key: each half walks an index of its own."""
    by_key = Journal.objects.filter(key__startswith=text).order_by("key")[:limit]
    found = Journal.objects.filter(id__in=row_ids(text))[:1].union(by_key, all=True)
    return list({row.pk: row for row in found}.values())[:limit]


def find_ledger_accounts(text: str, *, limit: int) -> list[LedgerAccount]:
    """Return the ledger accounts whose code begins so, by code."""
    return list(ledger_accounts().filter(code__startswith=text)[:limit])


def postings(desk_id: int | None = None) -> QuerySet[Posting]:
    """Return the postings of one desk or of all, with what their rows name, newest journal first."""
    rows = Posting.objects.select_related("journal", "account", "asset").order_by("-journal_id", "leg")
    return rows if desk_id is None else rows.filter(account__desk_id=desk_id)


def postings_after(rows: QuerySet[Posting], *, journal_id: int, leg: int) -> QuerySet[Posting]:
    """Return those of `rows` that stand below this one in the order of `postings`, whatever is posted meanwhile."""
    return rows.filter(Q(journal_id__lt=journal_id) | Q(journal_id=journal_id, leg__gt=leg))


def turnover(rows: QuerySet[Posting]) -> list[tuple[money.Asset, int, int]]:
    """Return the debits and the credits of these postings per asset, by code, in base units, both not negative."""
    sums = (
        rows.order_by("asset__code")
        .values_list("asset__code", "asset__decimals")
        .annotate(debits=Sum("units", filter=Q(units__gt=0)), credits=Sum("units", filter=Q(units__lt=0)))
    )
    return [(money.Asset(code, decimals), up or 0, -(down or 0)) for code, decimals, up, down in sums]


def balances(account: LedgerAccount, *, as_of: datetime | None = None, known_at: datetime | None = None) -> Balances:
    """Return what a ledger account holds: now, or folded from its postings up to a moment.

    `as_of` is when things occurred, `known_at` when they were recorded, both inclusive. An answer as of a moment that
    is younger than the oldest transaction still writing is `provisional`: recorded order is not commit order.
    """
    if as_of is None and known_at is None:
        rows = Balance.objects.filter(account=account).select_related("asset").order_by("asset__code")
        return Balances(None, None, provisional=False, holdings=tuple((row.asset, row.units) for row in rows))
    legs = _until(Posting.objects.filter(account=account), as_of=as_of, known_at=known_at)
    sums = legs.values_list("asset_id").annotate(units=Sum("units", output_field=BaseUnitsField()))
    assets = Asset.objects.in_bulk([asset_id for asset_id, _ in sums])
    holdings = sorted(((assets[asset_id], units) for asset_id, units in sums), key=lambda pair: pair[0].code)
    return Balances(as_of, known_at, provisional=_is_provisional(as_of, known_at), holdings=tuple(holdings))


def trial_balance(
    *,
    book: str | None = None,
    as_of: datetime | None = None,
    known_at: datetime | None = None,
    desk_id: int | None = None,
) -> TrialBalance:
    """Return every ledger account's holdings in one book, or in all of them; each sums to zero in every asset."""
    rows: QuerySet[Balance] | QuerySet[Posting] = Balance.objects.all()
    if as_of is not None or known_at is not None:
        rows = _until(Posting.objects.all(), as_of=as_of, known_at=known_at)
    if book is not None:
        rows = rows.filter(account__book=book)
    if desk_id is not None:
        rows = rows.filter(account__desk_id=desk_id)
    sums = (
        rows.values("account__code", "account__type", "account__book", "asset__code", "asset__decimals")
        .annotate(total=Sum("units", output_field=BaseUnitsField()))
        .exclude(total=0)
        .order_by("account__code", "asset__code")
    )
    lines = tuple(
        TrialLine(
            row["account__code"],
            row["account__type"],
            row["account__book"],
            money.Asset(row["asset__code"], row["asset__decimals"]),
            row["total"],
        )
        for row in sums
    )
    return TrialBalance(book, as_of, known_at, provisional=_is_provisional(as_of, known_at), lines=lines)


def verify() -> Verification:
    """Check the whole book in one view of the database, so that a desk that goes on posting shows no false mismatch."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SET LOCAL statement_timeout = '10min'")
        cursor.execute(VERIFY)
        row = cursor.fetchone()
    assert row is not None
    return Verification(*row)


def forget() -> None:
    """Forget every chart and asset that was read; for tests, whose rows are rolled back."""
    _charts.clear()
    _assets.clear()


def _balance(ledger_account_id: int, code: str) -> int:
    row = Balance.objects.filter(account_id=ledger_account_id, asset_id=asset(code).id).first()
    return 0 if row is None else row.units


def _until(legs: QuerySet[Posting], *, as_of: datetime | None, known_at: datetime | None) -> QuerySet[Posting]:
    if as_of is not None:
        legs = legs.filter(occurred_at__lte=as_of)
    return legs if known_at is None else legs.filter(journal__recorded_at__lte=known_at)


def _is_provisional(as_of: datetime | None, known_at: datetime | None) -> bool:
    """Whoever writes the book holds its lock until he commits; a login whose start is hidden from us counts as old."""
    moments = [moment for moment in (as_of, known_at) if moment is not None]
    if not moments:
        return False
    with connection.cursor() as cursor:
        cursor.execute(OLDEST_WRITER, [min(moments)])
        row = cursor.fetchone()
    assert row is not None
    return bool(row[0])


def _positions(deals: QuerySet[Deal]) -> dict[int, Position]:
    rows = deals.select_related("base_asset").order_by("occurred_at", "deal")
    return venue_recipes.fold(row.told() for row in rows)


def _read_chart(account_id: int) -> Chart:
    rows = list(LedgerAccount.objects.filter(account_id=account_id).select_related("account"))
    ids = {chart_rules.field(row.type, row.sub): row.id for row in rows}
    names = [chart_rules.field(*pair) for pair in chart_rules.CHART]
    if not rows or any(name not in ids for name in names):
        raise LedgerAccount.DoesNotExist(f"account {account_id} has no chart: open_chart makes it")
    account = rows[0].account
    return Chart(
        account_id=account.id,
        account_code=account.code,
        desk_id=account.desk_id,
        book=account.book,
        currency=account.currency,
        **{name: ids[name] for name in names},
    )


def last_reconciliation() -> Reconciliation | None:
    """Return the latest comparison of the book with a venue, of whatever account."""
    return Reconciliation.objects.order_by("-id").first()
