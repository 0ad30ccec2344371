"""How does a journal from outside get into the book? Its codes are looked up, its amounts read, then it is posted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crs.kernel.refusal import Refusal
from ledger import queries
from ledger.operations import posting
from ledger.rules import drafts as rules
from ledger.rules.posting import DeskMismatch, Entry, Posted, UnknownAccount, UnknownAsset

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from crs.kernel.actor import Actor
    from ledger.models import Asset, Journal, LedgerAccount
    from ledger.rules.drafts import Draft


def post_draft(draft: Draft, *, actor: Actor, desk_id: int | None = None) -> Posted:
    """Post one journal from outside; with `desk_id`, only on that desk.

    Raises what `posting.post` raises, and `InexactAmount`, `VenueAccount` and `DeskMismatch` with the field at fault.
    """
    return posting.post(_entry(draft, queries.ledger_accounts_by_code(_codes([draft])), desk_id, ""), actor=actor)


def post_drafts(
    drafts: Sequence[Draft | Refusal], *, actor: Actor, atomic: bool, desk_id: int | None = None
) -> list[Posted | Refusal]:
    """Post up to 1000 journals from outside: all or none, or each for itself, with one answer per journal, in order.

    What could not be read as a draft stands in its place as its refusal. Raises `BatchTooLarge`, and with `atomic` the
    refusal of the first journal at fault. The pointer of every refusal begins with /journals/N.
    """
    rules.refuse_batch_size(len(drafts))
    known = queries.ledger_accounts_by_code(_codes([draft for draft in drafts if not isinstance(draft, Refusal)]))
    answers: dict[int, Posted | Refusal] = {}
    entries: dict[int, Entry] = {}
    for place, draft in enumerate(drafts):
        try:
            if isinstance(draft, Refusal):
                raise draft
            entries[place] = _entry(draft, known, desk_id, f"/journals/{place}")
        except Refusal as refusal:
            if atomic:
                raise
            answers[place] = refusal
    places = list(entries)
    try:
        posted = posting.post_many(list(entries.values()), actor=actor, atomic=atomic)
    except Refusal as refusal:
        item = refusal.facts["item"]
        assert isinstance(item, int), "all or none: the first at fault is known"
        refusal.facts["item"] = places[item]
        refusal.pointer = f"/journals/{places[item]}{refusal.pointer}"
        raise
    for place, answer in zip(places, posted, strict=True):
        if isinstance(answer, Refusal):
            answer.pointer = f"/journals/{place}{answer.pointer}"
        answers[place] = answer
    return [answers[place] for place in range(len(drafts))]


def reverse_by_hand(journal: Journal, *, reason: str, actor: Actor, at: datetime, desk_id: int | None = None) -> Posted:
    """Reverse a journal from outside. Raises what `posting.reverse` raises, `VenueAccount` and `DeskMismatch`."""
    if desk_id is not None and journal.desk_id != desk_id:
        raise DeskMismatch("the journal belongs to another desk", journal=journal.id)
    for leg in journal.postings.select_related("account").order_by("leg"):
        rules.refuse_venue_account(type_=leg.account.type, code=leg.account.code, pointer="")
    return posting.reverse(journal.id, reason=reason, actor=actor, at=at)


def _codes(drafts: Sequence[Draft]) -> set[str]:
    return {leg.account for draft in drafts for leg in draft.legs}


def _entry(draft: Draft, known: Mapping[str, LedgerAccount], desk_id: int | None, pointer: str) -> Entry:
    """Return the draft in ids and base units; every refusal points at its field."""
    accounts: list[LedgerAccount] = []
    assets: list[Asset] = []
    units: list[int] = []
    for number, leg in enumerate(draft.legs):
        at = f"{pointer}/postings/{number}"
        account = known.get(leg.account)
        if account is None or account.book != draft.book:
            raise UnknownAccount(
                f"there is no ledger account {leg.account[:96]} in {draft.book}", pointer=f"{at}/account"
            )
        rules.refuse_venue_account(type_=account.type, code=account.code, pointer=f"{at}/account")
        asset = queries.find_asset(leg.asset)
        if asset is None:
            raise UnknownAsset(f"there is no asset {leg.asset[:12]}", pointer=f"{at}/asset")
        accounts.append(account)
        assets.append(asset)
        units.append(_units(leg.amount, asset, f"{at}/amount"))
    desk, venue_account = _place(draft, accounts, pointer)
    for number, account in enumerate(accounts):
        if account.desk_id != desk or (desk_id is not None and account.desk_id != desk_id):
            raise DeskMismatch(
                f"{account.code} belongs to another desk", pointer=f"{pointer}/postings/{number}/account"
            )
    return Entry(
        key=draft.key,
        desk=desk,
        account=venue_account,
        kind=draft.kind,
        book=draft.book,
        occurred_at=draft.occurred_at,
        memo=draft.memo,
        accounts=tuple(account.id for account in accounts),
        assets=tuple(asset.id for asset in assets),
        units=tuple(units),
    )


def _units(text: str, asset: Asset, pointer: str) -> int:
    try:
        return asset.money.units(text)
    except Refusal as refusal:
        refusal.pointer = pointer
        raise


def _place(draft: Draft, accounts: Sequence[LedgerAccount], pointer: str) -> tuple[int, int]:
    """Return the ids of desk and venue account: as told, otherwise those of the first leg."""
    if not accounts:
        return 0, 0  # the rule refuses a journal without legs
    desk, venue_account = accounts[0].desk, accounts[0].account_id
    if draft.venue_account:
        told = queries.venue_account(draft.venue_account)
        if told is None or told.book != draft.book:
            raise UnknownAccount(
                f"there is no venue account {draft.venue_account[:48]} in {draft.book}",
                pointer=f"{pointer}/venue_account",
            )
        desk, venue_account = told.desk, told.id
    if draft.desk and desk.code != draft.desk:
        raise DeskMismatch(f"the accounts do not belong to desk {draft.desk[:32]}", pointer=f"{pointer}/desk")
    return desk.id, venue_account
