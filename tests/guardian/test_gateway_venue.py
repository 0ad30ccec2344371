"""What happens at the venue when time passes? Without sockets, on clocks that the test turns."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardian.gateway.actions import HANDLERS
from guardian.gateway.payloads import ACTIONS, read_payload
from guardian.gateway.protocol import Key, Request
from guardian.gateway.venue import Now, Running, Venue
from tests.support.paper_gateway import ROOT, order, replay

SECOND = 10**9
HOUR_AT_3600 = SECOND  # an hour of the venue clock at 3600-fold speed


def at(hours: float) -> Now:
    """Return the moment some venue hours after the account was opened."""
    return Now(int(hours * HOUR_AT_3600), int(hours * 1_000))


def ask(venue: Venue, action: str, login: str, payload: dict[str, Any], now: Now) -> dict[str, Any]:
    request = Request(
        id="", action=action, account_id=login, idempotency_key=None, kill_epoch=0,
        payload=read_payload(ACTIONS[action].fields, payload), digest="", key=Key("k", b""), ts=0, exp=0,
    )  # fmt: skip
    return HANDLERS[action](venue, request, now)


def opened(*symbols: str, start: str = "2017-12-20T00:00:00Z", **terms: Any) -> tuple[Venue, Running]:
    venue = Venue(data=ROOT / "data")
    wish = {"currency": "USD", "deposit": "100000.00", "replay": replay(*symbols, **terms) | {"start": start}}
    login = ask(venue, "ACCOUNT_OPEN", "", wish, at(0))["login"]
    return venue, venue.accounts[int(login)]


def buy(venue: Venue, running: Running, now: Now, **wish: Any) -> dict[str, Any]:
    venue.catch_up(running, now)
    return ask(venue, "ORDER_OPEN", str(running.book.login), order(**wish), now)


def test_an_account_nobody_watches_and_that_holds_nothing_costs_nothing() -> None:
    venue, running = opened("BTCUSD.s")
    assert venue.advance(at(5)) == ([], [])
    assert venue.next_due_ns() is None
    venue.watched.add(f"tick.{running.book.login}.".encode())
    venue.advance(at(5))
    assert venue.next_due_ns() is not None
    assert len(venue.advance(at(6))[0]) == 8
    venue.watched.clear()
    venue.advance(at(6.5))
    assert venue.next_due_ns() is None


@pytest.mark.parametrize("prefix", [b"", b"tick.", b"tick.900001.", b"tick.900001.BTC"])
def test_any_prefix_of_its_topics_watches_an_account(prefix: bytes) -> None:
    venue, running = opened("BTCUSD.s")
    venue.watched = {prefix}
    assert venue.is_watched(running.book.login)
    assert not venue.is_watched(90000) or prefix in (b"", b"tick.")


def test_a_position_keeps_its_account_awake_and_its_stop_is_hit_while_nobody_listens() -> None:
    venue, running = opened("BTCUSD.s", start="2017-12-22T06:00:00Z")  # the crash
    bought = buy(venue, running, at(0), sl="14000.00")
    running.book.take_touched()  # as the server does, for its journal
    assert venue.next_due_ns() is not None
    published, records = venue.advance(at(12))
    assert running.book.positions == {}
    (stopped,) = [deal for deal in running.book.deals if deal.reason == "SL"]
    assert stopped.position_id == bought["position_id"]
    assert stopped.price <= 14_000 * 10**8
    assert [record["kind"] for record in records] == ["VENUE"]
    assert [row.topic for row in published if row.topic.startswith("deal.")] == ["deal.900001"]


@pytest.mark.parametrize(
    ("symbol", "start", "hours", "nights"),
    [
        ("BTCUSD.s", "2017-12-20T20:00:00Z", 3.9, 0),  # 23:54 UTC
        ("BTCUSD.s", "2017-12-20T20:00:00Z", 4.2, 1),
        ("BTCUSD.s", "2017-12-20T20:00:00Z", 52.2, 3),
        ("EURUSD.s", "2017-12-19T20:00:00Z", 1.9, 0),  # Tuesday, 16:54 in New York
        ("EURUSD.s", "2017-12-19T20:00:00Z", 2.2, 1),
        ("EURUSD.s", "2017-12-20T20:00:00Z", 2.2, 3),  # Wednesday
        ("EURUSD.s", "2017-12-15T20:00:00Z", 48.0, 0),  # Friday to Sunday afternoon: no tick, no night yet
        ("EURUSD.s", "2017-12-15T20:00:00Z", 50.2, 1),  # Sunday 17:12: the night of Friday
    ],
)
def test_a_night_is_charged_when_the_trading_day_ends(symbol: str, start: str, hours: float, nights: int) -> None:
    venue, running = opened(symbol, start=start)
    buy(venue, running, at(0.1), symbol=symbol, volume="1.00")
    running.book.take_touched()
    _, records = venue.advance(at(hours))
    (position,) = running.book.positions.values()
    assert position.swap == nights * {"BTCUSD.s": -833, "EURUSD.s": -700}[symbol]
    assert bool(records) is bool(nights), "a night stands in the journal"


@pytest.mark.property
@settings(max_examples=30)
@given(stops=st.lists(st.integers(1, 4_000), max_size=6), end=st.integers(4_001, 5_000))
def test_a_clock_that_jumps_shows_the_same_quotes_as_one_that_walks(stops: list[int], end: int) -> None:
    symbols = ("BTCUSD.s", "ETHUSD.s", "XAUUSD.s", "EURUSD.s")
    (walking_venue, walking), (jumping_venue, jumping) = opened(*symbols), opened(*symbols)
    walking_venue.watched.add(b"tick.")
    walking_venue.advance(at(0))
    told = []
    for moment in [*sorted(stops), end]:
        told += [
            row.body["seq"] for row in walking_venue.advance(at(moment / 100))[0] if row.topic.endswith("ETHUSD.s")
        ]
    jumping_venue.catch_up(jumping, at(end / 100))
    assert (jumping.quotes, jumping.seqs) == (walking.quotes, walking.seqs)
    assert told == list(range(told[0], told[0] + len(told)))


def test_the_journals_rows_alone_rebuild_the_venue() -> None:
    venue, running = opened("BTCUSD.s", start="2017-12-22T06:00:00Z")
    terms = {"terms": running.terms, "rows": {"900001": running.book.take_touched()}}
    buy(venue, running, at(0), sl="14000.00")
    opening = {"rows": {"900001": running.book.take_touched()}, "clock": {"900001": running.elapsed(at(0))}}
    _, records = venue.advance(at(12))
    again = Venue(data=ROOT / "data")
    again.restore([terms, opening, *records], {"900001": 12 * SECOND}, now=at(0))
    copy = again.accounts[900001]
    assert (copy.book.deals, copy.book.balance) == (running.book.deals, running.book.balance)
    assert copy.quotes["BTCUSD.s"] == running.quotes["BTCUSD.s"]
    assert copy.venue_time(at(0)) == running.venue_time(at(12))


def test_after_a_restart_a_replay_waits_for_its_listener_but_not_for_ever() -> None:
    _, running = opened("BTCUSD.s")
    again = Venue(data=ROOT / "data")
    again.restore([{"terms": running.terms}], {"900001": 3 * SECOND}, now=at(0))
    copy = again.accounts[900001]
    assert copy.elapsed(at(1)) == copy.elapsed(at(2)) == 3 * SECOND
    assert copy.elapsed(at(4)) == 5 * SECOND, "two seconds of grace"
    again.restore([{"terms": running.terms}], {"900001": 3 * SECOND}, now=at(0))
    copy = again.accounts[900001]
    again.watched.add(b"tick.900001.")
    published, _ = again.advance(at(1))
    assert published == []
    assert copy.elapsed(at(2)) == 4 * SECOND, "and none once somebody listens"
