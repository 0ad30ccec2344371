"""How does a journal get into the book? By one statement, and past every guard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from django.db import DatabaseError, connection, models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from approvals.models import Account, Book, Desk
from crs.kernel.fields import BaseUnitsField, HashField
from ledger.models import sqlstates
from ledger.models.accounts import Asset, LedgerAccount
from ledger.rules.posting import Posted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from django.db.models import QuerySet

    from crs.kernel.actor import Actor
    from ledger.rules.posting import Entry

# One statement on the wire. Arrays travel as text: their literals cost a tenth of psycopg's list adaptation.
POST = (
    "SELECT id, is_new FROM ledger.post(%s, %s::bigint, %s::bigint, %s, %s, %s::timestamptz, %s,"
    " %s::bigint[], %s::int[], %s::numeric[], %s, %s::bigint)"
)


POST_MANY = (
    "SELECT ids, are_new FROM ledger.post_many(%s::text[], %s::bigint[], %s::bigint[], %s::text[], %s::text[],"
    " %s::timestamptz[], %s::text[], %s::bigint[], %s::int[], %s::int[], %s::bigint[], %s::int[], %s::numeric[], %s)"
)


class Kind(models.TextChoices):
    """What a journal is about; a kind enters with the first recipe that uses it."""

    TRADE = "TRADE", _("Trade")
    COMMISSION = "COMMISSION", _("Commission")
    SWAP_FEE = "SWAP_FEE", _("Swap fee")
    TRANSFER = "TRANSFER", _("Transfer")
    FUNDING = "FUNDING", _("Funding")
    ADJUSTMENT = "ADJUSTMENT", _("Adjustment")
    REVERSAL = "REVERSAL", _("Reversal")


class Journal(models.Model):
    """A balanced set of postings, written once and never changed; a mistake is corrected by its reversal.

    Created by `ledger.post()` and `ledger.post_many()`, which `write` and `write_many` alone call. `key` is chosen by
    the writer and unique per book for ever; `digest` covers everything he said, so that the same key with other content
    is refused (L-4). `legs` is the number of its postings. `occurred_at` is when it happened, as told; `recorded_at` is
    the database's own word (L-9).

    Guards in migrations/sql: journal_stands (L-1, L-2, L-6, L-7, L-9: what the legs of one INSERT must be, and the
    leaf), journal_closed (L-2, L-8), posting_append_only (L-3), posting_moves_balance and balance_guarded (L-5). They
    also keep what else a row must be (a known kind, a reversal that names its journal): a CHECK costs a hot row 2 µs.
    """

    key = models.CharField(max_length=120)
    digest = HashField()
    # No foreign keys: journal_stands compares desk and book with the Account's row (L-6), which never goes.
    desk = models.ForeignKey(Desk, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    kind = models.CharField(max_length=16, choices=Kind)
    book = models.CharField(max_length=8, choices=Book)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    memo = models.TextField(blank=True)
    legs = models.SmallIntegerField()
    reverses = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="reversed_by", db_constraint=False, db_index=False
    )
    actor = models.CharField(max_length=160)

    if TYPE_CHECKING:
        postings: QuerySet[Posting]

    class Meta:
        verbose_name = _("journal")
        verbose_name_plural = _("journals")
        constraints = [
            models.UniqueConstraint(fields=["key", "book"], name="journal_key"),
            models.UniqueConstraint(
                fields=["reverses"], condition=Q(reverses__isnull=False), name="journal_reversed_once"
            ),
        ]
        indexes = [models.Index(fields=["account", "id"], name="journal_account")]

    def __str__(self) -> str:
        return self.key

    @staticmethod
    def write(entry: Entry, *, actor: Actor) -> Posted:
        """Post one entry: one statement on the wire, which is its own transaction or part of the caller's.

        Django's own cursor binds on the client and never prepares, 0.73 of the speed: hence psycopg's, on Django's
        connection. Refusals come back as SQLSTATEs (ledger/models/sqlstates.py).
        """
        return Posted(*_execute(POST, arguments(entry, actor))[0])

    @staticmethod
    def write_many(entries: Sequence[Entry], *, actor: Actor) -> list[Posted]:
        """Post many entries, all or none: one statement on the wire, one answer per entry, in order."""
        owners: list[int] = []
        numbers: list[int] = []
        accounts: list[int] = []
        assets: list[int] = []
        units: list[int] = []
        for place, entry in enumerate(entries, 1):
            count = len(entry.units)
            owners += [place] * count
            numbers += range(1, count + 1)
            accounts += entry.accounts
            assets += entry.assets
            units += entry.units
        ids, are_new = _execute(
            POST_MANY,
            (
                [entry.key for entry in entries],
                literal([entry.desk for entry in entries]),
                literal([entry.account for entry in entries]),
                [str(entry.kind) for entry in entries],
                [str(entry.book) for entry in entries],
                "{" + ",".join(entry.occurred_at.isoformat() for entry in entries) + "}",
                [entry.memo for entry in entries],
                literal(["NULL" if entry.reverses is None else entry.reverses for entry in entries]),
                *map(literal, (owners, numbers, accounts, assets, units)),
                f"{actor.kind}:{actor.name}",
            ),
        )[0]
        return [Posted(*pair) for pair in zip(ids, are_new, strict=True)]


def arguments(entry: Entry, actor: Actor) -> tuple[Any, ...]:
    """Return the parameters of `POST`."""
    return (
        entry.key,
        entry.desk,
        entry.account,
        entry.kind,
        entry.book,
        entry.occurred_at,
        entry.memo,
        literal(entry.accounts),
        literal(entry.assets),
        literal(entry.units),
        f"{actor.kind}:{actor.name}",
        entry.reverses,
    )


def literal(numbers: Iterable[int | str]) -> str:
    """Return whole numbers as the text of a PostgreSQL array."""
    return "{" + ",".join(map(str, numbers)) + "}"


def _execute(statement: str, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    connection.ensure_connection()
    try:
        with connection.wrap_database_errors:
            # `prepare` at the first use, not at the fifth: the plan is made once per connection.
            return psycopg.Cursor(connection.connection).execute(statement, parameters, prepare=True).fetchall()
    except DatabaseError as error:
        raise sqlstates.refusal(error) or error from error


class Posting(models.Model):
    """One leg of a journal: so many base units of an asset on a ledger account; positive is a debit.

    Written with its journal by the functions of `Journal`, in one INSERT with all legs; never changed (L-3).
    `occurred_at` repeats the journal's, so that a balance of the past is a walk over one index.
    """

    pk = models.CompositePrimaryKey("journal", "leg")
    # Parents are looked at by the trigger that also needs what stands in them (book_match), and are never deleted.
    journal = models.ForeignKey(
        Journal, on_delete=models.DO_NOTHING, related_name="postings", db_constraint=False, db_index=False
    )
    leg = models.SmallIntegerField()
    account = models.ForeignKey(
        LedgerAccount, on_delete=models.DO_NOTHING, related_name="postings", db_constraint=False, db_index=False
    )
    asset = models.ForeignKey(Asset, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    units = BaseUnitsField()
    occurred_at = models.DateTimeField()

    class Meta:
        verbose_name = _("posting")
        verbose_name_plural = _("postings")
        constraints = [
            models.CheckConstraint(condition=~Q(units=0), name="posting_units_nonzero"),
        ]
        indexes = [models.Index(fields=["account", "asset", "occurred_at"], name="posting_account_asset_occurred")]
