"""Do the docs of the API say what the API does? The client is run, the vector is computed, the schema is current."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import call_command

from tests.approvals.test_signatures import HMAC, SIGNATURE, TEXT
from tests.support.api import make_client
from tests.tidy.source import ROOT

if TYPE_CHECKING:
    from pytest_django.live_server_helper import LiveServer

PAGE = (ROOT / "docs" / "api.md").read_text()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("query", ["", "page_size=2&code=%2F1"])
def test_the_client_of_the_docs_works_as_it_stands(live_server: LiveServer, query: str) -> None:
    client, stop = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    bot = make_client(scopes=["ledger:read", "kill:engage"])
    names: dict[str, Any] = {"base": live_server.url, "key_id": bot.key.key_id, "private_key": bot.shown["private_key"]}
    exec(client, names)
    exec(f"answer = {stop.strip()}", names)
    assert names["answer"]["is_new"] is True
    identity = (live_server.url, bot.key.key_id, bot.shown["private_key"])
    assert names["call"](*identity, "GET", "/api/v1/venues", query=query)["results"] == []
    state = names["call"](*identity, "GET", "/api/v1/kill-switch")
    assert state["kill_switches"][0]["scope"] == "SYMBOL:XAUUSD.s"


def test_the_vector_of_the_docs_is_the_one_that_is_tested() -> None:
    assert f"```text\n{TEXT}\n```" in PAGE
    assert f"`{SIGNATURE}`" in PAGE
    assert f"`{HMAC}`" in PAGE


def test_the_committed_schema_is_current_and_without_a_warning() -> None:
    """Renew it with `manage.py spectacular --file docs/openapi.yaml`."""
    out = io.StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    assert (ROOT / "docs" / "openapi.yaml").read_text().strip() == out.getvalue().strip()
