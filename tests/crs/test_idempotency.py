"""Is a request that comes twice carried out once?"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection, connections
from django.db.models import F

from approvals.models import IdempotentAnswer
from approvals.operations import idempotency
from tests.crs.rest_views import Counting
from tests.support.api import KeyClient, make_client

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.urls("tests.crs.rest_views")]
PATH = "/api/v1/counting"


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    Counting.calls.clear()
    yield
    Counting.gate = None


@pytest.fixture
def bot(db: None) -> KeyClient:
    return make_client(scopes=["order:propose", "ledger:read"])


def test_the_same_key_and_body_get_the_same_answer(bot: KeyClient) -> None:
    first = bot.post(PATH, {"a": 1}, Idempotency_Key="k-1")
    again = bot.post(PATH, {"a": 1}, Idempotency_Key="k-1")
    assert (first.status_code, first.json()) == (again.status_code, again.json()) == (201, {"number": 1})
    assert again["Location"] == first["Location"]
    assert again["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first
    assert len(Counting.calls) == 1


def test_another_body_or_query_under_the_key_is_refused(bot: KeyClient) -> None:
    bot.post(PATH, {"a": 1}, Idempotency_Key="k-1")
    for body, query in (({"a": 2}, ""), ({"a": 1}, "x=1")):
        answer = bot.post(PATH, body, query=query, Idempotency_Key="k-1")
        assert (answer.status_code, answer.json()["code"]) == (422, "KEY_REUSED")
    assert len(Counting.calls) == 1


def test_keys_belong_to_their_caller(bot: KeyClient) -> None:
    other = make_client(scopes=["order:propose"])
    assert bot.post(PATH, {"a": 1}, Idempotency_Key="k-1").json() == {"number": 1}
    assert other.post(PATH, {"a": 1}, Idempotency_Key="k-1").json() == {"number": 2}


def test_a_refusal_changed_nothing_and_may_be_asked_again(bot: KeyClient) -> None:
    for then, status in (("refuse", 422), ("break", 500), ("database", 503)):
        answer = bot.post(PATH, {"then": then}, Idempotency_Key=f"k-{then}")
        assert answer.status_code == status
        assert "secret detail" not in answer.content.decode()
        assert bot.post(PATH, {"then": "work"}, Idempotency_Key=f"k-{then}").status_code == 201
    refused = bot.post(PATH, {"then": "refuse"}, Idempotency_Key="k-9").json()
    assert refused["errors"] == [{"pointer": "/then", "code": "TEST_REFUSED", "detail": "as told"}]
    assert refused["facts"] == {"limit": 5}


def test_a_call_that_changes_something_needs_a_key_and_a_read_does_not(bot: KeyClient) -> None:
    answer = bot.post(PATH, {})
    assert (answer.status_code, answer.json()["code"]) == (400, "IDEMPOTENCY_KEY_MISSING")
    for key in ("x" * 201, "with blank", "ünïcöde"):
        answer = bot.post(PATH, {}, Idempotency_Key=key)
        assert (answer.status_code, answer.json()["code"]) == (400, "IDEMPOTENCY_KEY_MALFORMED")
    assert bot.get(PATH).status_code == 200
    assert Counting.calls == []


def test_nobody_claims_a_key_without_the_scope(bot: KeyClient) -> None:
    reader = make_client(scopes=["ledger:read"])
    assert reader.post(PATH, {}, Idempotency_Key="k-1").status_code == 403
    assert not IdempotentAnswer.objects.exists()


def test_a_claim_whose_process_died_is_taken_over_after_a_minute(db: None) -> None:
    """The late first holder keeps nothing: its fence is old."""
    arguments: dict[str, Any] = {"principal": "key:k", "key": "k-1", "request_hash": bytes(32)}
    first = idempotency.claim(**arguments)
    assert isinstance(first, idempotency.Claim)
    with pytest.raises(idempotency.StillRunning):
        idempotency.claim(**arguments)
    IdempotentAnswer.objects.update(locked_at=F("locked_at") - timedelta(seconds=idempotency.CLAIM_S + 1))
    with pytest.raises(idempotency.IdempotencyKeyReused):
        idempotency.claim(**{**arguments, "request_hash": bytes(31) + b"\x01"})
    second = idempotency.claim(**arguments)
    assert isinstance(second, idempotency.Claim)
    assert second.fence > first.fence
    idempotency.give_up(first)
    assert not idempotency.keep(first, idempotency.Answer(201, {}, b"late"))
    assert idempotency.keep(second, idempotency.Answer(201, {}, b"good"))
    assert idempotency.claim(**arguments) == idempotency.Answer(201, {}, b"good")


def test_answers_are_forgotten_after_30_days(db: None) -> None:
    idempotency.claim(principal="key:k", key="k-1", request_hash=bytes(32))
    now = datetime.now(tz=UTC)
    assert idempotency.forget(at=now + timedelta(days=29)) == 0
    assert idempotency.forget(at=now + timedelta(days=31)) == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_who_come_at_once_one_is_carried_out_and_the_others_wait_or_get_its_answer() -> None:
    """Goal: no request twice. Method: 12 clients send one key while the view of the first one waits for all to come."""
    bot = make_client(scopes=["order:propose"])
    others_came = Counting.gate = threading.Event()
    seen: list[tuple[int, bytes]] = []

    def send() -> None:
        client = KeyClient(bot.key, bot.shown)
        answer = client.post(PATH, {"a": 1}, Idempotency_Key="k-1")
        seen.append((answer.status_code, answer.content))
        if sum(status == 409 for status, _ in seen) == 11:
            others_came.set()
        connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(status for status, _ in seen) == [201] + [409] * 11
    assert len(Counting.calls) == 1
    again = bot.post(PATH, {"a": 1}, Idempotency_Key="k-1")
    assert (again.status_code, again["Idempotent-Replayed"]) == (201, "true")
    assert connection.vendor == "postgresql"


def test_a_bearer_writes_to_the_paper_book_only(db: None) -> None:
    bearer = make_client("bearer", scopes=["order:propose"])
    for path, book, status in (
        ("/api/v1/paper", "PAPER", 201),
        ("/api/v1/paper", "LIVE", 403),
        ("/api/v1/paper", "SHADOW", 403),
        ("/api/v1/paper", None, 403),
        (PATH, "PAPER", 403),  # a view that does not tell its books
    ):
        answer = bearer.post(path, {"book": book}, Idempotency_Key=f"{path}-{book}")
        assert answer.status_code == status
        assert status == 201 or answer.json()["code"] == "SIGNATURE_REQUIRED"
    signed = make_client(scopes=["order:propose"])
    assert signed.post("/api/v1/paper", {"book": "LIVE"}, Idempotency_Key="k").status_code == 201
