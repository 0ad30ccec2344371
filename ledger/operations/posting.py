"""How does something get into the book? As a balanced journal, once, in one statement."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from django.db import connection, transaction

from crs.kernel.refusal import ReasonMissing, Refusal
from ledger.models import Journal, Kind
from ledger.rules import posting as rules
from ledger.rules.posting import Entry, Posted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from crs.kernel.actor import Actor


def post(entry: Entry, *, actor: Actor) -> Posted:
    """Write a balanced journal once; the same `key` and content again return the first journal with `is_new=False`.

    Raises `Malformed`, `Unbalanced`, `UnknownAccount`, `UnknownAsset`, `DeskMismatch`, or `KeyReused` when `key` came
    before in this book with other content. It is one SQL statement: a transaction of its own, or part of the caller's.
    """
    rules.refuse_malformed(entry)  # shape, zero units, too few legs, the sum: no database needed
    return Journal.write(entry, actor=actor)


def post_many(entries: Sequence[Entry], *, actor: Actor, atomic: bool = True) -> list[Posted | Refusal]:
    """Write many journals, with one answer per entry, in order.

    With `atomic`, all or none: raises the first entry's refusal, its place in `facts["item"]`. Without it each entry
    stands for itself and a refused one has its `Refusal` as the answer. Either way the batch is tried as one statement
    first, since a batch without a fault is the usual one.
    """
    if not entries:
        return []
    faults: dict[int, Refusal] = {}
    for place, entry in enumerate(entries):
        try:
            rules.refuse_malformed(entry)
        except Refusal as refusal:
            refusal.facts.setdefault("item", place)
            if atomic:
                raise
            faults[place] = refusal
    good = [entry for place, entry in enumerate(entries) if place not in faults]
    answers = iter(_post_all_or_none(good, actor=actor) if atomic else _post_each_for_itself(good, actor=actor))
    return [faults[place] if place in faults else next(answers) for place in range(len(entries))]


def reverse(journal_id: int, *, reason: str, actor: Actor, at: datetime) -> Posted:
    """Undo a journal by its mirror image; a journal that is reversed already returns that reversal.

    Raises `Journal.DoesNotExist`, `ReasonMissing`, and `NotAReversal` when the journal is a reversal itself: what was
    undone wrongly is posted anew, under a key of its own.
    """
    if not reason.strip():
        raise ReasonMissing(pointer="/reason")
    journal = Journal.objects.get(id=journal_id)
    if journal.kind == Kind.REVERSAL:
        raise rules.NotAReversal("a reversal is not reversed: post anew instead", journal=journal_id)
    done = Journal.objects.filter(reverses=journal).first()
    if done is not None:
        return Posted(done.id, is_new=False)
    legs = list(journal.postings.order_by("leg").values_list("account_id", "asset_id", "units"))
    entry = Entry(
        key=rules.reversal_key(journal.id),
        desk=journal.desk_id,
        account=journal.account_id,
        kind=Kind.REVERSAL,
        book=journal.book,
        occurred_at=at,
        memo=reason,
        accounts=tuple(leg[0] for leg in legs),
        assets=tuple(leg[1] for leg in legs),
        units=rules.reversed_units(tuple(leg[2] for leg in legs)),
        reverses=journal.id,
    )
    try:
        with _savepoint():
            return post(entry, actor=actor)
    except (rules.KeyReused, rules.NotAReversal):  # somebody was faster, perhaps with another reason: his stands
        done = Journal.objects.filter(reverses=journal).first()
        if done is None:
            raise
        return Posted(done.id, is_new=False)


def _post_all_or_none(entries: list[Entry], *, actor: Actor) -> list[Posted]:
    """Return the answers, or raise the refusal of the first entry at fault with its place in `facts["item"]`."""
    try:
        with _savepoint():
            return Journal.write_many(entries, actor=actor)
    except Refusal as refusal:
        if "item" in refusal.facts:
            raise
    # Not every guard of the rows knows the place in the batch: one by one, the first at fault shows itself.
    answers: list[Posted] = []
    with transaction.atomic():
        for place, entry in enumerate(entries):
            try:
                answers.append(Journal.write(entry, actor=actor))
            except Refusal as refusal:
                refusal.facts["item"] = place
                raise
    return answers


def _post_each_for_itself(entries: list[Entry], *, actor: Actor) -> list[Posted | Refusal]:
    answers: list[Posted | Refusal] = []
    if not entries:
        return answers
    try:
        with _savepoint():
            return list(Journal.write_many(entries, actor=actor))
    except Refusal:  # somebody in the batch is at fault: now one by one, so that the others are not
        for entry in entries:
            try:
                with _savepoint():
                    answers.append(Journal.write(entry, actor=actor))
            except Refusal as refusal:
                answers.append(refusal)
        return answers


def _savepoint() -> AbstractContextManager[None]:
    """Inside the caller's transaction a refused statement must not take the others with it; outside it is alone."""
    return transaction.atomic() if connection.in_atomic_block else nullcontext()
