"""Does the book agree with a ledger that shares nothing with it, whatever is posted in whatever order?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule, run_state_machine_as_test

from approvals.models import Book
from crs.kernel.refusal import Refusal
from ledger import queries
from ledger.models import Asset, LedgerAccount
from ledger.operations import posting
from ledger.rules.posting import Entry
from tests.support import reference_ledger as reference
from tests.support.cast import ALICE
from tests.support.factories import NOON, make_account, make_chart, make_desk

ACCOUNTS = ["venue", "strategy", "equity", "suspense", "shadow"]
ASSETS = ["USD", "BTC"]
amounts = st.integers(-(10**40), 10**40)
keys = st.sampled_from([f"k{number}" for number in range(6)])
hours = st.integers(0, 3)


class LedgerMachine(RuleBasedStateMachine):
    """Posts into both; `shadow` stands in another book of the same desk."""

    posted: Bundle[int] = Bundle("posted")

    def __init__(self) -> None:
        super().__init__()
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        desk = make_desk()
        self.chart = make_chart(account=make_account(desk=desk))
        other = make_chart(account=make_account(desk=desk, book=Book.SHADOW))
        self.ids = {name: getattr(self.chart, name) for name in ACCOUNTS[:4]} | {"shadow": other.equity}
        self.assets = {code: queries.asset(code).id for code in ASSETS}
        self.model = reference.ReferenceLedger(dict.fromkeys(ACCOUNTS[:4], "PAPER") | {"shadow": "SHADOW"})
        self.journals: dict[int, int] = {}  # number in the model → id in the book

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.transaction.__exit__(None, None, None)
        queries.forget()

    def entry(self, said: reference.Entry) -> Entry:
        return Entry(
            key=said.key,
            desk=self.chart.desk_id,
            account=self.chart.account_id,
            kind="ADJUSTMENT",
            book=said.book,
            occurred_at=NOON + timedelta(hours=said.at),
            memo=said.memo,
            accounts=tuple(self.ids[account] for account, _, _ in said.legs),
            assets=tuple(self.assets[asset] for _, asset, _ in said.legs),
            units=tuple(units for _, _, units in said.legs),
        )

    def both(self, ours: Any, theirs: Any) -> Any:
        """Do it in both, and see that both do it or refuse it with the same code."""
        expected = ""
        try:
            number, is_new = theirs()
        except reference.Refused as refused:
            expected = str(refused)
        if expected:
            with pytest.raises(Refusal) as caught, transaction.atomic():
                ours()
            assert caught.value.code == expected
            return multiple()
        answer = ours()
        assert answer.is_new is is_new
        assert self.journals.setdefault(number, answer.id) == answer.id
        return number

    @rule(
        target=posted,
        key=keys,
        at=hours,
        memo=st.sampled_from(["", "a|b"]),
        legs=st.lists(st.tuples(st.sampled_from(ACCOUNTS), st.sampled_from(ASSETS), amounts), min_size=1, max_size=4),
        closing=st.sampled_from([*ACCOUNTS[:4], None]),
    )
    def post(self, key: str, at: int, memo: str, legs: list[reference.Leg], closing: str | None) -> Any:
        """Legs at random, mostly with those that balance them."""
        if closing is not None:
            for asset in ASSETS:
                rest = -sum(units for _, name, units in legs if name == asset)
                legs = [*legs, (closing, asset, rest)] if rest else legs
        said = reference.Entry(key, "PAPER", at, memo, legs)
        return self.both(lambda: posting.post(self.entry(said), actor=ALICE), lambda: self.model.post(said))

    @rule(number=posted)
    def post_again_with_its_legs_turned(self, number: int) -> None:
        known = self.model.journals[number]
        if known.reverses is None:
            turned = reference.Entry(known.key, known.book, known.at, known.memo, known.legs[::-1])
            self.both(lambda: posting.post(self.entry(turned), actor=ALICE), lambda: self.model.post(turned))

    @rule(target=posted, number=posted, at=hours)
    def reverse(self, number: int, at: int) -> Any:
        moment = NOON + timedelta(hours=at)
        return self.both(
            lambda: posting.reverse(self.journals[number], reason="wrong", actor=ALICE, at=moment),
            lambda: self.model.reverse(number, at=at),
        )

    @invariant()
    def balances_agree_now_and_then(self) -> None:
        for name, number in self.ids.items():
            account = LedgerAccount.objects.get(id=number)
            for at in (None, 0, 2):
                held = queries.balances(account, as_of=None if at is None else NOON + timedelta(hours=at))
                ours = {asset.code: units for asset, units in held.holdings if units}
                every = self.model.balances(as_of=at)
                assert ours == {asset: units for (account_name, asset), units in every.items() if account_name == name}

    @invariant()
    def every_asset_sums_to_zero(self) -> None:
        for book in ("PAPER", "SHADOW"):
            assert set(queries.trial_balance(book=book).totals().values()) <= {0}
        assert Asset.objects.filter(code__in=ASSETS).count() == len(ASSETS)


@pytest.mark.property
@pytest.mark.django_db
def test_the_book_agrees_with_the_reference_ledger() -> None:
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=12, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
