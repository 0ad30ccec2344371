"""Does one field find every row by its id, its key or how that begins, without reading a large table?"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals.models import AuditEvent
from approvals.operations import keys, killswitch
from approvals.rules.scope import Scope
from crs.kernel.actor import machine
from crs.kernel.lookup import row_ids, uuid_span
from crs.portal import finding
from execution.models import Fill, Order
from ledger.models import Journal
from tests.crs.portal import desk
from tests.support.people import make_person

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

pytestmark = pytest.mark.django_db

LARGE = (
    "ledger_journal",
    "ledger_posting",
    "approvals_auditevent",
    "execution_intent",
    "execution_order",
    "execution_fill",
)


def hits(text: str) -> dict[str, list[str]]:
    """Return the titles of what is found, by kind."""
    return {kind.title: [hit.title for hit in kind.hits] for kind in finding.find(text)}


@pytest.mark.parametrize(
    ("text", "ids"),
    [("12", [12]), ("0", [0]), ("", []), ("-1", []), ("1.5", []), ("²", []), ("9" * 18, [10**18 - 1]), ("9" * 19, [])],
)
def test_a_row_s_id_is_a_short_whole_number(text: str, ids: list[int]) -> None:
    assert row_ids(text) == ids


@pytest.mark.parametrize("text", ["1234567", "1234567g", "x" * 8, "1" * 33, "-" * 9, "１２３４５６７８"])
def test_what_begins_no_uuid_has_no_span(text: str) -> None:
    assert uuid_span(text) is None


def test_the_beginning_of_a_uuid_spans_all_that_begin_so() -> None:
    span = uuid_span("0A0b0c0d-0e")
    assert span is not None
    assert [str(end) for end in span] == [
        "0a0b0c0d-0e00-0000-0000-000000000000",
        "0a0b0c0d-0eff-ffff-ffff-ffffffffffff",
    ]


def test_every_kind_is_found_by_what_people_have_of_it() -> None:
    shown = desk.show()
    order = desk.order(shown.account, at=shown.at)
    Order.objects.filter(pk=order.pk).update(venue_order="770011223", state="SENT")
    fill = desk.fill(order, journal_id=shown.journal_id, deal="550011223", at=shown.at)
    engaged = killswitch.engage(scope=Scope("SYMBOL", "BTCUSD.s"), reason="a drill", actor=machine("test"), at=shown.at)
    adam = make_person("adam", "security")
    made = keys.create(name="bot-1", kind="ed25519", scopes=["ledger:read"], actor=adam, at=shown.at, label="demo")
    journal = Journal.objects.get(pk=shown.journal_id)
    event = AuditEvent.objects.order_by("-id").first()
    assert event is not None
    code, wire = shown.account.code, str(order.client_order_id)
    for kind, text, title in (
        ("Symbols", "btcusd", "BTCUSD.s"),
        ("Sessions", str(shown.session.pk), f"Session {shown.session.pk}"),
        ("Sessions", str(shown.session.key), f"Session {shown.session.pk}"),
        ("Halts", "SYMBOL:btc", "SYMBOL:BTCUSD.s"),
        ("Halts", str(engaged.halt.epoch), "SYMBOL:BTCUSD.s"),
        ("Journals", f"#{journal.pk}", f"#{journal.pk}"),
        ("Journals", journal.key[:-1], f"#{journal.pk}"),
        ("Ledger accounts", f"{code}:VEN", f"{code}:VENUE"),
        ("Intents", str(order.intent_id), f"#{order.intent_id}"),
        ("Intents", order.intent.key[:12], f"#{order.intent_id}"),
        ("Orders", str(order.pk), f"#{order.pk}"),
        ("Orders", wire.upper(), f"#{order.pk}"),
        ("Orders", wire[:10], f"#{order.pk}"),
        ("Orders", "77001", f"#{order.pk}"),
        ("Fills", "55001122", fill.deal),
        ("Evidence", f" {event.pk} ", f"#{event.pk}"),
        ("Venues and accounts", code.lower(), code),
        ("Venues and accounts", shown.account.login, code),
        ("Keys", made.key.key_id[:8], made.key.key_id),
        ("Keys", "bot", made.key.key_id),
        ("People", "ada", "adam"),
    ):
        assert title in hits(text).get(kind, []), (kind, text)


@pytest.mark.parametrize("text", ["", "  ", "#", "no such thing", "%", "_", "\\", "'", "x" * 201, "9" * 60, "🂡"])
def test_what_finds_nothing_is_said_and_breaks_nothing(signed_in: Callable[..., Client], text: str) -> None:
    desk.show()
    answer = signed_in("viewer").get("/find/", {"q": text})
    assert answer.status_code == 200
    assert 'class="hits"' not in answer.content.decode()


def test_a_single_hit_opens_by_itself(signed_in: Callable[..., Client]) -> None:
    shown = desk.show()
    journal = Journal.objects.get(pk=shown.journal_id)
    answer = signed_in("viewer").get("/find/", {"q": journal.key})
    assert (answer.status_code, answer["Location"]) == (302, f"/admin/ledger/journal/{journal.pk}/change/")


def test_several_hits_are_listed_by_kind_each_with_its_page(signed_in: Callable[..., Client]) -> None:
    shown = desk.show()
    browser = signed_in("viewer")
    body = browser.get("/find/", {"q": shown.account.code}).content.decode()
    for link in re.findall(r'<li><a href="([^"]+)"><b>', body):
        assert browser.get(html.unescape(link)).status_code == 200
    assert f"<b>{shown.account.code}</b>" in body
    assert "the first 5; the list has a filter" in body  # its ledger accounts


def test_at_most_five_of_a_kind_are_shown_by_one_query_each() -> None:
    for _ in range(7):
        desk.show()
    with CaptureQueriesContext(connection) as asked:
        found = finding.find("PAPER-")
    assert len(asked) <= len(finding.KINDS)
    assert max(len(kind.hits) for kind in found) == finding.HITS_MAX
    assert all("LIMIT" in query["sql"] for query in asked)


@pytest.mark.parametrize("text", ["12345", "entry-12", "0a0b0c0d-1111", "nothing begins so"])
def test_a_large_table_is_never_read_from_end_to_end(text: str) -> None:
    """Few rows are read whole, so plans may not: one that knows no other way shows it all the same."""
    with CaptureQueriesContext(connection) as asked:
        finding.find(text)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        for query in asked:
            cursor.execute(f"EXPLAIN {query['sql']}")
            plan = "\n".join(row[0] for row in cursor.fetchall())
            for table in LARGE:
                assert f"Seq Scan on {table}" not in plan, plan


def test_every_page_carries_the_field_and_works_without_scripts(signed_in: Callable[..., Client]) -> None:
    browser = signed_in("viewer")
    for path in ("/admin/", "/me/", "/admin/ledger/journal/", "/find/"):
        body = browser.get(path).content.decode()
        fields = re.findall(r'<form[^>]*role="search".*?</form>', body, re.DOTALL)
        assert sum('name="q"' in form and "data-seek" in form for form in fields) == 1, path


def test_a_text_is_shown_and_never_run(signed_in: Callable[..., Client]) -> None:
    body = signed_in("viewer").get("/find/", {"q": "<script>alert(1)</script>"}).content.decode()
    assert "<script>alert" not in body
    assert "&lt;script&gt;" in body


def test_a_fill_and_its_order_share_a_number_and_both_are_listed() -> None:
    shown = desk.show()
    order = desk.order(shown.account, at=shown.at)
    Order.objects.filter(pk=order.pk).update(venue_order="880011", state="SENT")
    desk.fill(order, journal_id=shown.journal_id, deal="880011", at=shown.at)
    assert Fill.objects.count() == 1
    assert {"Orders", "Fills"} <= set(hits("880011"))
