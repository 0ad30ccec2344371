"""The book over REST, as a bot sees it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from approvals.models import Account, Book, Desk
from ledger.models import Balance, Journal
from ledger.operations import venue
from tests.ledger.test_venue import DEPOSIT, book, strike
from tests.support.api import KeyClient, make_client
from tests.support.cast import WORKER
from tests.support.factories import NOON, make_account, make_chart, make_desk

if TYPE_CHECKING:
    from ledger.rules.chart import Chart

pytestmark = pytest.mark.django_db
JOURNALS = "/api/v1/ledger/journals"


@pytest.fixture
def chart() -> Chart:
    return make_chart(account=make_account(code="PAPER-7X"))


@pytest.fixture
def client() -> KeyClient:
    return make_client(scopes=["ledger:read", "ledger:write"])


def body(**changes: Any) -> dict[str, Any]:
    return {
        "key": "capital-1",
        "kind": "TRANSFER",
        "book": "PAPER",
        "occurred_at": "2026-11-20T12:00:00Z",
        "memo": "capital",
        "postings": [
            {"account": "PAPER-7X:STRATEGY", "asset": "USD", "amount": "120.00"},
            {"account": "PAPER-7X:EQUITY", "asset": "USD", "amount": "-120.00"},
        ],
        **changes,
    }


def legs(*changes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**leg, **change} for leg, change in zip(body()["postings"], changes, strict=True)]


def test_a_journal_is_posted_once(as_app: None, chart: Chart, client: KeyClient) -> None:
    first = client.post(JOURNALS, body())
    again = client.post(JOURNALS, body())
    assert (first.status_code, again.status_code) == (201, 200)
    assert "Idempotent-Replayed" not in first
    assert again["Idempotent-Replayed"] == "true"
    assert first.json() == again.json()
    answer = first.json()
    assert answer["desk"] == Desk.objects.get(id=chart.desk_id).code
    assert answer["venue_account"] == "PAPER-7X"
    assert answer["actor"] == f"key:{client.key.key_id}"
    assert answer["occurred_at"] == "2026-11-20T12:00:00.000000Z"
    assert [(leg["leg"], leg["account"], leg["asset"], leg["amount"]) for leg in answer["postings"]] == [
        (1, "PAPER-7X:STRATEGY", "USD", "120.000000"),
        (2, "PAPER-7X:EQUITY", "USD", "-120.000000"),
    ]


def test_the_same_journal_in_another_zone_and_spelling_is_the_same(chart: Chart, client: KeyClient) -> None:
    client.post(JOURNALS, body())
    other = body(occurred_at="2026-11-20T13:00:00+01:00", postings=legs({"amount": "120"}, {"amount": "-120.000000"}))
    assert client.post(JOURNALS, other).status_code == 200


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"postings": legs({}, {"amount": "-119.99"})}, "UNBALANCED", ""),
        ({"postings": legs({"amount": 120}, {})}, "INEXACT_AMOUNT", "/postings/0/amount"),
        ({"postings": legs({}, {"amount": -120.5})}, "INEXACT_AMOUNT", "/postings/1/amount"),
        ({"postings": legs({}, {"amount": True})}, "INEXACT_AMOUNT", "/postings/1/amount"),
        ({"postings": legs({"amount": "NaN"}, {})}, "INEXACT_AMOUNT", "/postings/0/amount"),
        ({"postings": legs({"amount": "1e2"}, {})}, "INEXACT_AMOUNT", "/postings/0/amount"),
        ({"postings": legs({"amount": "0." + "1" * 19}, {})}, "INEXACT_AMOUNT", "/postings/0/amount"),
        ({"postings": legs({"amount": "1" * 200}, {})}, "INEXACT_AMOUNT", "/postings/0/amount"),
        ({"postings": legs({"amount": "\u0661\u0662"}, {})}, "INEXACT_AMOUNT", "/postings/0/amount"),
        ({"postings": legs({}, {"account": "PAPER-7X:NOTHING"})}, "UNKNOWN_ACCOUNT", "/postings/1/account"),
        ({"postings": legs({}, {"asset": "DOGE"})}, "UNKNOWN_ASSET", "/postings/1/asset"),
        ({"postings": legs({"account": "PAPER-7X:VENUE"}, {})}, "VENUE_ACCOUNT", "/postings/0/account"),
        ({"postings": legs({"account": "PAPER-7X:CONVERSION"}, {})}, "VENUE_ACCOUNT", "/postings/0/account"),
        ({"postings": legs({}, {})[:1]}, "MALFORMED_JOURNAL", ""),
        ({"postings": []}, "MALFORMED_JOURNAL", ""),
        ({"postings": legs({"amount": "0"}, {"amount": "0"})}, "MALFORMED_JOURNAL", "/postings/0/amount"),
        ({"book": "LIVE"}, "UNKNOWN_ACCOUNT", "/postings/0/account"),
        ({"desk": "OTHER"}, "DESK_MISMATCH", "/desk"),
        ({"venue_account": "OTHER"}, "UNKNOWN_ACCOUNT", "/venue_account"),
        ({"kind": "REVERSAL"}, "INVALID", "/kind"),
        ({"kind": "GIFT"}, "INVALID", "/kind"),
        ({"key": 7}, "INVALID", "/key"),
        ({"key": ""}, "INVALID", "/key"),
        ({"key": "k" * 121}, "INVALID", "/key"),
        ({"occurred_at": "yesterday"}, "INVALID", "/occurred_at"),
        ({"occurred_at": "2026-11-20"}, "INVALID", "/occurred_at"),
        ({"occurred_at": "2026-11-20T12:00:00"}, "INVALID", "/occurred_at"),
        ({"occurred_at": "2026-11-20T12:00:00.1234567Z"}, "INVALID", "/occurred_at"),
        ({"occurred_at": "9999-12-31T23:59:59-23:59"}, "INVALID", "/occurred_at"),
        ({"occurred_at": 1763640000}, "INVALID", "/occurred_at"),
        ({"occurred_at": "1969-12-31T23:59:59.999999Z"}, "MALFORMED_JOURNAL", "/occurred_at"),
        ({"occurred_at": "2200-01-01T00:00:00Z"}, "MALFORMED_JOURNAL", "/occurred_at"),
        ({"key": " k"}, "INVALID", "/key"),
        ({"postings": legs({"account": "PAPER-7X:STRATEGY "}, {})}, "INVALID", "/postings/0/account"),
    ],
)
def test_bad_input_is_one_clear_error_and_changes_nothing(
    chart: Chart, client: KeyClient, changes: dict[str, Any], code: str, pointer: str
) -> None:
    answer = client.post(JOURNALS, body(**changes))
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert not Journal.objects.exists()
    assert not Balance.objects.exists()


@pytest.mark.parametrize(
    ("address", "said", "pointer"),
    [
        ("", body(memmo="capital"), "/memmo"),
        ("", body(postings=legs({}, {"unit": "7"})), "/postings/1/unit"),
        ("/batch", {"journals": [body()], "atomical": False}, "/atomical"),
        ("/batch", {"journals": [body(), body(key="two", venue_acount="PAPER-7X")]}, "/journals/1/venue_acount"),
        ("/batch", {"journals": [body(postings=legs({"a/b~c": 1}, {}))]}, "/journals/0/postings/0/a~1b~0c"),
        ("/1/reverse", {"reason": "typed twice", "at": "2026-11-20T12:00:00Z"}, "/at"),
    ],
)
def test_a_field_that_nobody_reads_is_refused_wherever_it_stands(
    chart: Chart, client: KeyClient, address: str, said: dict[str, Any], pointer: str
) -> None:
    answer = client.post(JOURNALS + address, said)
    assert (answer.status_code, answer.json()["code"]) == (422, "UNKNOWN_FIELD")
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert not Journal.objects.exists()


def test_a_key_with_other_content_is_refused(chart: Chart, client: KeyClient) -> None:
    client.post(JOURNALS, body())
    answer = client.post(JOURNALS, body(memo="other"))
    assert (answer.status_code, answer.json()["code"]) == (422, "KEY_REUSED")


def test_a_desk_never_posts_on_another(chart: Chart) -> None:
    stranger = make_client(scopes=["ledger:write", "ledger:read"], desk=make_desk())
    assert stranger.post(JOURNALS, body()).json()["code"] == "DESK_MISMATCH"
    assert stranger.get("/api/v1/ledger/accounts/PAPER-7X:EQUITY/balances").status_code == 404
    codes = [row["code"] for row in stranger.get("/api/v1/ledger/accounts").json()["results"]]
    assert "PAPER-7X:EQUITY" not in codes


def test_a_bearer_key_writes_to_the_paper_book_only(chart: Chart) -> None:
    make_chart(account=make_account(code="SHADOW-7X", book=Book.SHADOW))
    bearer = make_client("bearer", scopes=["ledger:write"])
    shadow = body(book="SHADOW", postings=legs({"account": "SHADOW-7X:STRATEGY"}, {"account": "SHADOW-7X:EQUITY"}))
    assert bearer.post(JOURNALS, body()).status_code == 201
    assert bearer.post(JOURNALS, shadow).json()["code"] == "SIGNATURE_REQUIRED"
    batch = {"journals": [body(key="b"), shadow]}
    assert bearer.post(f"{JOURNALS}/batch", batch).json()["code"] == "SIGNATURE_REQUIRED"


def test_a_batch_is_all_or_none(as_app: None, chart: Chart, client: KeyClient) -> None:
    bad = body(key="bad", postings=legs({}, {"amount": "-1"}))
    refused = client.post(f"{JOURNALS}/batch", {"journals": [body(), bad]})
    assert (refused.status_code, refused.json()["code"]) == (422, "UNBALANCED")
    assert refused.json()["errors"][0]["pointer"] == "/journals/1"
    assert not Journal.objects.exists()
    posted = client.post(f"{JOURNALS}/batch", {"journals": [body(), body(key="two"), body()]})
    assert [item["state"] for item in posted.json()["results"]] == ["POSTED", "POSTED", "REPLAYED"]


def test_a_batch_of_each_for_itself_answers_for_each(chart: Chart, client: KeyClient) -> None:
    journals = [
        body(),
        body(key="bad", postings=legs({}, {"amount": "-1"})),
        body(key="unknown", postings=legs({}, {"asset": "DOGE"})),
        body(key="good"),
    ]
    results = client.post(f"{JOURNALS}/batch", {"atomic": False, "journals": journals}).json()["results"]
    assert [(item["index"], item["state"], item["code"]) for item in results] == [
        (0, "POSTED", None), (1, "REFUSED", "UNBALANCED"), (2, "REFUSED", "UNKNOWN_ASSET"), (3, "POSTED", None),
    ]  # fmt: skip
    assert Journal.objects.count() == 2


HUGE = "6" + "0" * 71
FAULTS: list[tuple[Any, str, str]] = [
    (None, "INVALID", ""),
    (5, "INVALID", ""),
    ([], "INVALID", ""),
    ({}, "INVALID", "/key"),
    (body(key=" a"), "INVALID", "/key"),
    (body(key="b", kind="GIFT"), "INVALID", "/kind"),
    (body(key="c", occurred_at="2026-11-20"), "INVALID", "/occurred_at"),
    (body(key="d", memmo="x"), "UNKNOWN_FIELD", "/memmo"),
    (body(key="e", postings=None), "INVALID", "/postings"),
    (body(key="f", postings=legs({"amount": 1}, {})), "INEXACT_AMOUNT", "/postings/0/amount"),
    (body(key="g", postings=legs({}, {"amount": 1.5})), "INEXACT_AMOUNT", "/postings/1/amount"),
    (body(key="h", postings=legs({"amount": "0.0000001"}, {})), "INEXACT_AMOUNT", "/postings/0/amount"),
    (body(key="i", postings=legs({}, {"amount": "-1"})), "UNBALANCED", ""),
    (body(key="j", postings=legs({}, {})[:1]), "MALFORMED_JOURNAL", ""),
    (body(key="k", postings=legs({}, {"asset": "DOGE"})), "UNKNOWN_ASSET", "/postings/1/asset"),
    (body(key="l", desk="OTHER"), "DESK_MISMATCH", "/desk"),
    (body(key="first", memo="other"), "KEY_REUSED", ""),
    (body(key="n", postings=legs({"amount": HUGE}, {"amount": f"-{HUGE}"})), "BALANCE_OVERFLOW", "/postings"),
]


@pytest.fixture
def nearly_full(chart: Chart, client: KeyClient) -> None:
    """One more such journal and the balance of an account has 79 digits."""
    for key, changes in (("first", {}), ("full", {"postings": legs({"amount": HUGE}, {"amount": f"-{HUGE}"})})):
        assert client.post(JOURNALS, body(key=key, **changes)).status_code == 201


def test_each_journal_of_a_batch_is_refused_for_itself(as_app: None, nearly_full: None, client: KeyClient) -> None:
    journals = [body(key="good-1"), *(fault for fault, _, _ in FAULTS), body(key="good-2")]
    answer = client.post(f"{JOURNALS}/batch", {"atomic": False, "journals": journals})
    assert answer.status_code == 200, answer.content
    told = [(row["index"], row["state"], row["code"], row["pointer"]) for row in answer.json()["results"]]
    assert told == [
        (0, "POSTED", None, None),
        *((n, "REFUSED", code, f"/journals/{n}{at}") for n, (_, code, at) in enumerate(FAULTS, 1)),
        (len(FAULTS) + 1, "POSTED", None, None),
    ]
    assert Journal.objects.count() == 4


@pytest.mark.parametrize(("fault", "code", "pointer"), FAULTS, ids=[code for _, code, _ in FAULTS])
def test_the_first_fault_of_a_whole_batch_is_pointed_at(
    nearly_full: None, client: KeyClient, fault: Any, code: str, pointer: str
) -> None:
    answer = client.post(f"{JOURNALS}/batch", {"journals": [body(key="x"), body(key="y"), fault, body(key="z")]})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["errors"][0]["pointer"] == f"/journals/2{pointer}"
    assert Journal.objects.count() == 2


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"journals": None}, "INVALID", "/journals"),
        ({"journals": {"0": body()}}, "INVALID", "/journals"),
        ({"journals": "x"}, "INVALID", "/journals"),
        ({"atomic": "false"}, "INVALID", "/atomic"),
        ({"atomic": 0}, "INVALID", "/atomic"),
        ({"atomic": None}, "INVALID", "/atomic"),
        ({"atomik": False}, "UNKNOWN_FIELD", "/atomik"),
        ({"journals": [None] * 1001}, "BATCH_TOO_LARGE", "/journals"),
    ],
)
def test_the_envelope_of_a_batch_is_one_refusal(
    chart: Chart, client: KeyClient, changes: dict[str, Any], code: str, pointer: str
) -> None:
    answer = client.post(f"{JOURNALS}/batch", {"atomic": False, "journals": [body()], **changes})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert not Journal.objects.exists()


def test_a_balance_that_fits_no_column_is_refused(as_app: None, nearly_full: None, client: KeyClient) -> None:
    full = body(key="more", postings=legs({"amount": HUGE}, {"amount": f"-{HUGE}"}))
    answer = client.post(JOURNALS, full)
    assert (answer.status_code, answer.json()["code"]) == (422, "BALANCE_OVERFLOW")
    assert answer.json()["errors"][0]["pointer"] == "/postings"


def test_a_journal_is_no_deeper_than_any_other_body(chart: Chart, client: KeyClient) -> None:
    for address, depth in product((JOURNALS, f"{JOURNALS}/batch"), (33, 900)):
        answer = client.post(address, b'{"memo": ' + b"[" * depth + b"]" * depth + b"}")
        assert (answer.status_code, answer.json()["code"]) == (400, "MALFORMED")
    assert client.post(JOURNALS, b'{"memo": ' + b"[" * 30 + b"]" * 30 + b"}").json()["code"] == "INVALID"


@pytest.mark.django_db(transaction=True)
def test_twenty_reversals_at_once_are_one(chart: Chart, client: KeyClient) -> None:
    number = client.post(JOURNALS, body()).json()["id"]

    def reverse(turn: int) -> tuple[int, int]:
        try:
            sender = KeyClient(client.key, client.shown)
            answer = sender.post(f"{JOURNALS}/{number}/reverse", {"reason": f"reason {turn}"})
            return answer.status_code, answer.json().get("id")
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=8) as pool:
        answers = list(pool.map(reverse, range(20)))
    assert sorted(status for status, _ in answers) == [200] * 19 + [201]
    assert len({number for _, number in answers}) == 1


def test_an_amount_that_is_a_number_is_pointed_at_in_a_batch_too(chart: Chart, client: KeyClient) -> None:
    answer = client.post(f"{JOURNALS}/batch", {"journals": [body(), body(key="b", postings=legs({}, {"amount": 1}))]})
    assert answer.json()["code"] == "INEXACT_AMOUNT"
    assert answer.json()["errors"][0]["pointer"] == "/journals/1/postings/1/amount"


@pytest.mark.parametrize("journals", [[], [{}] * 1001])
def test_a_batch_has_its_limits(chart: Chart, client: KeyClient, journals: list[Any]) -> None:
    answer = client.post(f"{JOURNALS}/batch", {"journals": [body(key=str(n)) for n in range(len(journals))]})
    assert answer.json()["code"] == "BATCH_TOO_LARGE"


def test_a_journal_is_reversed_once_with_its_reason(as_app: None, chart: Chart, client: KeyClient) -> None:
    number = client.post(JOURNALS, body()).json()["id"]
    first = client.post(f"{JOURNALS}/{number}/reverse", {"reason": "typed twice"})
    again = client.post(f"{JOURNALS}/{number}/reverse", {"reason": "typed twice"})
    assert (first.status_code, again.status_code, again.json()["id"]) == (201, 200, first.json()["id"])
    assert first.json()["reverses"] == number
    assert [leg["amount"] for leg in first.json()["postings"]] == ["-120.000000", "120.000000"]
    assert client.post(f"{JOURNALS}/999999/reverse", {"reason": "x"}).status_code == 404
    assert client.post(f"{JOURNALS}/{number}/reverse", {"reason": ""}).status_code == 422


def test_what_the_venue_booked_is_not_reversed_by_hand(chart: Chart, client: KeyClient) -> None:
    posted = venue.book_deal(DEPOSIT, account_id=chart.account_id, actor=WORKER)
    answer = client.post(f"{JOURNALS}/{posted.id}/reverse", {"reason": "no"})
    assert answer.json()["code"] == "VENUE_ACCOUNT"


def test_balances_are_told_now_and_as_of_then(as_app: None, chart: Chart, client: KeyClient) -> None:
    for day in (1, 2, 3):
        client.post(JOURNALS, body(key=f"day-{day}", occurred_at=f"2026-11-0{day}T00:00:00Z"))
    address = "/api/v1/ledger/accounts/PAPER-7X:STRATEGY/balances"
    assert client.get(address).json()["balances"] == [{"asset": "USD", "amount": "360.000000"}]
    then = client.get(address, query="as_of=2026-11-02T00:00:00Z").json()
    assert then["balances"] == [{"asset": "USD", "amount": "240.000000"}]
    assert (then["as_of"], then["provisional"]) == ("2026-11-02T00:00:00.000000Z", False)
    assert client.get(address, query="known_at=2026-11-02T00:00:00Z").json()["balances"] == []
    long_ago = client.get(address, query="as_of=0021-01-01T00:00:00Z").json()
    assert (long_ago["as_of"], long_ago["balances"]) == ("0021-01-01T00:00:00.000000Z", [])
    assert (
        client.get(address, query="as_of=9999-12-31T23:59:59.999999Z").json()["balances"][0]["amount"] == "360.000000"
    )
    assert client.get(address, query="as_of=then").json()["errors"][0]["pointer"].startswith("/as_of")
    assert client.get("/api/v1/ledger/accounts/NO:SUCH/balances").status_code == 404


def test_lists_filter_and_page(chart: Chart, client: KeyClient) -> None:
    for number in range(5):
        client.post(JOURNALS, body(key=f"n-{number}"))
    accounts = client.get("/api/v1/ledger/accounts", query="venue_account=PAPER-7X&type=FEES").json()["results"]
    assert [row["sub"] for row in accounts] == ["CHARGE", "COMMISSION", "FEE", "SWAP", "TAX"]
    seen, address, query = [], "/api/v1/ledger/postings", "account=PAPER-7X:EQUITY&page_size=2"
    while True:
        page = client.get(address, query=query).json()
        seen += [row["key"] for row in page["results"]]
        if page["next"] is None:
            break
        query = page["next"].split("?", 1)[1]
    assert seen == [f"n-{number}" for number in (4, 3, 2, 1, 0)]
    assert client.get(address, query="key=n-3").json()["results"][0]["amount"] == "120.000000"


def test_the_trial_balance_is_zero_in_every_asset(as_app: None, chart: Chart, client: KeyClient) -> None:
    client.post(JOURNALS, body())
    book(chart, DEPOSIT)
    trial = client.get("/api/v1/ledger/trial-balance", query="book=PAPER").json()
    assert {line["account"]: line["amount"] for line in trial["lines"]} == {
        "PAPER-7X:STRATEGY": "120.000000",
        "PAPER-7X:EQUITY": "-120.000000",
        "PAPER-7X:VENUE": "100000.000000",
        "PAPER-7X:EXTERNAL": "-100000.000000",
    }
    assert trial["totals"] == [{"asset": "USD", "amount": "0.000000"}]
    before = client.get("/api/v1/ledger/trial-balance", query="book=PAPER&as_of=2026-11-20T11:59:59Z").json()
    assert before["lines"] == []
    every = client.get("/api/v1/ledger/trial-balance").json()
    assert every["lines"] == trial["lines"]
    assert {line["book"] for line in every["lines"]} == {"PAPER"}
    assert client.get("/api/v1/ledger/trial-balance", query="book=MINE").status_code == 422


def test_nav_history_is_told_in_the_accounts_currency(chart: Chart, client: KeyClient) -> None:
    book(chart, DEPOSIT)
    strike(chart)
    strike(chart, at=NOON + timedelta(seconds=1))
    rows = client.get("/api/v1/ledger/nav/history", query="venue_account=PAPER-7X").json()["results"]
    assert [row["at"] for row in rows] == ["2026-11-20T12:00:01.000000Z", "2026-11-20T12:00:00.000000Z"]
    assert (rows[0]["nav"], rows[0]["flows"], rows[0]["earned"]) == ("100000.000000", "100000.000000", "0.000000")


def test_the_scopes_are_asked_for(chart: Chart) -> None:
    reader, writer = make_client(scopes=["ledger:read"]), make_client(scopes=["ledger:write"])
    assert reader.post(JOURNALS, body()).status_code == 403
    assert writer.get("/api/v1/ledger/accounts").status_code == 403


def test_a_journal_costs_one_statement_that_writes(chart: Chart, client: KeyClient) -> None:
    written: list[str] = []

    def watch(execute: Any, sql: str, *rest: Any) -> Any:
        written.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(watch):
        assert client.post(JOURNALS, body()).status_code == 201
    assert [sql for sql in written if "ledger_journal" in sql and sql.startswith(("INSERT", "UPDATE"))] == []
    assert Account.objects.filter(code="PAPER-7X").exists()
