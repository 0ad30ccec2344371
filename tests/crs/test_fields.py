"""Base units and hashes in the database: int in and out, and nothing like it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Sum
from hypothesis import given, settings
from hypothesis import strategies as st

from crs.kernel.fields import BaseUnitsField, HashField
from crs.kernel.money import UNITS_MAX
from ledger import queries
from ledger.models import Journal, Posting
from ledger.operations import posting
from tests.support.cast import ALICE
from tests.support.factories import make_chart, make_entry

FIELD = BaseUnitsField()
FIELD.set_attributes_from_name("units")


@pytest.mark.django_db
@pytest.mark.parametrize("units", [2**256 - 1, -(2**255 + 1), 1, -1])
def test_the_largest_amounts_come_back_as_they_went_in(units: int) -> None:
    chart = make_chart()
    posted = posting.post(
        make_entry(chart, [(chart.equity, "ETH", units), (chart.suspense, "ETH", -units)]), actor=ALICE
    )
    row = Posting.objects.get(journal_id=posted.id, leg=1)
    assert (row.units, type(row.units)) == (units, int)
    with connection.cursor() as cursor:
        cursor.execute("SELECT units::text FROM ledger_posting WHERE journal_id = %s AND leg = 1", [posted.id])
        assert cursor.fetchone() == (str(units),)


@pytest.mark.django_db
def test_sums_are_int_too() -> None:
    chart = make_chart()
    for _ in range(3):
        posting.post(
            make_entry(chart, [(chart.equity, "ETH", 2**255), (chart.suspense, "ETH", -(2**255))]), actor=ALICE
        )
    total = Posting.objects.filter(account_id=chart.equity).aggregate(total=Sum("units"))["total"]
    assert (total, type(total)) == (3 * 2**255, int)
    assert Posting.objects.filter(units__gt=2**254).count() == 3
    assert queries.asset("ETH").decimals == 18


@pytest.mark.parametrize("value", [1.5, 1.0, True, Decimal(1), "1"])
def test_anything_but_an_int_is_a_type_error(value: Any) -> None:
    with pytest.raises(TypeError):
        FIELD.get_prep_value(value)


def test_more_than_78_digits_are_refused() -> None:
    assert FIELD.get_prep_value(UNITS_MAX) == Decimal(UNITS_MAX)
    with pytest.raises(ValueError, match="78 digits"):
        FIELD.get_prep_value(UNITS_MAX + 1)


@given(units=st.integers(-UNITS_MAX, UNITS_MAX))
@settings(max_examples=50)
def test_what_is_prepared_is_exact(units: int) -> None:
    assert int(FIELD.get_prep_value(units)) == units


def test_a_forms_text_is_a_whole_number() -> None:
    assert FIELD.to_python("12") == 12
    with pytest.raises(ValidationError):
        FIELD.to_python("1.5")


def test_a_hash_has_32_bytes() -> None:
    field = HashField()
    field.set_attributes_from_name("leaf")
    assert bytes(field.get_prep_value(bytes(32))) == bytes(32)
    with pytest.raises(ValueError, match="32 bytes"):
        field.get_prep_value(b"short")
    assert Journal._meta.get_field("digest").max_length == 32
