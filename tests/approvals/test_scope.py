"""What does a scope cover?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.rules import scope as scopes
from approvals.rules.scope import GLOBAL, KINDS, Kind, Scope, ScopeMalformed, Subject

ORDER = Subject(
    desk="DEMO", venue="PAPER", account="PAPER-7", chain="eth", strategy="trend-1", symbol="XAUUSD.s", key="k1"
)


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("GLOBAL", GLOBAL),
        ("global", GLOBAL),
        (" Global ", GLOBAL),
        ("SYMBOL:XAUUSD.s", Scope("SYMBOL", "XAUUSD.s")),
        ("symbol:xauusd.S", Scope("SYMBOL", "xauusd.S")),
        ("account:PAPER-7", Scope("ACCOUNT", "PAPER-7")),
        ("Symbol:#AAPL", Scope("SYMBOL", "#AAPL")),
    ],
)
def test_a_scope_is_read_in_any_case(text: str, scope: Scope) -> None:
    assert scopes.parse(text) == scope


@pytest.mark.parametrize(
    "text",
    ["", "MOON", "MOON:1", "DESK", "DESK:", "GLOBAL:1", "SYMBOL:a b", "SYMBOL:" + "x" * 65, "SYMBOL:ä", "SYMBOL:a\nb"],
)
def test_what_names_nothing_is_refused(text: str) -> None:
    with pytest.raises(ScopeMalformed):
        scopes.parse(text)


@pytest.mark.parametrize(
    ("text", "covered"),
    [
        ("GLOBAL", True),
        ("DESK:DEMO", True),
        ("DESK:OTHER", False),
        ("VENUE:PAPER", True),
        ("ACCOUNT:PAPER-7", True),
        ("ACCOUNT:PAPER-77", False),
        ("CHAIN:ETH", True),
        ("STRATEGY:TREND-1", True),
        ("SYMBOL:xauusd.S", True),
        ("SYMBOL:XAUUSD", False),
        ("KEY:k1", True),
        ("KEY:k2", False),
    ],
)
def test_a_scope_covers_what_carries_its_id_in_any_case(text: str, covered: bool) -> None:
    assert scopes.covers(scopes.parse(text), ORDER) is covered


@given(st.sampled_from(KINDS[1:]), st.text("ABCabc123.-", min_size=1, max_size=8))
def test_a_subject_without_an_id_falls_under_global_alone(kind: Kind, scope_id: str) -> None:
    if not scope_id[0].isalnum():
        return
    assert not scopes.covers(Scope(kind, scope_id), Subject())
    assert scopes.covers(GLOBAL, Subject())
    assert scopes.parse(str(Scope(kind, scope_id))) == Scope(kind, scope_id)
