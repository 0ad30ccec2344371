"""Does a loss limit trip on losses alone, and is it lowered only?"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given
from hypothesis import strategies as st

from approvals import queries
from approvals.models import AuditEvent, LossLimit
from approvals.operations import limits, modes
from approvals.rules.halts import Halt, Halts, Moded
from approvals.rules.limits import is_passed
from approvals.rules.scope import GLOBAL, Scope, Subject
from crs.kernel.refusal import ReasonMissing
from tests.support.cast import ALICE, WORKER
from tests.support.factories import make_account

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
UNITS = st.integers(min_value=-(10**30), max_value=10**30)


@given(pnl=UNITS, limit=st.integers(min_value=1, max_value=10**30))
def test_a_limit_trips_when_the_loss_is_strictly_larger(pnl: int, limit: int) -> None:
    assert is_passed(pnl_units=pnl, limit_units=limit) == (-pnl > limit)


@given(profit=st.integers(min_value=0), limit=st.integers(min_value=1))
def test_a_profit_never_trips_anything(profit: int, limit: int) -> None:
    assert not is_passed(pnl_units=profit, limit_units=limit)


@pytest.mark.django_db
def test_a_limit_is_lowered_and_never_raised() -> None:
    account = make_account(code="PAPER-7")
    limit = limits.set_loss_limit(
        account=account, limit_units=500_000_000, opening_equity_units=10**11, actor=ALICE, at=NOON
    )
    assert queries.loss_limit(account.id) == limit
    assert (limit.desk_id, limit.currency) == (account.desk_id, "USD")
    with pytest.raises(limits.LimitLoosened):
        limits.set_loss_limit(account=account, limit_units=500_000_001, opening_equity_units=0, actor=ALICE, at=NOON)
    lowered = limits.set_loss_limit(account=account, limit_units=1, opening_equity_units=0, actor=ALICE, at=NOON)
    assert (lowered.limit_units, lowered.opening_equity_units) == (1, 10**11)
    told = AuditEvent.objects.filter(action="approvals.limit.set").order_by("id")
    assert [event.after["limit_units"] for event in told if event.after] == ["500000000", "1"]


@pytest.mark.django_db
@pytest.mark.parametrize("limit_units", [0, -1])
def test_a_limit_is_positive(limit_units: int) -> None:
    account = make_account()
    with pytest.raises(limits.LimitMalformed):
        limits.set_loss_limit(account=account, limit_units=limit_units, opening_equity_units=0, actor=ALICE, at=NOON)
    limits.set_loss_limit(account=account, limit_units=1, opening_equity_units=0, actor=ALICE, at=NOON)
    with pytest.raises(IntegrityError), transaction.atomic():
        LossLimit.objects.update(limit_units=limit_units)


@pytest.mark.django_db
def test_a_mode_says_why_and_is_evidence() -> None:
    scope = Scope("ACCOUNT", "PAPER-7")
    with pytest.raises(ReasonMissing):
        modes.set_mode(scope=scope, mode="REDUCE_ONLY", reason=" ", actor=WORKER, at=NOON)
    assert not modes.set_mode(scope=scope, mode="NORMAL", reason="as it was", actor=WORKER, at=NOON)
    assert modes.set_mode(scope=scope, mode="REDUCE_ONLY", reason="drawdown", actor=WORKER, at=NOON)
    assert modes.set_mode(scope=Scope("ACCOUNT", "paper-7"), mode="FORCE_CLOSE", reason="more", actor=WORKER, at=NOON)
    told = AuditEvent.objects.filter(action="approvals.mode.set").order_by("id")
    assert [(event.before, event.after) for event in told] == [
        ({"mode": "NORMAL"}, {"mode": "REDUCE_ONLY"}),
        ({"mode": "REDUCE_ONLY"}, {"mode": "FORCE_CLOSE"}),
    ]


def test_the_strictest_mode_that_covers_holds() -> None:
    subject = Subject(desk="DEMO", account="PAPER-7")
    reduce = Moded(Scope("DESK", "DEMO"), "REDUCE_ONLY", "r", NOON)
    close = Moded(Scope("ACCOUNT", "paper-7"), "FORCE_CLOSE", "r", NOON)
    other = Moded(Scope("ACCOUNT", "PAPER-8"), "FORCE_CLOSE", "r", NOON)
    assert Halts((), (reduce, close, other), 1, NOON).mode_of(subject) is close
    assert Halts((), (other,), 1, NOON).mode_of(subject) is None
    halt = Halt(1, GLOBAL, "KEEP", 1, "r", NOON, "person:alice")
    assert Halts((halt,), (), 1, NOON).covering(subject) == (halt,)
    assert not Halts((halt,), (), 1, NOON).is_safe(subject)
