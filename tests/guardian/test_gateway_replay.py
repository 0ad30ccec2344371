"""Do recorded bars stay real when they become ticks, and is every run of the same seed the same?"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardian.gateway import bars
from guardian.gateway.bars import Bar, Series
from guardian.gateway.codes import Refused
from guardian.gateway.payloads import micros_of, moment_of
from guardian.gateway.replay import HOUR, Recorded, Replay, Tick, Track, Walk, default_rate
from guardian.gateway.symbols import CRYPTO, FOREX, SYMBOLS

DATA = Path(__file__).resolve().parent.parent.parent / "data"
BTC, ETH, XAU, EUR = (SYMBOLS[name] for name in ("BTCUSD.s", "ETHUSD.s", "XAUUSD.s", "EURUSD.s"))
DAY = 24 * HOUR


def track(spec: Any, start: str, *, speed: int = 3_600, rate: int = 8, seed: int = 1) -> Track:
    begin = micros_of(start)
    series = bars.find(DATA, spec, start=begin)
    source = Recorded(series, start=begin) if series else Walk(spec, start=begin, seed=seed)
    return Track(spec, source, start=begin, speed=speed, ticks_per_second=rate, seed=seed)


def until(source: Track, end: str) -> list[Tick]:
    """Return every tick up to a moment."""
    last = micros_of(end)
    ticks: list[Tick] = []
    while (tick := source.tick(len(ticks) + 1)) and tick.venue_time <= last:
        ticks.append(tick)
    return ticks


def in_bar(ticks: list[Tick], bar: Bar, period: int) -> list[Tick]:
    return [tick for tick in ticks if bar.start <= tick.venue_time < bar.start + period]


@pytest.mark.parametrize(
    ("spec", "side", "start", "end"),
    [
        (BTC, "bid", "2017-12-20T00:00:00Z", "2017-12-22T23:59:59Z"),
        (ETH, "bid", "2017-12-20T00:00:00Z", "2017-12-23T23:59:59Z"),
        (EUR, "ask", "2017-12-19T00:00:00Z", "2017-12-20T23:59:59Z"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_every_bar_opens_reaches_its_high_and_low_and_closes(spec: Any, side: str, start: str, end: str) -> None:
    series = bars.find(DATA, spec, start=micros_of(start))
    assert series is not None
    ticks = until(track(spec, start), end)
    seen = [bar for bar in series.bars if micros_of(start) <= bar.start <= micros_of(end)]
    assert seen
    for bar in seen:
        prices = [getattr(tick, side) for tick in in_bar(ticks, bar, series.period)]
        assert (prices[0], max(prices), min(prices), prices[-1]) == (bar.open, bar.high, bar.low, bar.close)
        assert len(prices) == 8 * series.period // HOUR
    assert all(tick.ask - tick.bid == spec.spread * spec.point for tick in ticks)
    assert all(tick.bid % spec.point == 0 for tick in ticks)


@pytest.mark.property
@settings(max_examples=60)
@given(
    low=st.integers(1, 10**6),
    span=st.integers(0, 10**5),
    inner=st.tuples(st.integers(0, 10**5), st.integers(0, 10**5)),
    pace=st.tuples(st.integers(1, 40), st.integers(1, 20_000)),
    seed=st.integers(0, 2**63 - 1),
)
def test_any_bar_is_walked_from_open_to_close_without_leaving_it(
    low: int, span: int, inner: tuple[int, int], pace: tuple[int, int], seed: int
) -> None:
    rate, speed = pace[0], max(pace[1], 60 * pace[0])  # a few thousand ticks at most
    point = BTC.point
    opened, close = (low + min(part, span) for part in inner)
    bar = Bar(DAY, opened * point, (low + span) * point, low * point, close * point, is_traded=True)
    source = Recorded(Series("one", HOUR, (bar,)), start=DAY)
    ticks = until(Track(BTC, source, start=DAY, speed=speed, ticks_per_second=rate, seed=seed), moment_of(2 * DAY))
    prices = [tick.bid for tick in ticks]
    assert (prices[0], max(prices), min(prices), prices[-1]) == (bar.open, bar.high, bar.low, bar.close)
    assert [tick.seq for tick in ticks] == list(range(1, len(ticks) + 1))
    assert all(before.venue_time <= after.venue_time for before, after in pairwise(ticks))
    assert ticks[-1].venue_time < DAY + HOUR


def test_the_same_seed_gives_the_same_ticks_in_whatever_order_they_are_asked_for() -> None:
    first = until(track(BTC, "2017-12-20T00:00:00Z", seed=7), "2017-12-20T12:00:00Z")
    again = track(BTC, "2017-12-20T00:00:00Z", seed=7)
    assert [again.tick(seq) for seq in range(len(first), 0, -1)] == first[::-1]
    other = until(track(BTC, "2017-12-20T00:00:00Z", seed=8), "2017-12-20T12:00:00Z")
    assert [tick.bid for tick in other] != [tick.bid for tick in first]
    assert [tick.venue_time for tick in other] == [tick.venue_time for tick in first]


@pytest.mark.parametrize("spec", [BTC, ETH, XAU, EUR], ids=lambda spec: spec.name)
def test_a_clock_finds_the_number_of_its_last_tick(spec: Any) -> None:
    source = track(spec, "2017-12-20T10:17:00Z")
    ticks = until(track(spec, "2017-12-20T10:17:00Z"), "2017-12-21T02:00:00Z")
    assert ticks[0].venue_time >= micros_of("2017-12-20T10:17:00Z")
    assert source.seq_at(ticks[0].venue_time - 1) == 0
    for tick in ticks:
        assert source.seq_at(tick.venue_time) == tick.seq
        assert source.seq_at(tick.venue_time - 1) == tick.seq - 1


def test_a_bar_without_trades_is_a_feed_that_stands_still() -> None:
    hole = micros_of("2017-12-12T06:00:00Z")
    ticks = until(track(BTC, "2017-12-12T04:00:00Z"), "2017-12-12T09:00:00Z")
    assert not [tick for tick in ticks if hole <= tick.venue_time < hole + HOUR]
    assert [tick for tick in ticks if tick.venue_time < hole]
    assert [tick for tick in ticks if tick.venue_time >= hole + HOUR]
    assert [tick.seq for tick in ticks] == list(range(1, len(ticks) + 1)), "the numbers have no gap even so"


@pytest.mark.parametrize("spec", [XAU, EUR], ids=lambda spec: spec.name)
def test_no_tick_comes_from_a_closed_market(spec: Any) -> None:
    ticks = until(track(spec, "2017-12-15T20:00:00Z"), "2017-12-18T02:00:00Z")
    closed = (micros_of("2017-12-15T22:00:00Z"), micros_of("2017-12-17T22:00:00Z"))
    assert not [tick for tick in ticks if closed[0] <= tick.venue_time < closed[1]]
    assert ticks[0].venue_time < closed[0] < closed[1] <= ticks[-1].venue_time


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2017-12-15T21:59:59Z", True), ("2017-12-15T22:00:00Z", False),  # Friday 17:00 in New York, winter
        ("2017-12-17T21:59:59Z", False), ("2017-12-17T22:00:00Z", True),
        ("2018-03-09T21:59:59Z", True), ("2018-03-09T22:00:00Z", False),  # the clocks go forward in this weekend
        ("2018-03-11T20:59:59Z", False), ("2018-03-11T21:00:00Z", True),
        ("2018-07-06T20:59:59Z", True), ("2018-07-06T21:00:00Z", False),  # summer
        ("2018-11-02T20:59:59Z", True), ("2018-11-02T21:00:00Z", False),  # and back again in this one
        ("2018-11-04T21:59:59Z", False), ("2018-11-04T22:00:00Z", True),
    ],
)  # fmt: skip
def test_the_weekend_follows_new_york_through_daylight_saving(moment: str, is_open: bool) -> None:
    assert FOREX.is_open(micros_of(moment)) is is_open
    assert CRYPTO.is_open(micros_of(moment))


@pytest.mark.parametrize("hours", [CRYPTO, FOREX], ids=lambda hours: hours.name)
def test_a_trading_day_ends_where_the_next_one_begins(hours: Any) -> None:
    moment = micros_of("2017-12-13T12:00:00Z")
    for _ in range(400):
        day = hours.trading_day(moment)
        end = hours.day_end(day)
        assert hours.trading_day(end - 1) == day
        assert hours.trading_day(end).toordinal() == day.toordinal() + 1
        moment += DAY


def test_three_nights_of_swap_on_wednesday_none_in_the_weekend() -> None:
    days = [FOREX.trading_day(micros_of(f"2017-12-{day}T12:00:00Z")) for day in range(11, 18)]  # Monday to Sunday
    assert [FOREX.swap_nights(day) for day in days] == [1, 1, 3, 1, 1, 0, 0]
    assert [CRYPTO.swap_nights(day) for day in days] == [1] * 7


def test_the_clock_and_its_inverse_agree() -> None:
    replay = Replay(micros_of("2017-12-20T00:00:00Z"), 3_600, {})
    for elapsed in (0, 1, 277, 10**9, 86_400 * 10**9 + 1):
        assert replay.venue_time(replay.elapsed_ns(replay.venue_time(elapsed))) == replay.venue_time(elapsed)


@pytest.mark.parametrize(("speed", "rate"), [(1, 1), (60, 1), (900, 2), (3_600, 8), (100_000, 8)])
def test_ticks_come_as_often_as_an_eye_can_follow(speed: int, rate: int) -> None:
    assert default_rate(speed) == rate


def test_gold_has_no_bars_here_and_its_path_says_so() -> None:
    source = track(XAU, "2017-12-20T00:00:00Z")
    assert source.bars.source == "synthetic"
    assert XAU.info(is_synthetic=True, source="synthetic")["synthetic"] is True
    prices = [tick.bid for tick in until(source, "2018-01-20T00:00:00Z")]
    assert 900 * 10**8 < min(prices) < max(prices) < 1_800 * 10**8


# ── Files of bars ─────────────────────────────────────────────────────────────────────────────────────────────────────
GOOD = "2017-12-01T00:00:00Z,10,12,9,11,5"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2017-12-01T01:00:00Z,10,12,9,11", "5 fields instead of 6"),
        ("2017-12-01T01:00:00Z,10,12,9,11,5,6", "7 fields instead of 6"),
        ("yesterday,10,12,9,11,5", "RFC 3339"),
        ("2017-12-01T01:00:00,10,12,9,11,5", "time zone"),
        ("2017-12-01,10,12,9,11,5", "RFC 3339"),
        ("2017-W48-5T01:00:00Z,10,12,9,11,5", "RFC 3339"),
        ("2017-12-01T０1:00:00Z,10,12,9,11,5", "RFC 3339"),
        ("2017-12-01T01:00:00.1234567Z,10,12,9,11,5", "RFC 3339"),
        ("2017-13-01T01:00:00Z,10,12,9,11,5", "month"),
        ("2017-12-01T01:30:00Z,10,12,9,11,5", "no start of a bar of 3600 s"),
        ("2017-12-01T00:00:00Z,10,12,9,11,5", "not later than the row before"),
        ("2017-11-30T23:00:00Z,10,12,9,11,5", "not later than the row before"),
        ("2017-12-01T01:00:00Z,ten,12,9,11,5", "decimal text"),
        ("2017-12-01T01:00:00Z,,12,9,11,5", "decimal text"),
        ("2017-12-01T01:00:00Z,NaN,12,9,11,5", "decimal text"),
        ("2017-12-01T01:00:00Z,1e1,12,9,11,5", "decimal text"),
        ("2017-12-01T01:00:00Z,-10,12,9,11,5", "not positive"),
        ("2017-12-01T01:00:00Z,10.001,12,9,11,5", "more than 2 decimals"),
        ("2017-12-01T01:00:00Z,10,10.5,9,11,5", "high is the highest"),
        ("2017-12-01T01:00:00Z,10,12,10.5,11,5", "low the lowest"),
        ("2017-12-01T01:00:00Z,10,12,9,11,-5", "volume is negative"),
        ("2017-12-01T01:00:00Z,10,12,9,11,much", "decimal text"),
    ],
)
def test_a_bad_row_is_named_with_its_line_and_reason(tmp_path: Path, row: str, reason: str) -> None:
    file = tmp_path / "BTCUSD_1h.csv"
    file.write_text("\n".join(["time,open,high,low,close,volume", GOOD, row, ""]))
    with pytest.raises(Refused) as caught:
        bars.find(tmp_path, BTC, start=micros_of("2017-12-01T00:00:00Z"))
    assert caught.value.code == "INVALID_VALUE"
    (error,) = caught.value.data["errors"]
    assert error["line"] == 3
    assert reason in error["reason"]
    assert "BTCUSD_1h.csv" in caught.value.message
    assert "line 3" in caught.value.message


def test_every_bad_row_has_its_own_line(tmp_path: Path) -> None:
    rows = [GOOD, "a", "b", "2017-12-01T05:00:00Z,10,12,9,11,", "c"]
    (tmp_path / "BTCUSD_1h.csv").write_text("\n".join(["time,open,high,low,close,volume", *rows]))
    with pytest.raises(Refused) as caught:
        bars.find(tmp_path, BTC, start=0)
    assert [error["line"] for error in caught.value.data["errors"]] == [3, 4, 6]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("BTCUSD_1h.csv", "when,open\n", "the header is time,open,high,low,close,volume"),
        ("BTCUSD_1h.csv", "", "the header is"),
        ("BTCUSD_1h.csv", "time,open,high,low,close,volume\n", "no row"),
        ("BTCUSD_1h.csv", "time,open,high,low,close,volume\n" + GOOD, "no bar at the start"),
        ("BTCUSD_1h.parquet", "PAR1", "Parquet needs the extra research"),
    ],
)
def test_a_file_that_cannot_serve_says_why(tmp_path: Path, name: str, content: str, sentence: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(Refused, match=sentence):
        bars.find(tmp_path, BTC, start=micros_of("2018-12-01T00:00:00Z"))


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "BTCUSD_1h.csv").write_bytes(b"time,open,high,low,close,volume\n\xff\xfe")
    with pytest.raises(Refused, match="no CSV in UTF-8"):
        bars.find(tmp_path, BTC, start=0)


def test_the_finest_file_that_covers_the_start_is_taken(tmp_path: Path) -> None:
    head = "time,open,high,low,close,volume\n"
    (tmp_path / "BTCUSD_1d.csv").write_text(head + "2017-12-01T00:00:00Z,10,12,9,11,5\n2017-12-02T00:00:00Z,1,1,1,1,1")
    (tmp_path / "BTCUSD_1h_december.csv").write_text(head + GOOD)
    found = [bars.find(tmp_path, BTC, start=micros_of(f"2017-12-0{day}T00:30:00Z")) for day in (1, 2)]
    assert [series.source for series in found if series] == ["BTCUSD_1h_december.csv", "BTCUSD_1d.csv"]
    assert bars.find(tmp_path, ETH, start=0) is None


def test_a_daily_bar_of_a_market_with_weekends_ticks_while_it_is_open(tmp_path: Path) -> None:
    head = "time,open,high,low,close,volume\n"
    rows = [f"2017-12-{day:02}T00:00:00Z,1.18,1.19,1.17,1.185," for day in (15, 16, 17)]  # Friday to Sunday
    (tmp_path / "EURUSD_1d.csv").write_text(head + "\n".join(rows))
    start = micros_of("2017-12-15T00:00:00Z")
    series = bars.find(tmp_path, EUR, start=start)
    assert series is not None
    source = Track(EUR, Recorded(series, start=start), start=start, speed=3_600, ticks_per_second=8, seed=1)
    ticks = until(source, "2017-12-18T00:00:00Z")
    assert all(FOREX.is_open(tick.venue_time) for tick in ticks)
    friday, sunday = in_bar(ticks, series.bars[0], DAY), in_bar(ticks, series.bars[2], DAY)
    assert len(friday) + len(sunday) == len(ticks)
    for part, bar in ((friday, series.bars[0]), (sunday, series.bars[2])):
        prices = [tick.ask for tick in part]
        assert (prices[0], max(prices), min(prices), prices[-1]) == (bar.open, bar.high, bar.low, bar.close)
