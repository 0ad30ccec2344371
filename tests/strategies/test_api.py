"""Programs read sessions, of the desks that they reach."""

from __future__ import annotations

import pytest
from django.db import transaction

from tests.strategies import stage
from tests.support.api import make_client
from tests.support.factories import make_desk

pytestmark = pytest.mark.django_db


def test_a_session_is_listed_and_read_with_its_symbols() -> None:
    session = stage.start(symbols=["BTCUSD.s"], max_loss="12.50")
    client = make_client()
    listed = client.get("/api/v1/sessions").json()["results"]
    assert [row["id"] for row in listed] == [session.pk]
    read = client.get(f"/api/v1/sessions/{session.pk}").json()
    assert read == listed[0]
    assert read["max_loss"] == {"asset": "USD", "amount": "12.50"}
    assert (read["state"], read["account"], read["report"], read["nav"]) == ("OPENING", None, None, None)
    assert [(row["symbol"], row["pnl"]["amount"]) for row in read["symbols"]] == [("BTCUSD.s", "0.00")]


def test_a_key_of_another_desk_sees_no_session() -> None:
    with transaction.atomic():
        session = stage.start()
    stranger = make_client(desk=make_desk(code="OTHER"))
    assert stranger.get("/api/v1/sessions").json()["results"] == []
    assert stranger.get(f"/api/v1/sessions/{session.pk}").status_code == 404


@pytest.mark.parametrize(
    ("scope", "is_known"),
    [
        ("GLOBAL", True),
        ("SYMBOL:BTCUSD.s", True),
        ("SYMBOL:btcusd.S", True),
        ("SYMBOL:BTCUSD", False),
        ("STRATEGY:EMA-cross", True),
        ("STRATEGY:ema_cross", False),
        ("CHAIN:eth", False),
    ],
)
def test_a_halt_says_whether_anything_has_its_name(scope: str, is_known: bool) -> None:
    """A symbol may come later, so the halt stands; a misspelt one must not look as if something had stopped."""
    stage.start(symbols=["BTCUSD.s"])
    answer = make_client(scopes=["kill:engage"]).post("/api/v1/kill-switch/trigger", {"scope": scope, "reason": "x"})
    assert (answer.status_code, answer.json()["is_known"]) == (201, is_known)


def test_sessions_are_cut_by_state() -> None:
    stage.start()
    client = make_client()
    assert client.get("/api/v1/sessions", query="state=ENDED").json()["results"] == []
