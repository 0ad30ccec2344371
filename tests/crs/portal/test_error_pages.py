"""Does a person who goes astray get a page that says what is still safe, with no database to make it?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import path

from crs import urls as crs_urls

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse, HttpResponseBase

# Without the mark of a database every query fails: none of these pages may ask for anything.
pytestmark = pytest.mark.urls(__name__)


def denied(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a secret")


urlpatterns = [path("denied/", denied), path("broken/", broken), *crs_urls.urlpatterns]
handler400, handler500 = crs_urls.handler400, crs_urls.handler500


def refused(address: str, *, method: str = "GET", **headers: str) -> HttpResponseBase:
    browser = Client(raise_request_exception=False, enforce_csrf_checks=True)
    return browser.generic(method, address, headers=headers)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize(
    ("address", "method", "status", "heading"),
    [
        ("/nothing/", "GET", 404, "Nothing is here"),
        ("/nothing/", "POST", 404, "Nothing is here"),
        ("/denied/", "GET", 403, "Not permitted"),
        ("/kill/", "POST", 403, "This form is out of date"),
        ("/kill/?scope=%00", "GET", 400, "This cannot be read"),
        ("/kill/%00", "GET", 400, "This cannot be read"),
        ("/static/%00.css", "GET", 400, "This cannot be read"),
        ("/static/nothing.css", "GET", 404, "Nothing is here"),
        ("/broken/", "GET", 500, "Something here is broken"),
    ],
)
def test_a_person_gets_a_page_that_says_what_is_safe(
    address: str, method: str, status: int, heading: str, language: str
) -> None:
    answer = refused(address, method=method, Accept_Language=language)
    body = answer.content.decode()  # type: ignore[attr-defined]  # a page, not a stream
    assert (answer.status_code, answer["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert body.count("<h1>") == 1
    assert (f"<h1>{heading}</h1>" in body) == (language == "en")
    assert 'href="/admin/"' in body
    assert 'href="/kill/"' in body
    assert "secret" not in body
    assert " style=" not in body
    assert all("src=" in tag for tag in body.split("<script")[1:])
    assert "unsafe" not in answer["Content-Security-Policy"]


def test_a_foreign_host_gets_a_page_too() -> None:
    answer = refused("/kill/", Host="evil.example")
    assert (answer.status_code, answer["Content-Type"]) == (400, "text/html; charset=utf-8")


def test_a_program_gets_no_page() -> None:
    assert refused("/api/nothing", method="POST")["Content-Type"] == "application/problem+json"
