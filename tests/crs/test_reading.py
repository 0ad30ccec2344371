"""Is text from outside read in one spelling only?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crs.kernel.reading import BIGINT_MAX, moment, whole

NO_WHOLE = [
    "",
    " 1",
    "1 ",
    "+1",
    "-1",
    "-0",
    "01",
    "00",
    "1.0",
    "1e3",
    "1_000",
    "0x1",
    "１２",
    "٣",
    "²",
    "\x001",
    "1\n",
]


@given(st.integers(0, BIGINT_MAX))
def test_a_whole_number_is_read_back_as_it_is_written(number: int) -> None:
    assert whole(str(number)) == number


@pytest.mark.parametrize("text", [*NO_WHOLE, str(BIGINT_MAX + 1), "9" * 5_000])
def test_what_is_no_plain_whole_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a whole number"):
        whole(text)


@given(
    st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29)),
    st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
def test_a_moment_is_read_back_as_it_is_written(naive: datetime, zone: timezone) -> None:
    at = naive.replace(tzinfo=zone)
    assert moment(at.isoformat()) == at
    assert moment(at.isoformat()).tzinfo is UTC


def test_a_moment_in_small_letters_and_with_fewer_digits_is_the_same() -> None:
    assert moment("2026-11-20t12:00:00.25z") == datetime(2026, 11, 20, 12, 0, 0, 250_000, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "", "yesterday", "2026-11-20", "2026-11-20T12:00:00", "2026-11-20 12:00:00Z", "2026-W47-5T12:00:00Z",
        "20261120T120000Z", "2026-11-20T12:00Z", "2026-11-20T12:00:00,5Z", "2026-11-20T12:00:00.1234567Z",
        "2026-11-20T12:00:00.Z", "2026-11-20T12:00:00+01", "2026-11-20T12:00:00+01:00:30", "2026-11-20T12:00:00+24:00",
        "２０２６-11-20T12:00:00Z", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-11-20T24:00:00Z",
        "2026-11-20T23:59:60Z", "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "-2026-11-20T12:00:00Z",
        "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "2026-11-20T12:00:00Z\n", " 2026-11-20T12:00:00Z",
        "infinity", "1763640000",
    ],
)  # fmt: skip
def test_what_is_no_moment_with_its_offset_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="moment"):
        moment(text)
