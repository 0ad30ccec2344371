"""Does every page carry the same frame, under the right policy, for each role and in both languages?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.contrib.staticfiles import finders
from django.urls import reverse

from approvals.operations import killswitch
from approvals.rules.scope import GLOBAL
from crs.kernel.actor import machine
from tests.support.factories import NOON

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

STRICT = ["/kill/", "/me/", "/health/", "/postings/", "/find/", "/keys/new/"]
ADMIN = [
    "/admin/",
    "/admin/approvals/killswitch/",
    "/admin/approvals/account/",
    "/admin/approvals/apikey/",
    "/admin/approvals/auditevent/",
    "/admin/approvals/losslimit/",
    "/admin/execution/intent/",
    "/admin/execution/order/",
    "/admin/execution/fill/",
    "/admin/auth/user/",
    "/admin/django_celery_beat/periodictask/",
]
ROLES = ["viewer", "operator", "risk", "finance", "security", "administrator"]
MAY = {"/kill/": {"operator", "risk", "security", "administrator"}, "/keys/new/": {"security"}}


@pytest.mark.parametrize("path", STRICT)
def test_a_strict_page_may_evaluate_nothing(signed_in: Callable[..., Client], path: str) -> None:
    policy = signed_in("security").get(path)["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_only_the_admin_may_evaluate(signed_in: Callable[..., Client]) -> None:
    policy = signed_in("viewer").get("/admin/")["Content-Security-Policy"]
    assert "script-src 'self' 'unsafe-eval'" in policy
    assert "style-src 'self' 'unsafe-inline'" in policy
    assert "script-src 'self' 'unsafe-inline'" not in policy


@pytest.mark.parametrize("path", STRICT)
def test_a_strict_page_has_no_inline_script_or_style(signed_in: Callable[..., Client], path: str) -> None:
    body = signed_in("security").get(path).content.decode()
    assert re.findall(r"<script(?![^>]*src=)", body) == []
    assert re.findall(r"\sstyle=|<style|\son\w+=", body) == []


@pytest.mark.parametrize("path", STRICT)
def test_a_strict_page_weighs_less_than_60_kib_with_all_that_it_loads(
    signed_in: Callable[..., Client], path: str
) -> None:
    body = signed_in("security").get(path).content
    loaded = {match.decode() for match in re.findall(rb'(?:src|href)="/static/([^"#]+)', body)}
    assert {name.rsplit(".")[-1] for name in loaded} <= {"css", "js", "svg"}
    sizes = {name: finders.find(name) for name in loaded}
    assert None not in sizes.values()
    total = len(body) + sum(Path(str(path)).stat().st_size for path in sizes.values())
    assert total < 60 * 1024


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("path", [*STRICT, *ADMIN])
def test_a_role_opens_what_it_may_and_reads_who_may_otherwise(
    signed_in: Callable[..., Client], path: str, role: str
) -> None:
    answer = signed_in(role).get(path)
    allowed = MAY.get(path)
    if allowed is None or role in allowed:
        assert answer.status_code == 200
    else:
        assert answer.status_code == 403
        assert all(name in answer.content.decode() for name in allowed)


@pytest.mark.parametrize("role", ROLES)
def test_the_way_to_stop_is_drawn_for_those_who_may_stop(signed_in: Callable[..., Client], role: str) -> None:
    for path in ("/admin/", "/me/"):
        body = signed_in(role).get(path).content.decode()
        assert ('class="stop-link"' in body) == (role in MAY["/kill/"])


@pytest.mark.parametrize("path", [*STRICT, "/admin/", "/admin/execution/order/"])
def test_nobody_reads_a_page_without_signing_in(client: Client, db: None, path: str) -> None:
    answer = client.get(path, {"scope": "SYMBOL:XAUUSD.s"})
    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/?next=")
    assert "XAUUSD.s" in answer["Location"]


@pytest.mark.parametrize("path", ["/live/bar/", "/live/cockpit/", "/health/live/"])
def test_a_fragment_is_401_without_and_304_when_nothing_changed(
    signed_in: Callable[..., Client], client: Client, path: str
) -> None:
    assert client.get(path).status_code == 401
    browser = signed_in("viewer")
    first = browser.get(path)
    assert first.status_code == 200
    second = browser.get(path, headers={"If-None-Match": first["ETag"]})
    assert (second.status_code, second.content) == (304, b"")


def test_every_page_shows_that_something_stands_still(signed_in: Callable[..., Client]) -> None:
    browser = signed_in("viewer")
    before = browser.get("/live/bar/")
    killswitch.engage(scope=GLOBAL, reason="a drill", actor=machine("test"), at=NOON)
    for path in ("/admin/", "/me/", "/admin/execution/fill/", "/live/bar/"):
        assert "halt-bar" in browser.get(path).content.decode()
    assert browser.get("/live/bar/", headers={"If-None-Match": before["ETag"]}).status_code == 200


@pytest.mark.parametrize("path", [*STRICT, "/admin/", "/admin/approvals/killswitch/"])
def test_a_page_has_one_heading_a_skip_link_and_landmarks(signed_in: Callable[..., Client], path: str) -> None:
    body = signed_in("security").get(path).content.decode()
    assert len(re.findall(r"<h1[ >]", body)) == 1
    assert 'class="skip" href="#content"' in body
    assert 'id="content"' in body
    assert re.search(r'<nav[^>]+aria-label="', body)
    assert '<button type="button" class="menu" popovertarget="side"' in body


@pytest.mark.parametrize(("path", "most"), [("/me/", 5), ("/kill/", 9), ("/live/bar/", 4)])
def test_a_page_asks_the_database_a_few_times_only(
    signed_in: Callable[..., Client], django_assert_max_num_queries: DjangoAssertNumQueries, path: str, most: int
) -> None:
    browser = signed_in("security")
    browser.get(path)
    with django_assert_max_num_queries(most):
        browser.get(path)


@pytest.mark.parametrize("path", ["/admin/", "/admin/approvals/account/", "/admin/auth/user/", "/me/", "/admin/login/"])
def test_what_a_page_says_stands_in_its_main_landmark(signed_in: Callable[..., Client], path: str) -> None:
    browser = signed_in("viewer")
    if path == "/admin/login/":
        browser.logout()
    body = browser.get(path).content.decode()
    assert len(re.findall(r"<main[ >]", body)) == 1
    assert body.index("<main") < body.index("</main>")


def test_a_list_is_called_as_in_the_sidebar(signed_in: Callable[..., Client]) -> None:
    browser = signed_in("viewer")
    for path, name in (("approvals/auditevent/", "Evidence"), ("auth/user/", "People"), ("auth/group/", "Groups")):
        body = browser.get(f"/admin/{path}").content.decode()
        assert f"<h1>{name}</h1>" in body
        assert re.search(rf"<title>[^<]*{name} \| CRS</title>", body)


def test_a_list_shows_its_order_only_when_the_reader_chose_it(signed_in: Callable[..., Client]) -> None:
    browser = signed_in("viewer")
    assert "sortremove" not in browser.get("/admin/auth/user/").content.decode()
    chosen = browser.get("/admin/auth/user/", {"o": "-1"}).content.decode()
    assert 'aria-sort="descending"' in chosen
    assert 'aria-label="Remove from sorting"' in chosen


def test_gains_are_red_in_chinese_unless_the_reader_chose_otherwise(signed_in: Callable[..., Client]) -> None:
    browser = signed_in("viewer")
    assert "profit-green" in browser.get("/me/").content.decode()
    browser.cookies["django_language"] = "zh-hans"
    assert "profit-red" in browser.get("/me/").content.decode()
    browser.post("/me/", {"profit": "neutral", "shortcuts": "on"})
    assert "profit-neutral" in browser.get("/me/").content.decode()


def test_single_keys_can_be_switched_off(signed_in: Callable[..., Client]) -> None:
    browser = signed_in("viewer")
    assert "data-shortcuts" in browser.get("/me/").content.decode()
    browser.post("/me/", {"profit": ""})
    assert "data-shortcuts" not in browser.get("/me/").content.decode()


def test_dates_are_iso_in_both_languages(signed_in: Callable[..., Client]) -> None:
    from django.utils import formats, translation

    for language in ("en", "zh-hans"):
        with translation.override(language):
            assert formats.date_format(NOON, "DATETIME_FORMAT") == "2026-11-20 12:00:00"


def test_the_sign_in_page_stands_without_a_frame(client: Client, db: None) -> None:
    answer = client.get(reverse("admin:login"))
    assert answer.status_code == 200
    assert 'class="side' not in answer.content.decode()
