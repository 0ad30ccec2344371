"""execution/operations/gate.py: facts from the database, one decision per key, kept with all its verdicts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from approvals import queries as approvals_queries
from approvals.operations import killswitch, modes
from approvals.rules.scope import GLOBAL, Scope
from execution.models import AccountCheck, Intent, Order, Position
from execution.operations import gate
from execution.rules import gate as rules
from execution.rules.facts import Live, Tick
from execution.rules.proposals import GovernedUnavailable, IntentMalformed
from guardian.models import Symbol
from ledger.rules.posting import KeyReused
from tests.execution.desk import IN_SESSION, make_trading_account, proposal
from tests.execution.facts import LOT
from tests.execution.rows import order_row
from tests.support.cast import ALICE, BOB, WORKER
from tests.support.factories import NOON, make_account

if TYPE_CHECKING:
    from approvals.models import Account

TICK_AT_NOON = Tick(bid=Decimal("16000.00"), ask=Decimal("16010.00"), received_at=NOON)
pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> Account:
    return make_trading_account()


def _decide(account: Account, *, live: Live = IN_SESSION, at: Any = NOON, **wanted: Any) -> Intent:
    return gate.decide(proposal(account, **wanted), actor=ALICE, at=at, live=live).intent


def test_an_allowed_intent_is_kept_with_its_order_and_its_evidence(account: Account, as_app: None) -> None:
    decided = gate.decide(proposal(account, key="k1"), actor=ALICE, at=NOON, live=IN_SESSION)
    intent = decided.intent
    assert (intent.result, intent.reason, intent.epoch) == ("ALLOWED", "", approvals_queries.halts().epoch)
    assert [row["name"] for row in intent.rules] == [rule.name for rule in rules.RULES]
    assert intent.permit_expires_at == NOON + timedelta(seconds=10)
    order = Order.objects.get(id=decided.orders[0])
    assert (order.state, order.quantity, order.carrier, order.responsible) == ("NEW", LOT // 100, "TASK", "alice")
    event = approvals_queries.events_of("execution.intent", intent.id).get()
    assert (event.action, event.actor) == ("execution.intent.allowed", "alice")


def test_a_refused_intent_is_kept_without_an_order_and_leaves_its_denial(account: Account, as_app: None) -> None:
    killswitch.engage(scope=GLOBAL, positions="KEEP", reason="drill", actor=WORKER, at=NOON)
    decided = gate.decide(proposal(account), actor=ALICE, at=NOON, live=IN_SESSION)
    assert (decided.intent.result, decided.intent.reason) == ("REFUSED", "KILL_SWITCH_ENGAGED")
    assert decided.orders == ()
    assert approvals_queries.events_of("execution.intent", decided.intent.id).get().reason == "KILL_SWITCH_ENGAGED"


def test_the_same_key_gives_the_first_decision_even_after_the_world_has_changed(account: Account) -> None:
    first = gate.decide(proposal(account, key="k"), actor=ALICE, at=NOON, live=IN_SESSION)
    killswitch.engage(scope=GLOBAL, positions="KEEP", reason="drill", actor=WORKER, at=NOON)
    again = gate.decide(proposal(account, key="k"), actor=ALICE, at=NOON, live=IN_SESSION)
    assert (again.intent.id, again.orders, again.is_new) == (first.intent.id, first.orders, False)


def test_a_key_with_other_content_is_refused_and_another_principal_has_keys_of_his_own(account: Account) -> None:
    gate.decide(proposal(account, key="k"), actor=ALICE, at=NOON, live=IN_SESSION)
    with pytest.raises(KeyReused):
        gate.decide(proposal(account, key="k", quantity=LOT), actor=ALICE, at=NOON, live=IN_SESSION)
    other = gate.decide(proposal(account, key="k", side="SELL"), actor=BOB, at=NOON, live=IN_SESSION)
    assert other.is_new


def test_without_a_session_there_is_no_new_risk(account: Account) -> None:
    assert _decide(account, live=Live()).reason == "NO_DATA"
    assert Intent.objects.get().rules[-1]["name"] == "session_loss"


def test_what_nobody_knows_refuses_new_risk() -> None:
    """No identity, no symbol, no price, no session — and no trading."""
    intent = _decide(make_account())
    missing = {row["name"] for row in intent.rules if row["verdict"] == "NO_DATA"}
    assert {"account_identity", "symbol_active", "stale_tick", "market_hours"} <= missing


@pytest.mark.parametrize(
    "change",
    [
        lambda account: AccountCheck.objects.filter(account=account).update(actual="8 paper REAL NETTING USD"),
        lambda account: AccountCheck.objects.filter(account=account).update(checked_at=NOON - timedelta(minutes=2)),
        lambda account: Symbol.objects.filter(account=account).update(is_active=False),
        lambda account: Symbol.objects.filter(account=account).update(received_at=NOON - timedelta(seconds=2)),
        lambda account: Symbol.objects.filter(account=account).update(sessions={}),
        lambda account: Symbol.objects.filter(account=account).update(quote_asset="EUR"),
        lambda _: killswitch.engage(
            scope=Scope("STRATEGY", "PULSE"), positions="KEEP", reason="x", actor=WORKER, at=NOON
        ),
        lambda account: modes.set_mode(
            scope=Scope("ACCOUNT", account.code), mode="FORCE_CLOSE", reason="SESSION_LOSS", actor=WORKER, at=NOON
        ),
    ],
)
def test_each_bad_fact_of_the_database_refuses_new_risk_and_spares_a_reduction(account: Account, change: Any) -> None:
    change(account)
    assert _decide(account).result == "REFUSED"
    assert _decide(account, reduce_only=True, side="SELL").result == "ALLOWED"


@pytest.mark.parametrize("scope", ["GLOBAL", "DESK", "VENUE", "ACCOUNT", "STRATEGY", "SYMBOL", "KEY"])
@pytest.mark.parametrize("positions", ["KEEP", "CLOSE"])
def test_closing_is_possible_under_every_halt(account: Account, scope: Any, positions: Any) -> None:
    """Each halt: the reduction passes, also one that names its position, and new risk does not."""
    names = {
        "DESK": account.desk.code,
        "VENUE": account.venue.code,
        "ACCOUNT": account.code,
        "STRATEGY": "pulse",
        "SYMBOL": "BTCUSD.s",
    }
    if scope != "KEY":
        engaged = Scope(scope, names.get(scope, ""))
        killswitch.engage(scope=engaged, positions=positions, reason="drill", actor=WORKER, at=NOON)
        assert _decide(account).reason == "KILL_SWITCH_ENGAGED"
    assert _decide(account, reduce_only=True, side="SELL").result == "ALLOWED"
    assert _decide(account, reduce_only=True, side="SELL", position_id="7").result == "ALLOWED"


def test_a_reduction_closes_its_own_opposite_positions_oldest_first(account: Account) -> None:
    """Also beside positions of another strategy on the same account, which it never touches unless it names one."""
    whose = {1: "another"}
    for number, lots in enumerate((LOT, LOT, LOT, -LOT), start=1):
        Position.objects.create(
            account=account,
            position_id=str(number),
            symbol="BTCUSD.s",
            strategy=whose.get(number, "pulse"),
            responsible="alice",
            lots=lots,
            opened_at=NOON + timedelta(seconds=number),
        )
    decided = gate.decide(
        proposal(account, reduce_only=True, side="SELL", quantity=LOT + LOT // 2), actor=ALICE, at=NOON
    )
    made = [Order.objects.get(id=order_id) for order_id in decided.orders]
    assert [(order.position_id, order.quantity) for order in made] == [("2", LOT), ("3", LOT // 2)]
    named = _decide(account, reduce_only=True, side="SELL", quantity=LOT, position_id="1")
    assert named.orders.get().position_id == "1"


def test_an_unknown_order_refuses_new_risk_on_its_symbol_only(account: Account) -> None:
    order = order_row(account)
    Order.objects.filter(id=order.id).update(state="SENT")
    Order.objects.filter(id=order.id).update(state="UNKNOWN")
    intent = _decide(account, at=NOON + timedelta(milliseconds=500))
    assert [row["code"] for row in intent.rules if row["verdict"] == "REFUSE"] == ["ORDER_UNKNOWN"]


def test_the_same_order_a_moment_later_is_a_duplicate(account: Account) -> None:
    assert _decide(account).result == "ALLOWED"
    again = _decide(account, at=NOON + timedelta(milliseconds=100))
    assert again.reason == "DUPLICATE"
    Order.objects.update(state="CANCELLED", settled_at=NOON)
    assert _decide(account, at=NOON + timedelta(milliseconds=300)).result == "ALLOWED"


def test_what_the_slice_sees_counts_more_than_the_row(account: Account) -> None:
    stale = Live(loss=IN_SESSION.loss, tick=None)
    Symbol.objects.update(received_at=NOON - timedelta(seconds=5))
    assert _decide(account, live=stale).reason == "STALE_TICK"
    assert _decide(account, live=replace(stale, tick=TICK_AT_NOON)).result == "ALLOWED"


def test_explain_says_what_decide_would_say_and_keeps_nothing(account: Account, as_app: None) -> None:
    wanted = proposal(account)
    explained = gate.explain(wanted, at=NOON, live=IN_SESSION)
    assert Intent.objects.count() == Order.objects.count() == 0
    decided = gate.decide(wanted, actor=ALICE, at=NOON, live=IN_SESSION)
    assert [verdict.as_rule() for verdict in explained.rules] == decided.intent.rules


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"quantity": 0}, "/quantity"),
        ({"quantity": -LOT}, "/quantity"),
        ({"quantity": True}, "/quantity"),
        ({"limit_price": Decimal(1)}, "/limit_price"),
        ({"order_type": "LIMIT"}, "/limit_price"),
        ({"order_type": "LIMIT", "limit_price": Decimal("NaN")}, "/limit_price"),
        ({"order_type": "LIMIT", "limit_price": Decimal("Infinity")}, "/limit_price"),
        ({"order_type": "LIMIT", "limit_price": Decimal("1e-11")}, "/limit_price"),
        ({"order_type": "LIMIT", "limit_price": Decimal("1e20")}, "/limit_price"),
        ({"stop_loss": Decimal(-1)}, "/stop_loss"),
        ({"strategy": ""}, "/strategy"),
        ({"responsible": ""}, "/responsible"),
        ({"symbol": "x" * 41}, "/symbol"),
        ({"side": "LONG"}, "/side"),
        ({"position_id": "7"}, "/position_id"),
        ({"reduce_only": True, "position_id": "seven"}, "/position_id"),
    ],
)
def test_what_is_no_intent_is_refused_with_the_field_to_blame(
    account: Account, changed: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(IntentMalformed) as refusal:
        _decide(account, **changed)
    assert refusal.value.pointer == pointer
    assert Intent.objects.count() == 0


def test_governed_intents_are_refused_clearly(account: Account) -> None:
    with pytest.raises(GovernedUnavailable):
        _decide(account, mode="GOVERNED")


def test_there_is_no_trading_on_an_account_that_is_unknown_closed_or_the_desk_itself(account: Account) -> None:
    house = approvals_queries.house_account(account.desk, "PAPER")
    with pytest.raises(gate.NoSuchAccount):
        _decide(house)
    type(account).objects.filter(id=account.id).update(closed_at=NOON)
    with pytest.raises(gate.NoSuchAccount):
        _decide(account)


@pytest.mark.django_db(transaction=True)
def test_fifty_proposals_with_one_key_get_one_decision() -> None:
    """Race: one intent, one order, and everybody is told the same."""
    account = make_trading_account()

    def propose(_: int) -> tuple[int, tuple[int, ...]]:
        try:
            decided = gate.decide(proposal(account, key="one"), actor=ALICE, at=NOON, live=IN_SESSION)
            return decided.intent.id, decided.orders
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=10) as pool:
        answers = set(pool.map(propose, range(50)))
    assert len(answers) == 1
    assert Intent.objects.count() == Order.objects.count() == 1
