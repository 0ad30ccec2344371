"""Does anything that comes from outside break us? Every parameter, field and filter there is, each with nasty values.

What to try is taken from the OpenAPI description and from the admin's own lists, so that a new one is tried too.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from contextlib import suppress
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import yaml
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import SuspiciousOperation
from django.test import Client, RequestFactory

from approvals.rules.keys import SCOPES
from tests.support.api import KeyClient, make_client
from tests.support.factories import make_chart
from tests.tidy.source import ROOT
from tests.tidy.test_docs import rows

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.django_db
CATALOGUED = {code for row in rows("ERRORS.md") for code in re.findall(r"`([A-Z0-9_]+)`", row[0])}

TEXTS = [
    "", " ", "%", "x", "'", "\x00", "a\x00b", "\ufffd", "\U0001f600", "x" * 3_000, "-1", "1.5", "1e50", "NaN",
    "٣", "１２", "0" * 30 + "1", "9" * 20, "9" * 40, "9" * 5_000, "true", "maybe", "null", "../..", "{}", "[]",
    "infinity", "2026-11-20", "2026-11-20T12:00:00", "2026-W47-5", "9999-12-31T23:59:59.999999Z",
    "Infinity", "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "99999-01-01T00:00:00Z", "-0001-01-01T00:00:00Z",
    "W10", "AA", urlsafe_b64encode(b"[" * 900 + b"]" * 900).decode(), urlsafe_b64encode(b"[0,1e400]").decode(),
]  # fmt: skip
VALUES: list[Any] = [
    None, True, 0, -1, 10**40, 1.5, [], [[]], {}, {"a": 1}, *TEXTS, "\ud800", "\u0000",
    [None], [1], [{}], [{"\u0000": 1}], [[[[]]]],
]  # fmt: skip


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in described()["paths"].items():
        for method, operation in methods.items():
            if method in ("get", "post"):
                yield method.upper(), path, operation


@cache
def described() -> Any:
    return yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text())


def parameters(place: str) -> list[tuple[str, str, str]]:
    return [
        (method, path, parameter["name"])
        for method, path, operation in operations()
        for parameter in operation.get("parameters", [])
        if parameter["in"] == place
    ]


def fields() -> list[tuple[str, str]]:
    found = []
    for _, path, operation in operations():
        if body := operation.get("requestBody"):
            name = body["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
            found += [(path, field) for field in described()["components"]["schemas"][name]["properties"]]
    return found


def assert_answered(answer: Any, asked: object) -> None:
    assert answer.status_code < 500, (asked, answer.content[:300])
    if answer.status_code >= 400:
        assert answer["Content-Type"] == "application/problem+json", asked
        problem = answer.json()
        assert {problem["code"], *(error["code"] for error in problem["errors"])} <= CATALOGUED, (asked, problem)


@pytest.fixture
def bot() -> KeyClient:
    make_chart()
    return make_client(scopes=SCOPES)


@pytest.mark.parametrize(("method", "path", "name"), parameters("query"), ids=str)
def test_no_parameter_breaks_a_list(bot: KeyClient, method: str, path: str, name: str) -> None:
    for text in TEXTS:
        answer = bot.call(method, filled(path), query=f"{name}={quote(text)}")
        assert_answered(answer, text)
        assert (
            answer.status_code >= 400
            or text not in ("", "\x00", "１２", "maybe", "9999-12-31T23:59:59-23:59")
            or (
                # A filter on a text may ask for any text: it finds nothing.
                text and "\x00" not in text and answer.json()["results"] == []
            )
        ), (name, text)


@pytest.mark.parametrize(("method", "path", "name"), parameters("path"), ids=str)
def test_no_address_breaks_its_page(bot: KeyClient, method: str, path: str, name: str) -> None:
    for text in TEXTS:
        address = path.replace(f"{{{name}}}", quote(text, safe=""))
        answer = bot.call(method, address, None if method == "GET" else {"reason": "x"}, Idempotency_Key=str(len(text)))
        assert_answered(answer, text)


@pytest.mark.parametrize(("path", "field"), fields(), ids=str)
def test_no_field_breaks_a_command(bot: KeyClient, path: str, field: str) -> None:
    known = {
        "scope": "SYMBOL:NASTY", "reason": "x", "key": "k", "kind": "TRANSFER", "book": "PAPER", "symbol": "BTCUSD.s",
        "occurred_at": "2026-11-20T12:00:00Z", "strategy": "s", "account": "NONE", "side": "BUY", "quantity": "1",
    }  # fmt: skip
    schema = [name for at, name in fields() if at == path]
    usual = {name: known[name] for name in schema if name in known}
    for number, value in enumerate(VALUES):
        answer = bot.post(filled(path), {**usual, field: value}, Idempotency_Key=f"{number}")
        assert_answered(answer, value)


def test_a_thousand_parameters_are_one_clear_refusal(bot: KeyClient) -> None:
    answer = bot.get("/api/v1/venues", query="&".join(f"a{number}=1" for number in range(1_500)))
    assert (answer.status_code, answer.json()["code"]) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("query", ["symbl=X", "page=2", "format=json", "search=x", "asof=2026-11-20T12:00:00Z"])
def test_a_parameter_that_nobody_reads_is_refused(bot: KeyClient, query: str) -> None:
    for path in ("/api/v1/orders", "/api/v1/ledger/trial-balance", "/api/v1/kill-switch", "/api/v1/sessions/1"):
        answer = bot.get(path, query=query)
        assert (answer.status_code, answer.json()["code"]) == (422, "UNKNOWN_PARAMETER")
        assert answer.json()["errors"][0]["pointer"] == "/" + query.split("=", maxsplit=1)[0]


@pytest.mark.parametrize("query", ["state=NEW&state=FILLED", "symbol=", "cursor=", "created_after=", "intent="])
def test_a_parameter_says_one_thing(bot: KeyClient, query: str) -> None:
    answer = bot.get("/api/v1/orders", query=query)
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID")
    assert answer.json()["errors"][0]["pointer"].split("/")[1] == query.split("=", maxsplit=1)[0]


@pytest.mark.parametrize("text", ["maybe", "1", "True", "TRUE", "yes", "unknown", "2"])
def test_a_flag_is_true_or_false(bot: KeyClient, text: str) -> None:
    for path, name in (("/api/v1/accounts", "is_open"), ("/api/v1/sessions", "is_demo")):
        assert bot.get(path, query=f"{name}={text}").status_code == 422
        assert bot.get(path, query=f"{name}=true").status_code == 200


def filled(path: str) -> str:
    return re.sub(r"\{(\w+)\}", "1", path)


# ── People's lists ────────────────────────────────────────────────────────────────────────────────────────────────────
LISTS = [(model._meta.label_lower, made) for model, made in admin.site._registry.items()]


@pytest.fixture
def browser(db: None) -> Client:
    person = User.objects.create(username="root", is_staff=True, is_superuser=True)
    browser = Client(raise_request_exception=False)
    browser.force_login(person)
    return browser


def asked(made: Any) -> list[str]:
    """Return the parameters that a list of the admin reads."""
    columns = [field.name for field in made.model._meta.concrete_fields]
    times = [
        f"{field.name}__{look}"
        for field in made.model._meta.concrete_fields
        if field.get_internal_type() in ("DateTimeField", "DateField")
        for look in ("year", "day", "range")
    ]
    named = [name if isinstance(name, str) else name[0] for name in made.list_filter if not isinstance(name, type)]
    looks = ["", "__gte", "__isnull"]
    filters = [name + look for name, look in product(sorted({*columns, *named}), looks)]
    return ["q", "p", "o", "e", "all", *times, *filters]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("label", "made"), LISTS, ids=[label for label, _ in LISTS])
def test_no_filter_breaks_a_list_of_the_admin(browser: Client, label: str, made: Any) -> None:
    address = f"/admin/{label.replace('.', '/')}/"
    for name, text in product(asked(made), ["x", "-1", "99999", "9" * 40, "9999-12-31T23:59:59-23:59"]):
        request = RequestFactory().get(address, {name: text})
        request.user, request.session = User.objects.get(), {}  # type: ignore[assignment]  # nothing is kept in it
        # Not rendered, which takes ten times as long: what is asked for is compared before.
        with suppress(SuspiciousOperation):  # answered 400, such as by a password
            assert made.changelist_view(request).status_code < 500, (label, name, text)
    for query in ({"q": "\x00"}, {"pk__exact": "\x00"}, {"pk__regex": "("}, {"pk__in": "x,"}, {"e": "1"}):
        assert browser.get(address, query).status_code < 500, (label, query)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("year", ["-1", "99999", "9" * 40])
def test_no_filter_breaks_the_export_of_a_list(browser: Client, year: str) -> None:
    """A file cannot lead back to its list: it is refused before its first line."""
    assert browser.get("/admin/ledger/journal/export.csv", {"occurred_at__year": year}).status_code == 400
