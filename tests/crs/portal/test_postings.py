"""Are the postings of the book found, paged without gap or repetition, and summed over all that match?"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

import pytest

from crs.portal import book
from ledger.queries import postings
from tests.crs.portal import desk

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


@pytest.mark.parametrize("asked", [{"since": "yesterday"}, {"until": "2026-13-01"}])
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


def test_the_page_asks_as_often_for_many_rows_as_for_few(
    signed_in: Callable[..., Client], django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    browser = signed_in("viewer")
    shown = [desk.show() for _ in range(4)]
    browser.get("/postings/")
    with django_assert_max_num_queries(7):
        browser.get("/postings/", {"account": shown[0].account.code})
