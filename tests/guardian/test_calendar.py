"""guardian/rules/calendar.py: the weekend begins at five in New York, in winter and in summer."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from guardian.rules import calendar

FOREX = {
    "calendar": "FOREX",
    "timezone": "America/New_York",
    "day_ends": "17:00",
    "weekly": [{"opens": "SUN 17:00", "closes": "FRI 17:00"}],
    "always_open": False,
}
CRYPTO = {"calendar": "CRYPTO", "timezone": "UTC", "day_ends": "00:00", "weekly": [], "always_open": True}


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2017-12-22T21:59", True),  # a winter's Friday: 22:00 UTC
        ("2017-12-22T22:00", False),
        ("2017-12-23T12:00", False),
        ("2017-12-24T21:59", False),
        ("2017-12-24T22:00", True),
        ("2017-12-27T03:00", True),
        ("2018-07-06T20:59", True),  # a summer's Friday: 21:00 UTC
        ("2018-07-06T21:00", False),
        ("2018-07-08T20:59", False),
        ("2018-07-08T21:00", True),
    ],
)
def test_a_forex_market_follows_new_york_through_the_year(at: str, expected: bool) -> None:
    assert calendar.is_open(FOREX, datetime.fromisoformat(at).replace(tzinfo=UTC)) is expected


def test_a_crypto_market_never_closes() -> None:
    assert calendar.is_open(CRYPTO, datetime(2017, 12, 23, 12, tzinfo=UTC))


def test_a_daily_break_is_closed_and_two_windows_are_two() -> None:
    twice = {
        **FOREX,
        "weekly": [{"opens": "MON 09:00", "closes": "MON 12:00"}, {"opens": "MON 13:00", "closes": "MON 17:00"}],
    }
    opened = [calendar.is_open(twice, datetime(2017, 12, 18, hour, 30, tzinfo=UTC)) for hour in (13, 16, 17, 18, 22)]
    assert opened == [False, True, False, True, False]  # 08:30, 11:30, 12:30, 13:30 and 17:30 in New York


@pytest.mark.parametrize(
    "sessions", [{}, {"always_open": False}, {**FOREX, "weekly": [{"opens": "SO 17:00", "closes": ""}]}]
)
def test_sessions_that_say_nothing_are_not_taken_for_open(sessions: dict[str, object]) -> None:
    with pytest.raises((KeyError, ValueError)):
        calendar.is_open(sessions, datetime(2017, 12, 18, tzinfo=UTC))
