"""Do the documented windows hold what the runbook says of them, on whatever machine?"""

from __future__ import annotations

from typing import Final

import pytest

from strategies.rules import performance
from tests.strategies import rehearsal, stage
from tests.tidy.source import ROOT

LIMIT: Final = 15  # USD
WINS: Final = ("2017-12-15T10:00:00Z", 60)  # start, seconds of wall time
LOSES: Final = ("2017-12-19T00:00:00Z", 90)
MACHINES: Final = range(12)  # of each pace
CENTS: Final = 100


def rehearsed(window: tuple[str, int], pace: rehearsal.Pace) -> list[rehearsal.Outcome]:
    start, duration_s = window
    plan = stage.plan(start=start, duration_seconds=duration_s, symbols=stage.ALL)
    return [rehearsal.Rehearsal(plan, pace, seed=seed).run() for seed in MACHINES]


@pytest.mark.parametrize("pace", rehearsal.PACES, ids=lambda pace: pace.name)
def test_the_winning_window_is_never_near_its_limit(pace: rehearsal.Pace) -> None:
    """Goal: the limit halts nobody there. Method: the deepest point that venue or session could have seen, ever."""
    deepest = min(outcome.deepest for outcome in rehearsed(WINS, pace))
    assert not performance.is_beyond(deepest, limit=LIMIT * CENTS * 3 // 4), deepest


@pytest.mark.parametrize("pace", rehearsal.PACES, ids=lambda pace: pace.name)
def test_the_losing_window_is_always_far_beyond_its_limit(pace: rehearsal.Pace) -> None:
    """Goal: the limit halts everybody there. Method: the loss that lasts a second, in the luckiest run."""
    told = max(outcome.told for outcome in rehearsed(LOSES, pace))
    assert performance.is_beyond(told, limit=LIMIT * CENTS * 3 // 2), told


def test_a_rehearsal_of_the_same_machine_is_the_same() -> None:
    plan = stage.plan(start=WINS[0], duration_seconds=10)
    assert len({rehearsal.Rehearsal(plan, rehearsal.BUSY, seed=1).run() for _ in range(3)}) == 1


@pytest.mark.parametrize("page", ["session.md", "zh/session.md"])
def test_the_runbook_names_these_windows_and_this_limit(page: str) -> None:
    text = (ROOT / "docs/runbooks" / page).read_text()
    for start, duration_s in (WINS, LOSES):
        assert f"`--start {start} --duration {duration_s} --max-loss {LIMIT}`" in text
