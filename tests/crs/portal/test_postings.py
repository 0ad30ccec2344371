"""Are the postings of the book found, paged without gap or repetition, and summed over all that match?"""

from __future__ import annotations

import csv
import html
import re
from typing import TYPE_CHECKING

import pytest

from crs.portal import book
from ledger.operations import posting
from ledger.queries import postings
from tests.crs.portal import desk
from tests.support.cast import ALICE
from tests.support.factories import make_chart, make_entry

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

pytestmark = pytest.mark.django_db


def words(browser: Client, **asked: str) -> str:
    answer = browser.get("/postings/", asked)
    assert answer.status_code == 200
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def test_postings_are_found_by_the_beginning_of_their_account(signed_in: Callable[..., Client]) -> None:
    first, second = desk.show(), desk.show()
    text = words(signed_in("viewer"), account=f"{first.account.code}:VENUE")
    assert f"{first.account.code}:VENUE 100,000.00 USD" in text
    assert "Sum of the rows that match 100,000.00 USD 0.00 USD" in text
    assert second.account.code not in text
    assert f"{first.account.code}:EXTERNAL" not in text


def test_a_whole_account_balances_and_the_whole_book_needs_no_sum(signed_in: Callable[..., Client]) -> None:
    shown = desk.show()
    browser = signed_in("viewer")
    assert "Sum of the rows that match 100,000.00 USD 100,000.00 USD" in words(browser, account=shown.account.code)
    text = words(browser)
    assert "Sum of the rows" not in text
    assert "Debits and credits of whole journals are equal" in text


@pytest.mark.parametrize("asked", [{"asset": "BTC"}, {"until": "2001-01-01"}, {"since": "2200-01-01T00:00"}])
def test_a_filter_that_leaves_nothing_says_so(signed_in: Callable[..., Client], asked: dict[str, str]) -> None:
    desk.show()
    assert "No posting has all that is asked for." in words(signed_in("viewer"), **asked)


def test_an_empty_book_says_when_it_begins(signed_in: Callable[..., Client]) -> None:
    assert "The book is empty" in words(signed_in("viewer"))


@pytest.mark.parametrize(
    "asked", [{"since": "yesterday"}, {"until": "2026-13-01"}, {"since": "0001-01-01T00:00+23:00"}]
)
def test_a_time_that_is_none_is_said(signed_in: Callable[..., Client], asked: dict[str, str]) -> None:
    answer = signed_in("viewer").get("/postings/", asked)
    assert answer.status_code == 400
    assert "A time is written as" in answer.content.decode()


@pytest.mark.parametrize("after", ["x", "1", "-", "1-x", "9" * 40 + "-1", "1-²"])
def test_a_cursor_that_is_none_begins_at_the_newest(signed_in: Callable[..., Client], after: str) -> None:
    desk.show()
    assert "100,000.00 USD" in words(signed_in("viewer"), after=after)


def test_pages_show_every_posting_once(signed_in: Callable[..., Client], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book, "PAGE_ROWS", 3)
    for _ in range(4):
        desk.show()
    browser, address, seen = signed_in("viewer"), "/postings/", []
    while address:
        body = browser.get(address).content.decode()
        seen += re.findall(r'#(\d+)</a></th><td[^>]*data-l="Leg">(\d+)</td>', body)
        desk.show()  # the desk goes on posting
        link = re.search(r'href="(\?[^"]+)" rel="next"', body)
        address = f"/postings/{html.unescape(link[1])}" if link else ""
    assert len(seen) == len(set(seen))
    assert seen == [
        (str(j), str(leg)) for j, leg in postings().values_list("journal_id", "leg") if j <= int(seen[0][0])
    ]


def lines(browser: Client, **asked: str) -> list[list[str]]:
    """Return the cells of the export."""
    answer = browser.get("/postings/export.csv", asked)
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.reader(b"".join(answer.streaming_content).decode().splitlines()))  # type: ignore[attr-defined]  # a streaming answer


def test_an_export_has_every_row_that_the_filter_leaves_with_exact_amounts(signed_in: Callable[..., Client]) -> None:
    first, second = desk.show(), desk.show()
    browser = signed_in("viewer")
    head, *rows = lines(browser, account=first.account.code)
    assert head == list(book.LINE_HEAD)
    told = [dict(zip(head, row, strict=True)) for row in rows]
    assert {row["journal"] for row in told} == {str(first.journal_id)}
    assert [(row["debit"], row["credit"]) for row in told] == [("100000.000000", ""), ("", "100000.000000")]
    assert {row["journal"] for row in map(dict, [zip(head, row, strict=True) for row in lines(browser)[1:]])} == {
        str(first.journal_id),
        str(second.journal_id),
    }


def test_an_export_in_parts_repeats_and_skips_nothing(
    signed_in: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        desk.show()
    every = [[str(j), str(leg)] for j, leg in postings().values_list("journal_id", "leg")]
    for part in (1, 3, len(every), len(every) + 1):
        monkeypatch.setattr(book, "EXPORT_PART", part)
        assert [row[:2] for row in lines(signed_in("viewer"))[1:]] == every


@pytest.mark.parametrize(("most", "is_cut"), [(7, True), (8, False), (9, False)])
def test_an_export_that_is_cut_says_so_in_its_last_line(
    signed_in: Callable[..., Client], monkeypatch: pytest.MonkeyPatch, most: int, is_cut: bool
) -> None:
    for _ in range(4):
        desk.show()
    monkeypatch.setattr(book, "EXPORT_ROWS_MAX", most)
    for part in (3, 100):
        monkeypatch.setattr(book, "EXPORT_PART", part)
        rows = lines(signed_in("viewer"))[1:]
        assert len(rows) == (most + 1 if is_cut else 8)
        assert rows[-1][0].startswith("Cut here: 7 rows are written, and more match") == is_cut


def test_a_memo_that_a_spreadsheet_would_run_is_prefixed(signed_in: Callable[..., Client]) -> None:
    chart = make_chart()
    legs = [(chart.venue, "USD", 5), (chart.external, "USD", -5)]
    for memo in ("=1+1", "+1", "-1", "@SUM(A1)", "\tx", "a <b> & =c"):
        posting.post(make_entry(chart, legs, memo=memo, key=f"={memo}"), actor=ALICE)
    rows = lines(signed_in("viewer"))[1::2]
    assert [row[-1] for row in rows] == ["a <b> & =c", "'\tx", "'@SUM(A1)", "'-1", "'+1", "'=1+1"]
    assert all(row[-2].startswith("'=") for row in rows)
    assert {(row[8], row[9]) for row in rows} == {("0.000005", "")}


def test_an_export_of_a_time_that_is_none_is_said_on_the_page(signed_in: Callable[..., Client]) -> None:
    answer = signed_in("viewer").get("/postings/export.csv", {"since": "yesterday"})
    assert answer.status_code == 400
    assert "A time is written as" in answer.content.decode()


def test_the_page_offers_its_export_with_its_filters(signed_in: Callable[..., Client]) -> None:
    shown = desk.show()
    body = (
        signed_in("viewer").get("/postings/", {"account": shown.account.code, "after": "999999999-1"}).content.decode()
    )
    assert f'href="/postings/export.csv?account={shown.account.code}"' in body


def test_the_page_asks_as_often_for_many_rows_as_for_few(
    signed_in: Callable[..., Client], django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    browser = signed_in("viewer")
    shown = [desk.show() for _ in range(4)]
    browser.get("/postings/")
    with django_assert_max_num_queries(7):
        browser.get("/postings/", {"account": shown[0].account.code})
