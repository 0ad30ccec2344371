"""Many clients at once: one key, hot accounts, readers in between."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection, transaction

from crs.kernel import clock
from ledger import queries
from ledger.models import Journal, LedgerAccount, Posting
from ledger.operations import posting
from tests.support.cast import ALICE
from tests.support.factories import make_chart, make_entry
from tests.support.logins import login

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.rules.chart import Chart
    from ledger.rules.posting import Entry, Posted

pytestmark = pytest.mark.django_db(transaction=True)


def deposit(chart: Chart, **changes: Any) -> Entry:
    return make_entry(chart, [(chart.suspense, "USD", 5), (chart.equity, "USD", -5)], **changes)


def at_once(number: int, work: Callable[[int], Any]) -> list[Any]:
    """Run `work(n)` in `number` threads that start together, each with its own connection."""
    gate = threading.Barrier(number)

    def run(place: int) -> Any:
        try:
            connection.ensure_connection()
            gate.wait(timeout=20)
            return work(place)
        finally:
            connection.close()

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(run, range(number)))


def test_fifty_clients_with_one_key_make_one_journal_and_get_one_answer(as_app: None) -> None:
    chart = make_chart()
    entry = deposit(chart)
    answers: list[Posted] = at_once(50, lambda _: posting.post(entry, actor=ALICE))
    assert len({answer.id for answer in answers}) == 1
    assert sum(answer.is_new for answer in answers) == 1
    assert (Journal.objects.count(), Posting.objects.count()) == (1, 2)
    assert queries.verify().is_ok


def test_four_clients_on_a_hundred_hot_accounts_never_deadlock(as_app: None) -> None:
    """Goal: no deadlock surfaces and nothing is lost. Method: 4 × 2,000 journals whose legs come in any order."""
    chart = make_chart()
    hot = _hot_accounts(chart)
    usd = queries.asset("USD").id

    def post(place: int) -> None:
        chance = random.Random(place)
        for number in range(2_000):
            one, two = chance.sample(hot, 2)
            entry = make_entry(
                chart, [], accounts=(one, two), assets=(usd, usd), units=(7, -7), key=f"hot-{place}-{number}"
            )
            posting.post(entry, actor=ALICE)

    at_once(4, post)
    found = queries.verify()
    assert (found.journals, found.postings, found.is_ok) == (8_000, 16_000, True)


def _hot_accounts(chart: Chart) -> list[int]:
    rows = LedgerAccount.objects.bulk_create(
        LedgerAccount(
            code=f"{chart.account_code}:EQUITY:{chr(65 + number // 10)}{chr(65 + number % 10)}", type="EQUITY",
            sub=f"{chr(65 + number // 10)}{chr(65 + number % 10)}", desk_id=chart.desk_id, account_id=chart.account_id,
            book=chart.book, opened_at=clock.now(),
        )
        for number in range(100)
    )  # fmt: skip
    return [row.id for row in rows]


def test_a_journal_is_one_statement_on_the_wire() -> None:
    """Counted by the server: what the connection of the post sent, and nothing around it."""
    chart = make_chart()
    entries = [deposit(chart) for _ in range(3)]
    posting.post(entries[0], actor=ALICE)
    sent: list[str] = []
    execute = psycopg.Cursor.execute

    def watch(self: Any, query: Any, *rest: Any, **named: Any) -> Any:
        sent.append(str(query))
        return execute(self, query, *rest, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psycopg.Cursor, "execute", watch)
        for entry in entries[1:]:
            posting.post(entry, actor=ALICE)
        posting.post_many([deposit(chart) for _ in range(20)], actor=ALICE)
    assert ["ledger.post(" in statement for statement in sent] == [True, True, False]
    assert "ledger.post_many(" in sent[2]
    assert connection.get_autocommit()


def test_a_balance_as_of_a_moment_is_provisional_while_somebody_older_writes() -> None:
    chart = make_chart()
    account = LedgerAccount.objects.get(id=chart.equity)
    posting.post(deposit(chart), actor=ALICE)
    before = clock.now()
    with login("crs_owner") as other:
        with other.transaction():
            other.execute("LOCK TABLE public.ledger_journal IN ROW EXCLUSIVE MODE")
            assert queries.balances(account, known_at=before + timedelta(seconds=5)).provisional
            assert not queries.balances(account, known_at=before - timedelta(hours=1)).provisional
        assert not queries.balances(account, known_at=before + timedelta(seconds=5)).provisional


def test_the_check_finds_what_was_tampered_with(capsys: pytest.CaptureFixture[str]) -> None:
    """A guard that is taken away by the owner leaves tracks: the check counts them and exits with 1."""
    chart = make_chart()
    posting.post(deposit(chart), actor=ALICE)
    call_command("ledger_verify", "--json")
    assert '"ok": true' in capsys.readouterr().out.splitlines()[-1]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE ledger_balance DISABLE TRIGGER balance_guarded")
        cursor.execute("UPDATE ledger_balance SET units = units + 1 WHERE account_id = %s", [chart.equity])
        cursor.execute("ALTER TABLE ledger_balance ENABLE TRIGGER balance_guarded")
    with pytest.raises(SystemExit) as exit_:
        call_command("ledger_verify", "--json")
    assert exit_.value.code == 1
    assert '"balance_mismatches": 1' in capsys.readouterr().out.splitlines()[-1]
