"""Does the venue misbehave as asked, and is every outcome found by its key?"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from guardian.adapters.gateway_mt5.answers import (
    AccountMismatch,
    GatewayUnreachable,
    OutcomeUnknown,
    accepted,
    refuse_other_account,
)
from guardian.adapters.gateway_mt5.feed import TickFeed
from guardian.adapters.gateway_mt5.wire import Wire
from guardian.gateway import protocol
from tests.guardian.gateway_contract import FAR_AHEAD, LONG_AGO
from tests.support.paper_gateway import (
    PaperGateway,
    close,
    envelope,
    eventually,
    key,
    open_account,
    order,
    say,
    trade,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guardian.adapters.gateway_mt5.blocking import BlockingWire


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PaperGateway]:
    gateway = PaperGateway(tmp_path_factory.mktemp("gateway")).start()
    yield gateway
    gateway.stop()


@pytest.fixture
def wire(gateway: PaperGateway) -> Iterator[BlockingWire]:
    with gateway.wire() as wire:
        yield wire


@pytest.fixture
def login(wire: BlockingWire) -> str:
    return open_account(wire, "BTCUSD.s", deposit="1000000.00")


def ask_for(wire: BlockingWire, login: str, kind: str, **fault: Any) -> None:
    accepted(wire.call("FAULT", login, {"kind": kind, **fault}))


def orders_of(wire: BlockingWire, login: str, of: str) -> int:
    orders = wire.history(login, start=LONG_AGO, end=FAR_AHEAD).orders
    return [row.idempotency_key for row in orders].count(of)


def test_a_lost_answer_is_unknown_and_its_key_tells_the_outcome(wire: BlockingWire, login: str) -> None:
    ask_for(wire, login, "LOSE_ANSWER")
    lost = key()
    with pytest.raises(OutcomeUnknown):
        trade(wire, login, order(), idempotency_key=lost, timeout_ms=150)
    report = wire.order_query(login, key=lost)
    assert (report.state, report.status) == ("FILLED", "OK")
    assert len(report.deals) == 1
    # Whoever sends it again after all gets the first outcome and no second order.
    assert trade(wire, login, order(), idempotency_key=lost).data["order"] == report.data["order"]
    assert orders_of(wire, login, lost) == 1


def test_a_lost_answer_to_a_close_is_found_as_well(wire: BlockingWire, login: str) -> None:
    opened = accepted(trade(wire, login, order()))
    ask_for(wire, login, "LOSE_ANSWER", actions=["ORDER_CLOSE"])
    lost = key()
    with pytest.raises(OutcomeUnknown):
        wire.call("ORDER_CLOSE", login, {"position_id": opened["position_id"]}, idempotency_key=lost, timeout_ms=150)
    report = wire.order_query(login, key=lost)
    assert (report.state, report.deals[0].entry) == ("FILLED", "OUT")
    assert wire.positions(login) == ()


def test_a_delayed_order_is_pending_until_it_is_done(wire: BlockingWire, login: str) -> None:
    ask_for(wire, login, "DELAY", actions=["ORDER_OPEN"], ms=1_500)
    late = key()
    with pytest.raises(OutcomeUnknown):
        trade(wire, login, order(), idempotency_key=late, timeout_ms=100)
    pending = wire.order_query(login, key=late)
    assert (pending.state, pending.status) == ("PENDING", "PENDING")
    assert trade(wire, login, order(), idempotency_key=late).status == "PENDING", "a repeat while it waits"
    assert eventually(lambda: wire.order_query(login, key=late).state == "FILLED")
    assert orders_of(wire, login, late) == 1


def test_a_rejected_order_says_so_for_ever(wire: BlockingWire, login: str) -> None:
    ask_for(wire, login, "REJECT", code="MT5_ORDER_FAILED", retcode=10018)
    refused = key()
    for _ in range(2):
        answer = trade(wire, login, order(), idempotency_key=refused)
        assert (answer.status, answer.code, answer.data["retcode"]) == ("REJECTED", "MT5_ORDER_FAILED", 10018)
    assert wire.order_query(login, key=refused).state == "REJECTED"
    assert trade(wire, login, order()).status == "OK", "the fault was for one order"


def test_a_partial_fill_comes_in_several_deals(wire: BlockingWire, login: str) -> None:
    ask_for(wire, login, "PARTIAL", parts=3, share_bps=6_000)
    answer = accepted(trade(wire, login, order(volume="0.10")))
    assert (answer["state"], answer["volume"], answer["retcode"]) == ("PARTIAL", "0.06", 10010)
    assert len({deal["deal"] for deal in answer["deals"]}) == 3
    assert {deal["order"] for deal in answer["deals"]} == {answer["order"]}
    (position,) = wire.positions(login)
    assert position.volume == 6_000_000


def test_a_stalled_account_neither_answers_nor_ticks_and_then_loses_nothing(
    gateway: PaperGateway, wire: BlockingWire, login: str
) -> None:
    other = open_account(wire, "BTCUSD.s")
    feed = TickFeed(gateway.address)
    feed.follow(login)
    seen = [tick.seq for _, tick in eventually(lambda: feed.receive(200))]
    ask_for(wire, login, "STALL", ms=1_500)
    stalled = key()
    started = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        trade(wire, login, order(), idempotency_key=stalled, timeout_ms=200)
    assert wire.ping(other).login == other, "the others go on"
    assert trade(wire, login, order(), timeout_ms=5_000).status == "OK"
    assert time.monotonic() - started >= 1.4
    assert wire.order_query(login, key=stalled).state == "FILLED"
    while len(seen) < 12:
        seen += [tick.seq for _, tick in feed.receive(500)]
    feed.close()
    assert seen == list(range(seen[0], seen[0] + len(seen))), "late, but each of them, in order"


def test_a_request_that_expired_while_it_waited_is_not_carried_out(
    gateway: PaperGateway, wire: BlockingWire, login: str
) -> None:
    ask_for(wire, login, "DELAY", actions=["ORDER_OPEN"], ms=600)
    wish = envelope(gateway.address, "ORDER_OPEN", login, order(), kill_epoch=wire.ping().epoch)
    short = protocol.signed(wish | {"exp": wish["ts"] + 300}, gateway.address.key)
    answer = say(gateway.address, short)
    assert (answer["status"], answer["code"]) == ("REJECTED", "SIGNATURE_EXPIRED")
    report = wire.order_query(login, key=wish["idempotency_key"])
    assert (report.state, report.code) == ("REJECTED", "SIGNATURE_EXPIRED")
    assert wire.positions(login) == ()


def test_a_lagging_history_finds_nothing_and_does_not_claim_to_be_complete(wire: BlockingWire, login: str) -> None:
    done = key()
    accepted(trade(wire, login, order(), idempotency_key=done))
    ask_for(wire, login, "LAG", ms=60_000, count=2)
    asked_at = datetime.now(UTC)
    missing = wire.order_query(login, key=done)
    assert missing.state == "NOT_FOUND"
    assert missing.complete_through_wall < asked_at - timedelta(seconds=50), "so the caller may not take it as final"
    assert wire.history(login, start=LONG_AGO, end=FAR_AHEAD).deals[1:] == ()
    assert wire.order_query(login, key=done).state == "FILLED"


def test_a_terminal_on_another_login_is_noticed_before_any_order(wire: BlockingWire, login: str) -> None:
    registered = wire.ping(login)
    refuse_other_account(wire.ping(login), expected=registered)
    for lie in (
        {"login": "1"},
        {"server": "Other"},
        {"trade_mode": "REAL"},
        {"margin_mode": "NETTING"},
        {"currency": "EUR"},
    ):
        ask_for(wire, login, "LIE", data=lie)
        with pytest.raises(AccountMismatch) as caught:
            refuse_other_account(wire.ping(login), expected=registered)
        assert list(caught.value.facts) == list(lie)


def test_of_a_thousand_orders_with_lost_answers_none_is_doubled_and_none_is_lost(
    gateway: PaperGateway, wire: BlockingWire
) -> None:
    """Every tenth answer is lost: those orders are UNKNOWN, asked about by key, and never sent again."""
    login = open_account(wire, "BTCUSD.s", deposit="1000000.00", mode="NETTING", speed=1)
    ask_for(wire, login, "LOSE_ANSWER", count=1_000, every=10)
    epoch, orders = wire.ping().epoch, {key(): order(side=("BUY", "SELL")[n % 2], volume="0.001") for n in range(1_000)}

    async def send_all() -> dict[str, str]:
        outcomes: dict[str, str] = {}
        async with Wire(gateway.address) as loop_wire:

            async def send(one: str, wish: dict[str, Any]) -> None:
                try:
                    answer = await loop_wire.call(
                        "ORDER_OPEN", login, wish, idempotency_key=one, kill_epoch=epoch, timeout_ms=3_000
                    )
                    outcomes[one] = answer.status
                except OutcomeUnknown:
                    outcomes[one] = (await loop_wire.order_query(login, key=one)).state

            await asyncio.gather(*(send(one, wish) for one, wish in orders.items()))
        return outcomes

    outcomes = asyncio.run(send_all())
    assert Counter(outcomes.values()) == {"OK": 900, "FILLED": 100}
    history = wire.history(login, start=LONG_AGO, end=FAR_AHEAD)
    assert Counter(row.idempotency_key for row in history.orders) == Counter(list(orders))
    assert len([deal for deal in history.deals if deal.order]) == 1_000
    assert wire.positions(login) == ()


@pytest.mark.parametrize("kind", ["ORDER_OPEN", "ORDER_CLOSE"])
def test_a_journal_torn_in_the_middle_of_an_order_knows_nothing_of_it(tmp_path: Any, kind: str) -> None:
    gateway = PaperGateway(tmp_path).start()
    with gateway.wire() as wire:
        login = open_account(wire, "BTCUSD.s")
        opened = accepted(trade(wire, login, order()))
        balance = wire.account(login).balance
        ask_for(wire, login, "TORN_JOURNAL", actions=[kind])
        torn = key()
        wish = order() if kind == "ORDER_OPEN" else {"position_id": opened["position_id"]}
        with pytest.raises((OutcomeUnknown, GatewayUnreachable)):
            wire.call(kind, login, wish, idempotency_key=torn, timeout_ms=500)
        assert gateway.died() == 137
        gateway.start()
        assert eventually(lambda: wire.order_query(login, key=torn).state == "NOT_FOUND")
        assert wire.account(login).balance == balance
        assert [row.position_id for row in wire.positions(login)] == [opened["position_id"]]
        assert close(wire, login, opened["position_id"]).status == "OK"
    gateway.stop()
