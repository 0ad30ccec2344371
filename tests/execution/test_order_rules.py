"""execution/rules/orders.py: whatever a venue answers, in whatever order, an order goes along its edges only."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.rules.orders import BUDGET, EXPIRY, FINAL, ORDER, UNSETTLED, state_after
from execution.rules.wire import NO_ANSWER, NOT_SENT, Outcome
from tests.execution.facts import AT

LATE = AT + EXPIRY + BUDGET
STATES = ("SENT", "PARTIAL", "FILLED", "REJECTED", "CANCELLED", "UNKNOWN", "NOT_FOUND")


def after(state: str, outcome: Outcome, *, filled: int = 0, is_settled: bool = False) -> str:
    return state_after(state, outcome, quantity=10, filled=filled, is_settled=is_settled, sent_at=AT)


@pytest.mark.parametrize(
    ("state", "outcome", "filled", "expected"),
    [
        ("SENT", Outcome(state="FILLED"), 10, "FILLED"),
        ("SENT", Outcome(state="FILLED"), 4, "UNKNOWN"),  # its other deals are missing
        ("SENT", Outcome(state="PARTIAL"), 4, "PARTIAL"),
        ("SENT", Outcome(state="REJECTED"), 0, "REJECTED"),
        ("SENT", Outcome(state="REJECTED"), 4, "PARTIAL"),  # a deal counts more than a word
        ("SENT", Outcome(state="CANCELLED"), 4, "CANCELLED"),
        ("SENT", NO_ANSWER, 0, "UNKNOWN"),
        ("SENT", NOT_SENT, 0, "CANCELLED"),
        ("UNKNOWN", Outcome(state="SENT", is_settled=False), 0, "SENT"),
        ("UNKNOWN", Outcome(state="NOT_FOUND"), 0, "UNKNOWN"),  # no receipt
        ("UNKNOWN", Outcome(state="NOT_FOUND", complete_through=LATE), 0, "UNKNOWN"),  # not later
        ("UNKNOWN", Outcome(state="NOT_FOUND", complete_through=LATE + timedelta(microseconds=1)), 0, "FAILED"),
        ("UNKNOWN", Outcome(state="NOT_FOUND", complete_through=LATE + timedelta(hours=1)), 1, "UNKNOWN"),
        ("SENT", Outcome(state="NOT_FOUND", complete_through=LATE + timedelta(hours=1)), 0, "UNKNOWN"),
        ("FILLED", Outcome(state="REJECTED"), 0, "FILLED"),
        ("FAILED", Outcome(state="FILLED"), 10, "FAILED"),
    ],
)
def test_an_answer_leads_where_the_table_says(state: str, outcome: Outcome, filled: int, expected: str) -> None:
    assert after(state, outcome, filled=filled) == expected


def test_what_is_settled_stays() -> None:
    assert after("PARTIAL", Outcome(state="CANCELLED"), filled=4, is_settled=True) == "PARTIAL"


outcomes = st.builds(
    Outcome,
    state=st.sampled_from(STATES),
    is_settled=st.booleans(),
    complete_through=st.one_of(
        st.none(), st.timedeltas(timedelta(0), timedelta(minutes=1)).map(lambda span: AT + span)
    ),
)


@pytest.mark.property
@given(answers=st.lists(st.tuples(outcomes, st.integers(min_value=0, max_value=4)), max_size=12))
def test_any_sequence_of_answers_walks_known_edges_and_never_loses_a_deal(answers: list[Any]) -> None:
    state, filled = "SENT", 0
    for outcome, more in answers:
        filled = min(10, filled + more)
        before, state = state, after(state, outcome, filled=filled)
        assert state == before or state in ORDER.moves[before]
        if before in FINAL:
            assert state == before
        assert state != "NEW"  # nothing is ever sent again
        if state == "FILLED" and before not in FINAL:
            assert filled == 10
        if state == "FAILED" and before != "FAILED":
            assert filled == 0
            assert outcome.complete_through is not None
            assert outcome.complete_through > LATE


def test_nothing_leads_back_to_new() -> None:
    assert all("NEW" not in targets for targets in ORDER.moves.values())
    assert set(UNSETTLED) & FINAL == set()
