"""execution/rules/gate.py: tables of facts, and the properties that no table can show."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.rules import gate
from execution.rules.facts import Facts, Orders, Position
from tests.execution.facts import AT, FACTS, LOT, TERMS, USD, WISH, facts, in_group, wishing

NAN, INFINITE = Decimal("NaN"), Decimal("Infinity")

# Facts that spoil exactly one rule, with the code that it answers.
SPOILED: list[tuple[str, str, Facts]] = [
    ("kill_switch_copy", "KILL_SWITCH_STALE", in_group("halts", read_at=AT - timedelta(milliseconds=1001))),
    ("kill_switch_copy", "KILL_SWITCH_STALE", in_group("halts", read_at=AT + timedelta(seconds=1))),
    ("kill_switch_copy", "NO_DATA", facts(halts=None)),
    ("kill_switch", "KILL_SWITCH_ENGAGED", in_group("halts", covering=("GLOBAL",))),
    ("kill_switch", "NO_DATA", facts(halts=None)),
    ("epoch", "STALE_EPOCH", in_group("halts", epoch_known=6)),
    ("mode", "REDUCE_ONLY", in_group("modes", covering=("REDUCE_ONLY DESK:D1",))),
    ("mode", "FORCE_CLOSE", in_group("modes", covering=("FORCE_CLOSE ACCOUNT:P-7", "REDUCE_ONLY DESK:D1"))),
    ("mode", "NO_DATA", facts(modes=None)),
    ("market_hours", "MARKET_CLOSED", in_group("market", is_open=False)),
    ("market_hours", "NO_DATA", facts(market=None)),
    ("account_identity", "ACCOUNT_MISMATCH", in_group("identity", actual="8 Paper REAL NETTING USD")),
    ("account_identity", "IDENTITY_STALE", in_group("identity", checked_at=AT - timedelta(seconds=91))),
    ("account_identity", "NO_DATA", facts(identity=None)),
    ("symbol_active", "SYMBOL_INACTIVE", in_group("symbol", is_active=False)),
    ("symbol_active", "NO_DATA", facts(symbol=None)),
    ("volume_min", "VOLUME_MIN", wishing(quantity=LOT // 1000 - 1)),
    ("volume_step", "VOLUME_STEP", wishing(quantity=LOT // 1000 + 1)),
    ("volume_step", "NO_DATA", in_group("symbol", volume_step=0)),
    ("volume_max", "VOLUME_MAX", wishing(quantity=100 * LOT + TERMS.volume_step)),
    ("stops_level", "STOPS_LEVEL", wishing(stop_loss=Decimal("15999.50"))),
    ("stops_level", "STOPS_LEVEL", wishing(stop_loss=Decimal(16020))),
    ("stops_level", "STOPS_LEVEL", wishing(side="SELL", take_profit=Decimal("16009.50"))),
    ("stops_level", "NO_DATA", wishing(stop_loss=NAN)),
    ("unknown_orders", "ORDER_UNKNOWN", in_group("orders", unknown=1)),
    ("unknown_orders", "NO_DATA", facts(orders=None)),
    ("stale_tick", "STALE_TICK", in_group("tick", received_at=AT - timedelta(milliseconds=1001))),
    ("stale_tick", "TICKS_MISSING", in_group("tick", has_gap=True)),
    ("stale_tick", "TICK_CROSSED", in_group("tick", bid=Decimal("16010.01"))),
    ("stale_tick", "NO_DATA", facts(tick=None)),
    ("duplicate", "DUPLICATE", in_group("orders", same=1)),
    ("price_collar", "PRICE_COLLAR", wishing(order_type="LIMIT", limit_price=Decimal(16326))),
    ("price_collar", "PRICE_COLLAR", wishing(order_type="STOP", side="SELL", limit_price=Decimal(15684))),
    ("price_collar", "NO_DATA", wishing(order_type="LIMIT")),
    ("notional_max", "NOTIONAL_MAX", wishing(quantity=6_247 * LOT // 1000)),
    ("notional_max", "NO_DATA", in_group("symbol", quote_rate=None)),
    ("session_loss", "SESSION_LOSS", in_group("loss", equity=9_900 * USD - 1)),
    ("session_loss", "NO_DATA", facts(loss=None)),
    ("session_loss", "NO_DATA", in_group("loss", limit=0)),
    ("session_loss", "NO_DATA", in_group("loss", limit=-100 * USD)),
]
# And facts on the edge, which still pass.
EDGES: list[Facts] = [
    FACTS,
    in_group("halts", read_at=AT - timedelta(seconds=1)),
    in_group("halts", epoch_known=7),
    in_group("identity", checked_at=AT - timedelta(seconds=90)),
    wishing(quantity=LOT // 1000),
    wishing(stop_loss=Decimal("15999.00"), take_profit=Decimal("16001.00")),
    wishing(side="SELL", stop_loss=Decimal("16011.00"), take_profit=Decimal("16009.00")),
    in_group("tick", received_at=AT - timedelta(seconds=1)),
    wishing(order_type="LIMIT", limit_price=Decimal("16325.1")),
    wishing(quantity=6_246 * LOT // 1000),
    in_group("loss", equity=9_900 * USD),
]


def _verdict(decision: gate.Decision, name: str) -> gate.Verdict:
    return next(verdict for verdict in decision.rules if verdict.name == name)


@pytest.mark.parametrize(("name", "code", "spoiled"), SPOILED)
def test_a_rule_refuses_what_it_guards_against(name: str, code: str, spoiled: Facts) -> None:
    decision = gate.decide(spoiled)
    assert decision.result == "REFUSED"
    assert _verdict(decision, name).code == code
    assert code in {verdict.code for verdict in decision.refusals}


@pytest.mark.parametrize("allowed", EDGES)
def test_a_limit_is_passed_at_its_exact_figure(allowed: Facts) -> None:
    assert gate.decide(allowed).refusals == ()
    assert gate.decide(allowed).result == "ALLOWED"


def test_every_rule_is_spoiled_by_some_facts_of_this_table() -> None:
    assert {name for name, _, _ in SPOILED} == {rule.name for rule in gate.RULES}


def test_all_rules_are_listed_after_a_refusal_and_the_first_in_order_is_the_reason() -> None:
    """A first refusal must not hide the others."""
    decision = gate.decide(replace(in_group("halts", covering=("GLOBAL",)), loss=None))
    assert [verdict.name for verdict in decision.rules] == [rule.name for rule in gate.RULES]
    assert [verdict.code for verdict in decision.refusals] == ["KILL_SWITCH_ENGAGED", "NO_DATA"]
    assert decision.reason == "KILL_SWITCH_ENGAGED"
    assert decision.epoch == 7


def test_verdicts_carry_exact_figures() -> None:
    decision = gate.decide(in_group("loss", equity=9_950 * USD))
    assert _verdict(decision, "session_loss").as_rule() == {
        "name": "session_loss",
        "verdict": "PASS",
        "code": "",
        "limit": "100.000000",
        "actual": "50.000000",
        "headroom": "50.000000",
    }
    assert _verdict(decision, "notional_max").actual == "160.100000"
    assert _verdict(decision, "price_collar").actual == "4"


def test_a_rule_that_breaks_refuses_new_risk_and_lets_a_reduction_through() -> None:
    def broken(_: Facts) -> gate.Verdict:
        raise ZeroDivisionError

    rules = (gate.Rule("broken", "a test", broken),)
    refused = gate.decide(FACTS, rules)
    assert (refused.result, refused.reason) == ("REFUSED", "RULE_ERROR")
    assert gate.decide(wishing(reduce_only=True), rules).result == "ALLOWED"


def test_a_demand_for_a_vote_is_pending_unless_something_refuses() -> None:
    ask = gate.Rule("ask", "a test", lambda _: gate.Verdict("ask", "ASK", "VOTE"))
    refuse = gate.Rule("refuse", "a test", lambda _: gate.Verdict("refuse", "REFUSE", "NO"))
    assert gate.decide(FACTS, (ask,)).result == "PENDING_APPROVAL"
    assert gate.decide(FACTS, (ask, refuse)).result == "REFUSED"


@pytest.mark.parametrize(("_name", "_code", "spoiled"), SPOILED)
def test_reducing_passes_whatever_a_rule_says(_name: str, _code: str, spoiled: Facts) -> None:
    """Closing is never refused, under any halt, in any state."""
    assert spoiled.wish is not None
    assert gate.decide(replace(spoiled, wish=replace(spoiled.wish, reduce_only=True))).result == "ALLOWED"


def test_reducing_passes_when_nothing_at_all_is_known() -> None:
    nothing = Facts(at=AT, bounds=FACTS.bounds, wish=replace(WISH, reduce_only=True))
    assert gate.decide(nothing).result == "ALLOWED"


def test_p42_a_volume_of_0_001_passes_when_the_symbol_allows_it() -> None:
    assert gate.decide(wishing(quantity=LOT // 1000)).is_allowed


def test_p01_a_profit_larger_than_the_limit_does_not_trip() -> None:
    assert gate.decide(in_group("loss", equity=20_000 * USD)).is_allowed


def test_p02_a_day_with_too_little_profit_does_not_trip() -> None:
    assert gate.decide(in_group("loss", equity=10_000 * USD + 1)).is_allowed
    assert gate.decide(in_group("loss", limit=-1)).reason == "NO_DATA"


def test_p03_a_profit_is_no_drawdown_and_a_real_loss_is_one() -> None:
    limit_5_percent = 500 * USD
    grown = in_group("loss", limit=limit_5_percent, equity=10_800 * USD)
    lost = in_group("loss", limit=limit_5_percent, equity=9_000 * USD)
    assert gate.decide(grown).is_allowed
    assert gate.decide(lost).reason == "SESSION_LOSS"


def test_a_deposit_is_no_profit_and_a_withdrawal_no_loss() -> None:
    assert gate.decide(in_group("loss", flows=500 * USD, equity=10_350 * USD)).reason == "SESSION_LOSS"
    assert gate.decide(in_group("loss", flows=-500 * USD, equity=9_500 * USD)).is_allowed


@pytest.mark.parametrize(
    ("is_netting", "lots", "in_flight", "side", "quantity", "added"),
    [
        (True, 3, 0, "SELL", 2, 0),  # reduces
        (True, 3, 0, "SELL", 3, 0),  # closes
        (True, 3, 0, "SELL", 5, 2),  # flips: what is beyond the position is new risk
        (True, 3, 2, "SELL", 3, 2),  # two lots are being sold already
        (True, 3, 9, "SELL", 3, 3),
        (True, 3, 0, "BUY", 2, 2),
        (True, -3, 0, "BUY", 4, 1),
        (True, 0, 0, "SELL", 1, 1),
        (False, 3, 0, "SELL", 2, 2),  # hedging: a second position
    ],
)
def test_only_the_part_that_makes_a_position_smaller_is_no_new_risk(
    *, is_netting: bool, lots: int, in_flight: int, side: Any, quantity: int, added: int
) -> None:
    known = replace(
        FACTS,
        wish=replace(WISH, side=side, quantity=quantity),
        position=Position(lots=lots, is_netting=is_netting),
        orders=Orders(unknown=0, same=0, reducing=in_flight),
    )
    assert known.added == added
    assert known.is_reducing == (added == 0)


def test_a_flip_under_a_halt_is_refused_and_the_reduction_is_not() -> None:
    halted = replace(
        in_group("halts", covering=("GLOBAL",)),
        position=Position(lots=2 * TERMS.volume_step, is_netting=True),
    )
    flip = replace(halted, wish=replace(WISH, side="SELL", quantity=3 * TERMS.volume_step))
    reduction = replace(halted, wish=replace(WISH, side="SELL", quantity=2 * TERMS.volume_step))
    assert gate.decide(flip).reason == "KILL_SWITCH_ENGAGED"
    assert gate.decide(reduction).is_allowed


def test_a_position_that_is_not_known_reduces_nothing() -> None:
    unknown = replace(FACTS, position=None, halts=None, wish=replace(WISH, side="SELL"))
    assert gate.decide(unknown).result == "REFUSED"


def test_before_the_signal_the_same_rules_answer_without_a_wish() -> None:
    before = replace(FACTS, wish=None)
    decision = gate.decide_before_signal(before)
    assert decision.is_allowed
    assert [verdict.name for verdict in decision.rules] == [rule.name for rule in gate.RULES if rule.before_signal]
    assert not gate.decide_before_signal(replace(before, halts=None)).is_allowed


# ── Properties ────────────────────────────────────────────────────────────────────────────────────────────────────────
GROUPS = ("halts", "modes", "market", "identity", "symbol", "tick", "orders", "loss")
FIGURES: list[tuple[str, str]] = [
    *(("symbol", name) for name in ("point", "contract_size", "quote_rate")),
    *(("symbol", name) for name in ("volume_min", "volume_step", "volume_max", "stops_level")),
    *(("tick", name) for name in ("bid", "ask")),
    *(("orders", name) for name in ("unknown", "same")),
    *(("loss", name) for name in ("limit", "opening_equity", "flows", "equity")),
    *(("bounds", name) for name in ("collar_bps", "notional_max")),
]
BAD: list[Any] = [None, NAN, -NAN, INFINITE, -INFINITE, float("nan"), float("inf"), float("-inf"), "1", True]


@pytest.mark.property
@given(missing=st.sets(st.sampled_from(GROUPS), min_size=1))
def test_missing_facts_never_pass(missing: set[str]) -> None:
    assert gate.decide(facts(**dict.fromkeys(missing))).result == "REFUSED"


@pytest.mark.property
@given(figure=st.sampled_from(FIGURES), bad=st.sampled_from(BAD))
def test_a_figure_that_is_no_finite_number_never_passes(figure: tuple[str, str], bad: Any) -> None:
    assert gate.decide(in_group(figure[0], **{figure[1]: bad})).result == "REFUSED"


@pytest.mark.property
@given(
    profit=st.integers(min_value=0, max_value=10**30),
    opening=st.integers(min_value=-(10**30), max_value=10**30),
    flows=st.integers(min_value=-(10**30), max_value=10**30),
    limit=st.integers(min_value=1, max_value=10**30),
)
def test_a_profit_never_trips_the_loss_limit(profit: int, opening: int, flows: int, limit: int) -> None:
    known = in_group("loss", limit=limit, opening_equity=opening, flows=flows, equity=opening + flows + profit)
    assert gate.session_loss(known).outcome == "PASS"


@pytest.mark.property
@given(limit=st.integers(min_value=1, max_value=10**30), beyond=st.integers(min_value=1, max_value=10**30))
def test_the_loss_limit_trips_strictly_beyond_its_figure(limit: int, beyond: int) -> None:
    at_limit = in_group("loss", limit=limit, equity=10_000 * USD - limit)
    past_limit = in_group("loss", limit=limit, equity=10_000 * USD - limit - beyond)
    assert gate.session_loss(at_limit).outcome == "PASS"
    assert gate.session_loss(past_limit).code == "SESSION_LOSS"


@pytest.mark.property
@given(spoiled=st.lists(st.sampled_from(SPOILED), min_size=1, max_size=6))
def test_any_mixture_of_bad_facts_refuses_new_risk_and_lets_reductions_through(spoiled: list[Any]) -> None:
    mixed = FACTS
    for _, _, one in spoiled:
        changed = {f.name: getattr(one, f.name) for f in fields(Facts) if f.init}
        mixed = replace(mixed, **{name: value for name, value in changed.items() if value != getattr(FACTS, name)})
    assert mixed.wish is not None
    assert gate.decide(mixed).result == "REFUSED"
    assert gate.decide(replace(mixed, wish=replace(mixed.wish, reduce_only=True))).result == "ALLOWED"


@pytest.mark.property
@given(
    lots=st.integers(min_value=-(10**12), max_value=10**12),
    in_flight=st.integers(min_value=0, max_value=10**12),
    quantity=st.integers(min_value=1, max_value=10**12),
    side=st.sampled_from(["BUY", "SELL"]),
)
def test_what_counts_as_reduction_never_enlarges_a_netted_position(
    lots: int, in_flight: int, quantity: int, side: Any
) -> None:
    wish = replace(WISH, side=side, quantity=quantity)
    known = replace(
        FACTS,
        wish=wish,
        position=Position(lots=lots, is_netting=True),
        orders=Orders(unknown=0, same=0, reducing=in_flight),
    )
    assert 0 <= known.added <= quantity
    reduced = quantity - known.added
    before = lots + wish.sign * min(in_flight, abs(lots)) if lots * wish.sign < 0 else lots
    assert reduced == 0 or abs(before + wish.sign * reduced) == abs(before) - reduced
