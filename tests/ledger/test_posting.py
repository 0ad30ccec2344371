"""Posting a journal, from rule to constraint; attacks are in test_attacks.py, crowds in test_crowds.py."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection, transaction

from approvals.models import AuditEvent, Book, Desk
from crs.kernel import evidence
from crs.kernel.refusal import ReasonMissing, Refusal
from ledger import queries
from ledger.models import Balance, Journal, Posting
from ledger.operations import posting
from ledger.rules.posting import (
    DeskMismatch,
    Entry,
    KeyReused,
    Malformed,
    NotAReversal,
    Unbalanced,
    UnknownAccount,
    UnknownAsset,
)
from tests.support.cast import ALICE, BOB
from tests.support.factories import NOON, make_account, make_chart, make_desk, make_entry

if TYPE_CHECKING:
    from ledger.rules.chart import Chart

pytestmark = pytest.mark.django_db


@pytest.fixture
def chart() -> Chart:
    return make_chart()


def deposit(chart: Chart, amount: int = 100_000_000, **changes: Any) -> Entry:
    return make_entry(chart, [(chart.venue, "USD", amount), (chart.external, "USD", -amount)], **changes)


def balances() -> dict[tuple[int, int], int]:
    return {(row.account_id, row.asset_id): row.units for row in Balance.objects.all()}


def fold() -> dict[tuple[int, int], int]:
    sums: dict[tuple[int, int], int] = {}
    for account, asset, units in Posting.objects.values_list("account_id", "asset_id", "units"):
        sums[account, asset] = sums.get((account, asset), 0) + units
    return sums


def test_a_posted_journal_stands_with_its_legs_and_moves_its_balances(as_app: None, chart: Chart) -> None:
    posted = posting.post(deposit(chart, memo="opening"), actor=ALICE)
    journal = Journal.objects.get(id=posted.id)
    assert (posted.is_new, journal.legs, journal.memo, journal.actor) == (True, 2, "opening", "person:alice")
    assert list(journal.postings.order_by("leg").values_list("leg", "account_id", "units", "occurred_at")) == [
        (1, chart.venue, 100_000_000, NOON),
        (2, chart.external, -100_000_000, NOON),
    ]
    usd = queries.asset("USD").id
    assert balances() == {(chart.venue, usd): 100_000_000, (chart.external, usd): -100_000_000} == fold()


def test_a_journal_leaves_its_leaf_in_the_evidence(as_app: None, chart: Chart) -> None:
    entry = deposit(chart, memo='näher "bei"\n', key="k/1")
    journal = Journal.objects.get(id=posting.post(entry, actor=ALICE).id)
    event = AuditEvent.objects.get(subject_kind="ledger.journal", subject_id=str(journal.id))
    usd = queries.asset("USD").id
    told = {
        "account": chart.account_id,
        "action": "ledger.journal.posted",
        "actor": "person:alice",
        "book": "PAPER",
        "desk": chart.desk_id,
        "journal": journal.id,
        "key": "k/1",
        "kind": "ADJUSTMENT",
        "legs": [[chart.venue, usd, "100000000"], [chart.external, usd, "-100000000"]],
        "memo": 'näher "bei"\n',
        "occurred_at": NOON,
        "recorded_at": journal.recorded_at,
        "reverses": None,
        "role": "crs_owner",
    }
    assert bytes(event.body) == evidence.canonical(told)
    assert event.leaf == evidence.leaf(bytes(event.body))
    assert json.loads(bytes(event.body))["legs"][0][2] == "100000000"
    assert (event.actor_kind, event.actor, event.at) == ("person", "alice", NOON)


def test_the_same_key_and_content_return_the_first_journal(as_app: None, chart: Chart) -> None:
    entry = deposit(chart)
    first = posting.post(entry, actor=ALICE)
    again = posting.post(entry, actor=BOB)
    assert (again.id, again.is_new) == (first.id, False)
    assert Journal.objects.count() == 1
    assert balances() == fold()


def test_the_order_of_the_legs_is_no_other_content(chart: Chart) -> None:
    first = posting.post(deposit(chart, key="k"), actor=ALICE)
    turned = make_entry(chart, [(chart.external, "USD", -100_000_000), (chart.venue, "USD", 100_000_000)], key="k")
    assert posting.post(turned, actor=ALICE).id == first.id


@pytest.mark.parametrize(
    "change",
    [
        {"memo": "other"},
        {"kind": "TRANSFER"},
        {"occurred_at": NOON + timedelta(microseconds=1)},
        {"units": (1, -1)},
    ],
)
def test_a_key_with_other_content_is_refused(chart: Chart, change: dict[str, Any]) -> None:
    first = posting.post(deposit(chart, key="k"), actor=ALICE)
    with pytest.raises(KeyReused) as caught:
        posting.post(deposit(chart, key="k", **change), actor=ALICE)
    assert caught.value.facts == {"journal": first.id}


def test_a_key_is_unique_in_its_book_only(chart: Chart) -> None:
    other = make_chart(account=make_account(book=Book.SHADOW))
    first = posting.post(deposit(chart, key="k"), actor=ALICE)
    second = posting.post(deposit(other, key="k"), actor=ALICE)
    assert second.is_new
    assert second.id != first.id


@pytest.mark.parametrize(
    "change",
    [
        {"key": ""},
        {"key": "k" * 121},
        {"memo": "m" * 4001},
        {"memo": "\0"},
        {"units": (0, 0)},
        {"units": (10**78, -(10**78))},
        {"units": (5,), "accounts": (1,), "assets": (1,)},
        {"units": (), "accounts": (), "assets": ()},
        {"accounts": (1,)},
        {"units": (1, -1) * 501, "accounts": (1, 2) * 501, "assets": (1, 1) * 501},
    ],
)
def test_post_refuses_what_is_no_journal(chart: Chart, change: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        posting.post(deposit(chart, **change), actor=ALICE)
    assert not Journal.objects.exists()


def test_post_refuses_a_journal_that_does_not_balance(chart: Chart) -> None:
    usd = queries.asset("USD").id
    with pytest.raises(Unbalanced) as caught:
        posting.post(deposit(chart, units=(5, -4)), actor=ALICE)
    assert caught.value.facts == {"asset": usd, "sum": "1"}


def test_a_journal_balances_in_every_asset_for_itself(chart: Chart) -> None:
    with pytest.raises(Unbalanced):
        posting.post(make_entry(chart, [(chart.venue, "USD", 5), (chart.external, "EUR", -5)]), actor=ALICE)


def test_the_database_refuses_it_too(chart: Chart) -> None:
    """The rule is passed by: what is told to `ledger.post()` itself comes back as the same refusal."""
    usd = queries.asset("USD").id
    with pytest.raises(Unbalanced) as caught:
        Journal.write(deposit(chart, units=(5, -4)), actor=ALICE)
    assert caught.value.facts == {"asset": usd, "sum": "1"}


def test_post_refuses_accounts_and_assets_that_do_not_exist(chart: Chart) -> None:
    usd = queries.asset("USD").id
    with pytest.raises(UnknownAccount) as caught, transaction.atomic():
        posting.post(deposit(chart, accounts=(chart.venue, 999_999)), actor=ALICE)
    assert caught.value.facts == {"account": 999_999, "leg": 2}
    with pytest.raises(UnknownAsset), transaction.atomic():
        posting.post(deposit(chart, assets=(999, 999)), actor=ALICE)
    with pytest.raises(UnknownAccount), transaction.atomic():
        posting.post(deposit(chart, account=999_999), actor=ALICE)
    with pytest.raises(UnknownAccount), transaction.atomic():
        posting.post(deposit(chart, desk=999_999), actor=ALICE)
    assert not Posting.objects.filter(asset_id=usd).exists()


def test_books_and_desks_never_mix(chart: Chart) -> None:
    shadow = make_chart(account=make_account(desk=None, book=Book.SHADOW))
    foreign = make_chart(account=make_account(desk=make_desk()))
    with pytest.raises(UnknownAccount), transaction.atomic():
        posting.post(make_entry(chart, [(chart.venue, "USD", 5), (shadow.external, "USD", -5)]), actor=ALICE)
    with pytest.raises(DeskMismatch), transaction.atomic():
        posting.post(make_entry(chart, [(chart.venue, "USD", 5), (foreign.external, "USD", -5)]), actor=ALICE)
    with pytest.raises(UnknownAccount), transaction.atomic():
        posting.post(deposit(chart, book="SHADOW"), actor=ALICE)
    assert not Journal.objects.exists()


def test_the_largest_and_the_smallest_amounts_stand_exactly(chart: Chart) -> None:
    for units in (2**256 - 1, -(2**255), 1):
        entry = make_entry(chart, [(chart.venue, "ETH", units), (chart.external, "ETH", -units)])
        journal = Journal.objects.get(id=posting.post(entry, actor=ALICE).id)
        assert [leg.units for leg in journal.postings.order_by("leg")] == [units, -units]
    assert balances() == fold()


def test_a_refused_journal_leaves_its_callers_transaction_usable_behind_a_savepoint(chart: Chart) -> None:
    posting.post(deposit(chart), actor=ALICE)
    with pytest.raises(Unbalanced), transaction.atomic():
        Journal.write(deposit(chart, units=(5, -4)), actor=ALICE)
    posting.post(deposit(chart), actor=ALICE)
    assert balances() == fold()


def test_a_reversal_undoes_its_journal_once(as_app: None, chart: Chart) -> None:
    first = posting.post(deposit(chart), actor=ALICE)
    undone = posting.reverse(first.id, reason="typed twice", actor=BOB, at=NOON)
    again = posting.reverse(first.id, reason="typed twice", actor=BOB, at=NOON + timedelta(hours=1))
    assert (undone.is_new, again.is_new, again.id) == (True, False, undone.id)
    assert set(balances().values()) == {0}
    journal = Journal.objects.get(id=undone.id)
    assert (journal.reverses_id, journal.kind, journal.memo) == (first.id, "REVERSAL", "typed twice")
    with pytest.raises(NotAReversal):
        posting.reverse(undone.id, reason="undo the undoing", actor=BOB, at=NOON)
    with pytest.raises(ReasonMissing):
        posting.reverse(first.id, reason=" ", actor=BOB, at=NOON)
    with pytest.raises(Journal.DoesNotExist):
        posting.reverse(10**9, reason="x", actor=BOB, at=NOON)


def test_the_database_refuses_a_reversal_that_undoes_something_else(chart: Chart) -> None:
    first = posting.post(deposit(chart), actor=ALICE)
    mirror = {"kind": "REVERSAL", "reverses": first.id}
    elsewhere = make_account(desk=Desk.objects.get(id=chart.desk_id)).id
    for entry in (deposit(chart, -5, **mirror), deposit(chart, -100_000_000, account=elsewhere, **mirror)):
        with pytest.raises(NotAReversal), transaction.atomic():
            posting.post(entry, actor=BOB)
    posting.post(deposit(chart, -100_000_000, **mirror), actor=BOB)
    with pytest.raises(NotAReversal), transaction.atomic():
        posting.post(deposit(chart, -100_000_000, **mirror), actor=BOB)


def test_a_batch_posts_all_journals_in_order(as_app: None, chart: Chart) -> None:
    entries = [deposit(chart, number) for number in range(1, 31)]
    first = posting.post(entries[3], actor=ALICE)
    posted = posting.post_many([*entries, entries[0]], actor=ALICE)
    assert [answer.is_new for answer in posted if not isinstance(answer, Refusal)] == [
        number != 3 for number in range(30)
    ] + [False]
    ids = [answer.id for answer in posted if not isinstance(answer, Refusal)]
    assert ids[3] == first.id
    assert ids[30] == ids[0]
    assert [Journal.objects.get(id=number).key for number in ids[:30]] == [entry.key for entry in entries]
    assert balances() == fold()
    assert AuditEvent.objects.filter(subject_kind="ledger.journal").count() == 30


def test_a_batch_keeps_the_same_digest_as_a_single_journal(chart: Chart) -> None:
    """Posted alone or in a batch, an entry is the same journal: the replay goes both ways."""
    legs = [(chart.venue, "USD", 7), (chart.external, "USD", -3), (chart.equity, "USD", -4)]
    one, two = make_entry(chart, legs, memo="a|b"), make_entry(chart, legs)
    alone = posting.post(one, actor=ALICE)
    [first, second] = posting.post_many([one, two], actor=ALICE)
    assert first == type(alone)(alone.id, is_new=False)
    assert not isinstance(second, Refusal)
    assert posting.post(two, actor=ALICE) == type(alone)(second.id, is_new=False)


def test_an_atomic_batch_is_refused_as_a_whole(chart: Chart) -> None:
    entries = [deposit(chart), deposit(chart, accounts=(chart.venue, 999_999)), deposit(chart)]
    with pytest.raises(UnknownAccount), transaction.atomic():
        posting.post_many(entries, actor=ALICE)
    posting.post(entries[0], actor=ALICE)
    with pytest.raises(KeyReused) as caught, transaction.atomic():
        posting.post_many([deposit(chart), deposit(chart, key=entries[0].key, memo="other")], actor=ALICE)
    assert caught.value.facts["item"] == 1
    with pytest.raises(Unbalanced) as unbalanced:
        posting.post_many([deposit(chart), deposit(chart, units=(1, -2))], actor=ALICE)
    assert unbalanced.value.facts["item"] == 1
    assert Journal.objects.count() == 1


def test_a_batch_that_is_not_atomic_answers_for_each(as_app: None, chart: Chart) -> None:
    good = deposit(chart)
    answers = posting.post_many(
        [good, deposit(chart, units=(1, -2)), deposit(chart, accounts=(chart.venue, 999_999)), deposit(chart)],
        actor=ALICE,
        atomic=False,
    )
    assert [type(answer).__name__ for answer in answers] == ["Posted", "Unbalanced", "UnknownAccount", "Posted"]
    assert Journal.objects.count() == 2
    assert posting.post_many([], actor=ALICE) == []


def test_a_prepared_statement_carries_the_journals(chart: Chart) -> None:
    posting.post(deposit(chart), actor=ALICE)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%ledger.post(%'")
        assert cursor.fetchone()[0] == 1
