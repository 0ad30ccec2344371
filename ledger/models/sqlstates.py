"""Which refusal is meant by which SQLSTATE? The guards of the book speak in codes of our own: the only table."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import psycopg

from ledger.rules import posting

if TYPE_CHECKING:
    from django.db import DatabaseError

    from crs.kernel.refusal import Refusal

REFUSALS: dict[str, type[Refusal]] = {
    "CR001": posting.Unbalanced,
    "CR002": posting.NotClosed,
    "CR004": posting.KeyReused,
    "CR005": posting.UnknownAccount,
    "CR006": posting.DeskMismatch,
    "CR007": posting.NotAReversal,
    "CR010": posting.Malformed,
    "CR011": posting.InexactUnits,
}
# PostgreSQL's own states that are an answer too; their DETAIL is a sentence.
OVERFLOW = "22003"  # numeric_value_out_of_range: one leg fits (rules.refuse_malformed), so it is the balance
# Declared constraints that are an answer too, by name.
CONSTRAINTS: dict[str, type[Refusal]] = {
    "balance_asset": posting.UnknownAsset,
    "journal_reversed_once": posting.NotAReversal,
}
# CR003 (append-only), CR008 (balance moved from outside) and CR009 (evidence) are no answers to anybody: our code is
# wrong if it meets them, so they fly as database errors.


def refusal(error: DatabaseError) -> Refusal | None:
    """Return what a guard of the book meant, with the numbers from its DETAIL, or None for any other error."""
    cause = error.__cause__
    if not isinstance(cause, psycopg.Error):
        return None
    if kind := REFUSALS.get(cause.sqlstate or ""):
        return kind(cause.diag.message_primary or "", **json.loads(cause.diag.message_detail or "{}"))
    if cause.sqlstate == OVERFLOW:
        return posting.BalanceOverflow(pointer="/postings")
    if kind := CONSTRAINTS.get(cause.diag.constraint_name or ""):
        return kind()
    return None
