"""Does a list in pages show every row once, and does an edit prove that it is fresh?"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import Group
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.models import AuditEvent
from approvals.operations import audit
from tests.crs.rest_views import Named
from tests.support.api import KeyClient, make_client
from tests.support.cast import ALICE

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.crs.rest_views")]
PATH = "/api/v1/events"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def cursor(place: object) -> str:
    return "cursor=" + urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


@pytest.fixture
def reader() -> KeyClient:
    """A reader of 23 events at three moments, so that most of them share one."""
    client = make_client(scopes=["ledger:read", "ledger:write"])
    for number in range(23):
        audit.record(
            action="approvals.test.done",
            actor=ALICE,
            subject_kind="test",
            subject_id=f"s{number % 4}",
            at=NOON + timedelta(seconds=number % 3),
        )
    return client


def follow(client: KeyClient, link: str) -> Any:
    parts = urlsplit(link)
    answer = client.get(parts.path, query=parts.query)
    assert answer.status_code == 200, answer.content
    return answer.json()


@settings(max_examples=25)
@given(size=st.integers(1, 24), ordering=st.sampled_from(["", "at", "-at", "subject_id", "-subject_id"]))
def test_pages_show_every_row_once_forth_and_back(reader: KeyClient, size: int, ordering: str) -> None:
    query = f"page_size={size}&subject_kind=test" + (f"&ordering={ordering}" if ordering else "")
    page = follow(reader, f"{PATH}?{query}")
    assert page["previous"] is None
    pages = [page["results"]]
    while page["next"]:
        page = follow(reader, page["next"])
        pages.append(page["results"])
    shown = [row["id"] for rows in pages for row in rows]
    field = ordering or "-at"
    key = "-id" if field.startswith("-") else "id"
    assert shown == list(
        AuditEvent.objects.filter(subject_kind="test").order_by(field, key).values_list("id", flat=True)
    )
    back = [page["results"]]
    while page["previous"]:
        page = follow(reader, page["previous"])
        back.append(page["results"])
    assert back[::-1] == pages


def test_rows_that_come_in_between_neither_repeat_nor_hide_others(reader: KeyClient) -> None:
    first = follow(reader, f"{PATH}?page_size=10&subject_kind=test")
    audit.record(
        action="approvals.test.done", actor=ALICE, subject_kind="test", subject_id="new", at=NOON + timedelta(1)
    )
    second = follow(reader, first["next"])
    assert not {row["id"] for row in first["results"]} & {row["id"] for row in second["results"]}
    assert "new" not in {row["subject_id"] for row in second["results"]}


@pytest.mark.parametrize(
    "query",
    [
        "page_size=0",
        "page_size=1001",
        "page_size=-1",
        "page_size=x",
        "page_size=01",
        "page_size=0000000011500",
        "page_size=%EF%BC%91",
        "page_size=" + "0" * 9 + "9" * 5_000,
        "page_size=" + "9" * 50,
        "ordering=body",
        "ordering=--at",
        "cursor=nonsense",
        "cursor=!!!",
        "cursor=WzBd",
        "cursor=WzAsIngiLDFd",
        "cursor=bnVsbA",
        "cursor=W10",
        cursor([0, "2026-11-20", 1]),
        cursor([0, "2026-11-20T12:00:00", 1]),
        cursor([0, "9999-12-31T23:59:59-23:59", 1]),
        cursor([0, "0001-01-01T00:00:00+23:59", 1]),
        cursor([0, "2026-11-20T12:00:00Z", 10**30]),
        cursor([0, "2026-11-20T12:00:00Z", True]),
        cursor([0, "2026-11-20T12:00:00Z", 1.0]),
        cursor([0, "2026-11-20T12:00:00Z", "1"]),
        cursor([2, "2026-11-20T12:00:00Z", 1]),
        cursor([False, "2026-11-20T12:00:00Z", 1]),
        cursor([0, "a\0", 1]) + "&ordering=subject_id",
        cursor([0, "\ud800", 1]) + "&ordering=subject_id",
        "cursor=" + urlsafe_b64encode(b"[" * 700 + b"]" * 700).decode().rstrip("="),
        "cursor=" + urlsafe_b64encode(b"\xff\xfe").decode().rstrip("="),
    ],
)
def test_a_page_that_does_not_exist_is_refused(reader: KeyClient, query: str) -> None:
    answer = reader.get(PATH, query=query)
    assert (answer.status_code, answer.json()["code"]) == (400, "PAGE_REFUSED")


def test_a_page_holds_a_hundred_rows_unless_asked_for_more(reader: KeyClient) -> None:
    assert follow(reader, PATH)["page_size"] == 100
    assert follow(reader, f"{PATH}?page_size=1000")["page_size"] == 1000


def test_an_edit_needs_the_etag_of_what_it_edits(reader: KeyClient) -> None:
    path = f"/api/v1/named/{Group.objects.create(name='one').pk}"
    Named.versions.clear()
    first = reader.get(path)["ETag"]
    missing = reader.call("PUT", path, {"name": "two"}, Idempotency_Key="k-1")
    assert (missing.status_code, missing.json()["code"]) == (428, "PRECONDITION_MISSING")
    edited = reader.call("PUT", path, {"name": "two"}, Idempotency_Key="k-2", If_Match=first)
    assert edited.status_code == 200
    assert edited["ETag"] != first
    stale = reader.call("PUT", path, {"name": "three"}, Idempotency_Key="k-3", If_Match=first)
    assert (stale.status_code, stale.json()["code"]) == (412, "PRECONDITION_STALE")
    assert reader.get(path).json() == {"name": "two"}
