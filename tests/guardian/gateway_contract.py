"""What must every gateway do, the paper one and a real one? These tests know nothing but the wire.

A class that gives the fixtures `wire` (a blocking client), `login` (a demo account that may trade `SYMBOL`) and
`gateway_id` runs them: `test_gateway_contract.py` does so for the paper gateway.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from guardian.adapters.gateway_mt5.answers import AccountMismatch, GatewayRejected, accepted
from guardian.adapters.gateway_mt5.feed import DealFeed, TickFeed
from guardian.adapters.gateway_mt5.wire import Wire
from tests.support.paper_gateway import close, eventually, key, order, trade

if TYPE_CHECKING:
    from guardian.adapters.gateway_mt5.address import Address
    from guardian.adapters.gateway_mt5.blocking import BlockingWire
    from guardian.rules.ticks import Tick

SYMBOL = "BTCUSD.s"
LONG_AGO, FAR_AHEAD = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


class GatewayContract:
    """The contract; subclass it and give the fixtures."""

    def test_it_says_who_it_is_and_whose_account_it_serves(self, wire: BlockingWire, login: str) -> None:
        nobody, somebody = wire.ping(), wire.ping(login)
        assert (nobody.protocol, nobody.is_connected, nobody.login) == (1, True, "")
        assert somebody.login == login
        assert somebody.trade_mode in ("DEMO", "CONTEST", "REAL")
        assert somebody.margin_mode in ("HEDGING", "NETTING")
        assert len(somebody.currency) == 3

    def test_an_account_that_it_does_not_serve_is_a_mismatch(self, wire: BlockingWire) -> None:
        with pytest.raises(AccountMismatch):
            wire.account("1")

    def test_it_states_the_terms_of_a_symbol(self, wire: BlockingWire, login: str) -> None:
        info = wire.symbol_info(login, SYMBOL)
        assert info.point == Decimal(1).scaleb(-info.digits)
        assert 0 < info.volume_min <= info.volume_max
        assert info.volume_min % info.volume_step == 0
        assert info.stated["sessions"]["timezone"]
        with pytest.raises(GatewayRejected) as caught:
            wire.symbol_info(login, "NOSUCH.s")
        assert caught.value.facts["venue_code"] == "UNKNOWN_SYMBOL"

    def test_an_order_is_a_deal_of_a_position_and_cash_is_the_sum_of_deals(
        self, wire: BlockingWire, login: str
    ) -> None:
        before = wire.account(login)
        opened = accepted(trade(wire, login, order(SYMBOL)))
        (deal,) = opened["deals"]
        assert (deal["order"], deal["position_id"]) == (opened["order"], opened["position_id"])
        assert len({deal["deal"], deal["order"], deal["position_id"]}) == 3, "three things with three numbers"
        assert (deal["entry"], deal["type"], deal["symbol"], deal["magic"]) == ("IN", "BUY", SYMBOL, 202601)
        assert opened["retcode"] == 10009

        (position,) = [row for row in wire.positions(login) if row.position_id == opened["position_id"]]
        assert (position.type, position.volume, position.magic) == ("BUY", 1_000_000, 202601)
        figures = wire.account(login)
        assert figures.margin > before.margin

        closed = accepted(close(wire, login, opened["position_id"]))
        assert closed["deals"][0]["entry"] == "OUT"
        assert opened["position_id"] not in [row.position_id for row in wire.positions(login)]
        history = wire.history(login, start=LONG_AGO, end=FAR_AHEAD)
        ours = [row for row in history.deals if row.position_id == opened["position_id"]]
        assert wire.account(login).balance == before.balance + sum(row.cash for row in ours)
        assert history.complete_through_wall <= datetime.now(UTC) + timedelta(seconds=2)

    def test_equity_is_balance_and_every_position_at_its_liquidation_mark(self, wire: BlockingWire, login: str) -> None:
        for side in ("BUY", "SELL"):
            accepted(trade(wire, login, order(SYMBOL, side)))

        def is_exact() -> bool:  # three requests, and a tick may fall between them
            first, positions, second = wire.account(login), wire.positions(login), wire.account(login)
            floating = sum(row.profit + row.swap for row in positions)
            return first.equity == second.equity == first.balance + first.credit + floating

        assert eventually(is_exact)
        for position in wire.positions(login):
            accepted(close(wire, login, position.position_id))

    def test_a_buy_pays_the_ask_and_a_sell_gets_the_bid(self, wire: BlockingWire, login: str) -> None:
        def is_spread_seen() -> bool:
            bought = accepted(trade(wire, login, order(SYMBOL, "BUY")))
            sold = accepted(trade(wire, login, order(SYMBOL, "SELL")))
            for row in (bought, sold):
                accepted(close(wire, login, row["position_id"]))
            return Decimal(bought["price"]) > Decimal(sold["price"])

        assert eventually(is_spread_seen)

    def test_a_repeated_key_is_the_first_answer_and_never_a_second_order(self, wire: BlockingWire, login: str) -> None:
        again, wish = key(), order(SYMBOL)
        answers = [trade(wire, login, wish, idempotency_key=again) for _ in range(3)]
        assert len({answer.data["order"] for answer in answers}) == 1
        assert len({answer.id for answer in answers}) == 3
        orders = wire.history(login, start=LONG_AGO, end=FAR_AHEAD).orders
        assert [row.idempotency_key for row in orders].count(again) == 1
        other = trade(wire, login, order(SYMBOL, volume="0.02"), idempotency_key=again)
        assert (other.status, other.code) == ("ERROR", "INVALID_VALUE")
        accepted(close(wire, login, answers[0].data["position_id"]))

    def test_what_became_of_a_key_can_be_asked(self, wire: BlockingWire, login: str) -> None:
        done, refused, never = key(), key(), key()
        opened = accepted(trade(wire, login, order(SYMBOL), idempotency_key=done))
        assert trade(wire, login, order(SYMBOL, volume="0.0001"), idempotency_key=refused).code == "INVALID_VOLUME"
        assert wire.order_query(login, key=done).state == "FILLED"
        assert wire.order_query(login, key=done).deals[0].deal == opened["deals"][0]["deal"]
        assert wire.order_query(login, order=opened["order"]).state == "FILLED"
        report = wire.order_query(login, key=refused)
        assert (report.state, report.code, report.order) == ("REJECTED", "INVALID_VOLUME", None)
        asked_at = datetime.now(UTC)
        missing = wire.order_query(login, key=never)
        assert missing.state == "NOT_FOUND"
        assert missing.complete_through_wall >= asked_at - timedelta(seconds=2)
        accepted(close(wire, login, opened["position_id"]))

    def test_a_pending_order_is_placed_and_cancelled(self, wire: BlockingWire, login: str) -> None:
        placed = accepted(trade(wire, login, order(SYMBOL, "BUY_LIMIT", price="1000.00", filling="RETURN")))
        assert (placed["state"], placed["deals"]) == ("PLACED", [])
        cancelled = accepted(wire.call("ORDER_CANCEL", login, {"order": placed["order"]}, idempotency_key=key()))
        assert cancelled["state"] == "CANCELLED"
        unknown = wire.call("ORDER_CANCEL", login, {"order": 1}, idempotency_key=key())
        assert (unknown.status, unknown.code) == ("REJECTED", "ORDER_NOT_FOUND")

    def test_a_halt_blocks_cancels_and_closes_and_exits_pass(self, wire: BlockingWire, login: str) -> None:
        epoch = wire.ping().epoch
        opened = [accepted(trade(wire, login, order(SYMBOL), kill_epoch=epoch)) for _ in range(3)]
        placed = trade(wire, login, order(SYMBOL, "BUY_LIMIT", price="1000.00", filling="RETURN"), kill_epoch=epoch)

        def halt(state: str, positions: str, at_epoch: int) -> dict[str, object]:
            payload = {"scope": f"ACCOUNT:{login}", "epoch": at_epoch, "positions": positions, "reason": "drill",
                       "state": state}  # fmt: skip
            answer = wire.call("KILL_SWITCH", login, payload, idempotency_key=key())
            return answer.data | {"code": answer.code}

        kept = halt("ENGAGED", "KEEP", epoch + 1)
        assert (kept["orders_cancelled"], kept["positions_closed"], kept["total_positions"]) == (1, 0, 3)
        assert wire.order_query(login, order=accepted(placed)["order"]).state == "CANCELLED"
        assert trade(wire, login, order(SYMBOL), kill_epoch=epoch + 1).code == "KILL_SWITCH_ENGAGED"
        assert close(wire, login, opened[0]["position_id"]).status == "OK", "exits always pass"
        closed = halt("ENGAGED", "CLOSE", epoch + 1)
        assert (closed["positions_closed"], closed["total_positions"]) == (2, 2)
        assert wire.positions(login) == ()
        assert halt("ENGAGED", "CLOSE", epoch + 1)["total_positions"] == 0

        assert halt("SAFE", "KEEP", epoch + 1)["code"] == "STALE_EPOCH", "a release is newer than its halt"
        assert halt("SAFE", "KEEP", epoch + 2)["code"] == ""
        assert trade(wire, login, order(SYMBOL), kill_epoch=epoch + 1).code == "STALE_EPOCH"
        last = accepted(trade(wire, login, order(SYMBOL), kill_epoch=epoch + 2))
        assert close(wire, login, last["position_id"]).status == "OK", "an exit carries any epoch"
        assert halt("ENGAGED", "KEEP", epoch + 1)["code"] == "STALE_EPOCH", "an echo of the released halt"

    def test_ticks_come_in_order_without_a_gap(self, address: Address, login: str) -> None:
        feed = TickFeed(address)
        feed.follow(login)
        ticks: list[Tick] = []
        deadline = time.monotonic() + 10
        while len(ticks) < 12 and time.monotonic() < deadline:
            ticks += [tick for owner, tick in feed.receive(500) if tick.symbol == SYMBOL and owner == login]
        feed.close()
        assert len(ticks) >= 12
        first = ticks[0].seq
        assert [tick.seq for tick in ticks] == list(range(first, first + len(ticks)))
        assert all(tick.bid < tick.ask for tick in ticks)
        assert [tick.venue_us for tick in ticks] == sorted(tick.venue_us for tick in ticks)

    def test_every_deal_is_told_to_whoever_listens_to_the_account(
        self, address: Address, wire: BlockingWire, login: str
    ) -> None:
        async def listen() -> tuple[list[str], list[str]]:
            made: list[str] = []
            async with DealFeed(address, login) as deals:
                told: list[str] = []
                while not told and len(made) < 20:  # until the subscription has got there
                    made += [str(deal["deal"]) for deal in accepted(trade(wire, login, order(SYMBOL)))["deals"]]
                    told += await deals.wait(0.5)
                assert await deals.wait(0) == []
            return made, told

        made, told = asyncio.run(listen())
        assert told
        assert told == made[-len(told) :]
        for position in wire.positions(login):
            accepted(close(wire, login, position.position_id))

    def test_many_requests_fly_over_one_socket_and_find_their_way_back(self, address: Address, login: str) -> None:
        async def fly() -> list[str]:
            async with Wire(address) as wire:
                questions = [("PING", {}), ("SYMBOL_INFO", {"symbol": SYMBOL})] * 150
                answers = await asyncio.gather(*(wire.call(action, login, wish) for action, wish in questions))
            return ["symbol" if "digits" in answer.data else "ping" for answer in answers]

        assert asyncio.run(fly()) == ["ping", "symbol"] * 150

    def test_a_position_is_synchronised_with_its_magic_number(self, wire: BlockingWire, login: str) -> None:
        opened = accepted(trade(wire, login, order(SYMBOL)))
        stamp = int(time.time())
        ours = wire.read("SYNC_ALL", login, {"magic_numbers": [202601], "timestamp": stamp})
        assert (ours["status"], ours["foreign"]) == ("OK", 0)
        assert [row["magic"] for row in ours["positions"]] == [202601]
        foreign = wire.read("SYNC_ALL", login, {"magic_numbers": [1], "timestamp": stamp})
        assert foreign["foreign"] == 1
        accepted(close(wire, login, opened["position_id"]))
