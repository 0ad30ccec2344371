"""Does REST say no in one shape, read only what means one thing, and name every request?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from django.urls import URLResolver, get_resolver
from rest_framework.settings import api_settings

from approvals.rules.keys import BEARER_ON_PAPER, SCOPES
from tests.support.api import make_client

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.django_db
SHAPE = {"type", "title", "status", "detail", "code", "errors", "request_id"}


def test_time_is_told_to_anybody_with_the_request_id_echoed() -> None:
    answer = Client().get("/api/v1/time", headers={"X-Request-ID": "abc-1"})
    assert answer.status_code == 200
    assert answer["X-Request-ID"] == "abc-1"
    assert answer.json()["time"].endswith("Z")
    assert isinstance(answer.json()["unix_ms"], int)


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "a\tb", "é"])
def test_a_request_id_that_is_no_plain_name_is_replaced(given: str) -> None:
    answer = Client().get("/api/v1/time", headers={"X-Request-ID": given})
    assert len(answer["X-Request-ID"]) == 32


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/api/v1/nothing", b"", 404, "NOT_FOUND"),
        ("GET", "/api/nothing", b"", 404, "NOT_FOUND"),
        ("DELETE", "/api/v1/kill-switch", b"", 405, "METHOD_NOT_ALLOWED"),
        ("OPTIONS", "/api/v1/kill-switch", b"", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/api/v1/kill-switch/release", b"{}", 404, "NOT_FOUND"),
        ("POST", "/api/v1/kill-switch/trigger", b"{", 400, "MALFORMED"),
        ("POST", "/api/v1/kill-switch/trigger", b"\xff", 400, "MALFORMED"),
        ("POST", "/api/v1/kill-switch/trigger", b'{"scope": NaN}', 400, "MALFORMED"),
        ("POST", "/api/v1/kill-switch/trigger", b'{"scope": "GLOBAL", "scope": "GLOBAL"}', 400, "MALFORMED"),
        ("POST", "/api/v1/kill-switch/trigger", b"[" * 100_000, 400, "MALFORMED"),
        ("POST", "/api/v1/kill-switch/trigger", b'{"scope": ' + b"1" * 5_000 + b"}", 400, "MALFORMED"),
        ("POST", "/api/v1/kill-switch/trigger", b'{"reason": [{"a/b": 1.5}]}', 422, "FLOAT_REFUSED"),
        ("POST", "/api/v1/kill-switch/trigger", b'{"reason": 1e3}', 422, "FLOAT_REFUSED"),
        ("POST", "/api/v1/kill-switch/trigger", b'{"scope": "GLOBAL"}', 422, "INVALID"),
        ("POST", "/api/v1/kill-switch/trigger", b'"text"', 422, "INVALID"),
        (
            "POST",
            "/api/v1/kill-switch/trigger",
            b'{"scope": "GLOBAL", "reason": "x", "position": "KEEP"}',
            422,
            "UNKNOWN_FIELD",
        ),
        ("POST", "/api/v1/kill-switch/trigger", b'{"scope": "MOON:1", "reason": "x"}', 422, "SCOPE_MALFORMED"),
        ("POST", "/api/v1/kill-switch/trigger", b'{"scope": "DESK:NONE", "reason": "x"}', 422, "UNKNOWN_SCOPE"),
    ],
)
def test_every_refusal_is_a_problem(method: str, path: str, body: bytes, status: int, code: str) -> None:
    client = make_client(scopes=["ledger:read", "kill:engage"])
    answer = client.call(method, path, body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer["Content-Type"] == "application/problem+json"
    assert set(answer.json()) >= SHAPE
    assert answer.json()["request_id"] == answer["X-Request-ID"]
    assert answer.json()["status"] == status


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"])
@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v1/kill-switch/release", 404, "NOT_FOUND"),
        ("/api/v1/leases", 404, "NOT_FOUND"),
        ("/api/v1/ledger/journals/-1/reverse", 404, "NOT_FOUND"),
        ("/api/nothing", 404, "NOT_FOUND"),
        ("/api/v1/venues", 405, "METHOD_NOT_ALLOWED"),
        ("/api/v1/time", 405, "METHOD_NOT_ALLOWED"),
        ("/api/schema/", 405, "METHOD_NOT_ALLOWED"),
    ],
)
def test_what_is_not_there_says_so_to_programs_too(method: str, path: str, status: int, code: str) -> None:
    """Django's test client leaves CSRF out unless it is asked for; a program never brings its token."""
    bot = make_client(scopes=["ledger:read"])
    bot.client = Client(enforce_csrf_checks=True)
    answer = bot.call(method, path, {})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer["Content-Type"] == "application/problem+json"


def test_a_float_is_pointed_at() -> None:
    answer = make_client(scopes=["kill:engage"]).post("/api/v1/kill-switch/trigger", b'{"reason": [{"a/b": 1.5}]}')
    assert answer.json()["errors"][0]["pointer"] == "/reason/0/a~1b"


def test_missing_fields_are_pointed_at_one_by_one() -> None:
    answer = make_client(scopes=["kill:engage"]).post("/api/v1/kill-switch/trigger", {})
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/scope", "/reason"]


def test_other_media_types_are_refused() -> None:
    client = make_client(scopes=["kill:engage"])
    headers = client.headers("POST", "/api/v1/kill-switch/trigger", b"a=1")
    answer = client.client.post(
        "/api/v1/kill-switch/trigger",
        b"a=1",
        content_type="application/x-www-form-urlencoded",
        headers={"Host": "127.0.0.1:8000", **headers},
    )
    assert (answer.status_code, answer.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_a_foreign_host_is_a_problem_too() -> None:
    answer = Client().get("/api/v1/time", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.json()["code"]) == (400, "BAD_REQUEST")
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer["X-Request-ID"]


def test_a_body_beyond_the_limit_is_refused() -> None:
    client = make_client(scopes=["kill:engage"])
    answer = client.post("/api/v1/kill-switch/trigger", b"[" + b" " * 3_000_000 + b"]")
    assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")


def views_under_v1(patterns: list[Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from views_under_v1(pattern.url_patterns, prefix + str(pattern.pattern))
        elif prefix.startswith("api/v1/"):
            yield prefix + str(pattern.pattern), getattr(pattern.callback, "cls", None)


OPEN = {"api/v1/time"}  # the one address that anybody may ask


@pytest.mark.parametrize(("path", "view"), list(views_under_v1(get_resolver().url_patterns)), ids=str)
def test_every_view_asks_for_a_scope_that_exists_and_answers_once(path: str, view: Any) -> None:
    """A view that brought permissions or a parser of its own would step out of what is promised for all."""
    if path in OPEN:
        return
    assert view is not None, "a plain Django view has no scopes"
    assert view.permission_classes == api_settings.DEFAULT_PERMISSION_CLASSES
    assert view.authentication_classes == api_settings.DEFAULT_AUTHENTICATION_CLASSES
    assert view.parser_classes == api_settings.DEFAULT_PARSER_CLASSES
    named = [(scope,) if isinstance(scope, str) else scope for scope in view.scopes.values()]
    assert {scope for scopes in named for scope in scopes} <= set(SCOPES)
    methods = {name.upper() for name in view.http_method_names if name != "options" and hasattr(view, name)}
    assert methods - {"HEAD"} == set(view.scopes)
    writes = {scope for method, scope in view.scopes.items() if method != "GET"}
    if writes & BEARER_ON_PAPER:
        assert hasattr(view, "books"), "tell which books a request writes, or no bearer reaches the PAPER book"


def test_the_docs_need_no_other_server_and_no_inline_script() -> None:
    page = Client().get("/api/docs/")
    assert page.status_code == 200
    text = page.content.decode()
    assert "<style" not in text
    assert "http://" not in text.replace("http://testserver", "")
    assert "https://" not in text
    assert all("src=" in tag for tag in text.split("<script")[1:])
    assert "unsafe" not in page["Content-Security-Policy"]
    assert Client().get("/api/docs/?script=").status_code == 200
    assert Client().get("/api/schema/").status_code == 200


WRITES = [path for path, view in views_under_v1(get_resolver().url_patterns) if "POST" in getattr(view, "scopes", {})]


@pytest.mark.parametrize("path", WRITES)
def test_no_body_may_name_a_field_that_nobody_reads(path: str) -> None:
    client = make_client(scopes=SCOPES)
    answer = client.post("/" + re.sub(r"<\w+:\w+>", "1", path), {"no/such": 1}, Idempotency_Key=path)
    assert (answer.status_code, answer.json()["code"]) == (422, "UNKNOWN_FIELD")
    assert answer.json()["errors"][0]["pointer"] == "/no~1such"
