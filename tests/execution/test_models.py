"""execution/models.py: what the database refuses, whoever asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from execution.models import Order
from execution.rules.orders import FINAL, ORDER
from tests.execution.rows import fill_row, intent_row, order_row
from tests.support.factories import NOON, make_account, make_desk

if TYPE_CHECKING:
    from approvals.models import Account

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> Account:
    return make_account()


def _refused(statement: str, *arguments: Any) -> str:
    """Run raw SQL that must be refused and return its SQLSTATE."""
    with pytest.raises(DatabaseError) as refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, arguments)
    return str(getattr(refusal.value.__cause__, "sqlstate", ""))


@pytest.mark.parametrize("table", ["execution_intent", "execution_fill"])
def test_what_was_decided_and_what_was_filled_is_never_changed(account: Account, table: str) -> None:
    row = intent_row(account) if table == "execution_intent" else fill_row(account)
    assert _refused(f"UPDATE {table} SET strategy = 'other' WHERE id = %s", row.id) == "CR003"
    assert _refused(f"DELETE FROM {table} WHERE id = %s", row.id) == "CR003"


@pytest.mark.parametrize("table", ["execution_intent", "execution_fill"])
def test_the_application_may_not_even_try(account: Account, as_app: None, table: str) -> None:
    row = intent_row(account) if table == "execution_intent" else fill_row(account)
    assert _refused(f"UPDATE {table} SET strategy = 'other' WHERE id = %s", row.id) == "42501"
    assert _refused(f"DELETE FROM {table} WHERE id = %s", row.id) == "42501"
    assert _refused(f"TRUNCATE {table} CASCADE") == "42501"


def test_an_order_is_never_deleted_and_keeps_what_it_asked_for(account: Account) -> None:
    order = order_row(account)
    assert _refused("DELETE FROM execution_order WHERE id = %s", order.id) == "CR003"
    for change in ("quantity = quantity + 1", "side = 'SELL'", "client_order_id = gen_random_uuid()", "stop_loss = 1"):
        assert _refused(f"UPDATE execution_order SET {change} WHERE id = %s", order.id) == "CR003"


def test_an_order_begins_as_new(account: Account) -> None:
    with pytest.raises(DatabaseError, match="begins as NEW"), transaction.atomic():
        order_row(account, state="SENT")


def _bring(order: Order, state: str) -> None:
    path = {"NEW": [], "SENT": ["SENT"], "PARTIAL": ["SENT", "PARTIAL"], "UNKNOWN": ["SENT", "UNKNOWN"]}
    steps = path.get(state) or (["CANCELLED"] if state == "CANCELLED" else ["SENT", state])
    if state == "FAILED":
        steps = ["SENT", "UNKNOWN", "FAILED"]
    for step in [] if state == "NEW" else steps:
        _move(order, step)


def _move(order: Order, state: str) -> None:
    settled = NOON if state in FINAL else None
    filled = order.quantity if state == "FILLED" else 0
    with transaction.atomic():
        Order.objects.filter(id=order.id).update(state=state, settled_at=settled, filled=filled)


@pytest.mark.parametrize("before", ORDER.states)
@pytest.mark.parametrize("after", ORDER.states)
def test_the_database_knows_the_same_edges_as_the_code(account: Account, before: str, after: str) -> None:
    order = order_row(account)
    _bring(order, before)
    if after in ORDER.moves[before] or after == before:
        _move(order, after)
    else:
        with pytest.raises(DatabaseError):
            _move(order, after)


def test_what_is_filled_never_becomes_less(account: Account) -> None:
    order = order_row(account)
    _move(order, "SENT")
    Order.objects.filter(id=order.id).update(state="PARTIAL", filled=5)
    with pytest.raises(DatabaseError, match="never becomes less"), transaction.atomic():
        Order.objects.filter(id=order.id).update(filled=4)
    with pytest.raises(IntegrityError, match="order_filled_within"), transaction.atomic():
        Order.objects.filter(id=order.id).update(filled=order.quantity + 1)


@pytest.mark.parametrize("row", [intent_row, order_row, fill_row])
def test_a_row_belongs_to_the_desk_of_its_account(account: Account, row: Any) -> None:
    own_intent = {"intent": intent_row(account)} if row is order_row else {}
    with pytest.raises(DatabaseError, match="is not of desk"), transaction.atomic():
        row(account, desk_id=make_desk().id, **own_intent)


@pytest.mark.parametrize("missing", ["strategy", "responsible", "desk_id"])
@pytest.mark.parametrize("row", [intent_row, order_row, fill_row])
def test_nothing_is_traded_for_nobody(account: Account, row: Any, missing: str) -> None:
    own_intent = {"intent": intent_row(account)} if row is order_row else {}
    nobody = None if missing.endswith("_id") else ""
    with pytest.raises(DatabaseError), transaction.atomic():
        row(account, **{missing: nobody}, **own_intent)


def test_a_key_names_one_intent_of_its_principal(account: Account) -> None:
    intent_row(account, key="k")
    intent_row(account, key="k", principal="key:other")
    with pytest.raises(IntegrityError, match="intent_key_once"), transaction.atomic():
        intent_row(account, key="k")


def test_a_deal_of_an_account_is_booked_once(account: Account) -> None:
    fill_row(account, deal="50000001")
    fill_row(make_account(), deal="50000001")
    with pytest.raises(IntegrityError, match="fill_deal_once"), transaction.atomic():
        fill_row(account, deal="50000001")


@pytest.mark.parametrize(
    "changed",
    [
        {"result": "REFUSED", "permit_expires_at": None},  # without a reason
        {"result": "REFUSED", "reason": "NO_DATA"},  # with a permit
        {"permit_expires_at": None},  # allowed without one
        {"quantity": 0},
        {"added": 10**9},
        {"side": "LONG"},
        {"limit_price": 1},
    ],
)
def test_an_intent_that_contradicts_itself_is_refused(account: Account, changed: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        intent_row(account, **changed)
