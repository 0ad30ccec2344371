"""execution/api: what a bot proposes and reads, and what it may not."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from approvals.operations import killswitch, limits
from approvals.rules.scope import GLOBAL
from crs.kernel import clock
from execution.models import Fill, Intent, Order
from execution.operations import orders
from execution.rules import gate
from execution.tasks import send_order
from ledger.operations import nav
from tests.execution.desk import make_trading_account
from tests.execution.facts import USD
from tests.execution.rows import fill_row, order_row
from tests.support.api import KeyClient, make_client
from tests.support.cast import ALICE, WORKER
from tests.support.factories import make_desk

if TYPE_CHECKING:
    from approvals.models import Account
    from tests.execution.venue import VenueDesk

pytestmark = pytest.mark.django_db
INTENTS, EXPLAIN = "/api/v1/intents", "/api/v1/intents/explain"


@pytest.fixture
def account() -> Account:
    return make_trading_account(at=clock.now())


@pytest.fixture
def bot() -> KeyClient:
    return make_client(scopes=("order:propose",))


def wish(account: Account, **changed: Any) -> dict[str, Any]:
    terms = {
        "key": str(uuid.uuid4()),
        "mode": "MANAGED",
        "strategy": "pulse",
        "account": account.code,
        "symbol": "BTCUSD.s",
        "side": "BUY",
        "quantity": "0.01",
    }
    return {**terms, **changed}


def test_a_refused_intent_is_an_answer_with_every_rule(account: Account, bot: KeyClient) -> None:
    answer = bot.post(INTENTS, wish(account))
    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert body["decision"] == "REFUSED"
    assert body["refusals"] == [{"code": "NO_DATA", "limit": "", "actual": "", "headroom": ""}]  # no session runs
    assert [row["name"] for row in body["rules"]] == [rule.name for rule in gate.RULES]
    assert body["permit_expires_at"] is None
    assert bot.get(f"{INTENTS}/{body['id']}").json() == body


def test_the_same_key_answers_the_first_decision_and_another_body_is_refused(account: Account, bot: KeyClient) -> None:
    asked = wish(account)
    first, again = bot.post(INTENTS, asked), bot.post(INTENTS, asked)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert first.json() == again.json()
    reused = bot.post(INTENTS, {**asked, "quantity": "0.02"})
    assert (reused.status_code, reused.json()["code"]) == (422, "KEY_REUSED")
    assert Intent.objects.count() == 1


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"quantity": 0.01}, 422),
        ({"quantity": 1}, 422),
        ({"quantity": "NaN"}, 422),
        ({"quantity": "0.000000001"}, 422),
        ({"quantity": "-1"}, 422),
        ({"quantity": "9" * 200}, 422),
        ({"stop_loss": 15000}, 422),
        ({"stop_loss": "Infinity"}, 422),
        ({"order_type": "LIMIT"}, 422),
        ({"side": "LONG"}, 422),
        ({"mode": "GOVERNED"}, 422),
        ({"account": "NOWHERE"}, 422),
        ({"stop_los": "15000"}, 422),
        ({"key": ""}, 422),
    ],
)
def test_what_is_no_intent_gets_one_clear_problem(
    account: Account, bot: KeyClient, changed: dict[str, Any], status: int
) -> None:
    for address in (INTENTS, EXPLAIN):
        answer = bot.post(address, {**wish(account), **changed})
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.status_code in (status, 400), answer.content
        assert answer.json()["code"]
    assert not Intent.objects.exists()


def test_explain_keeps_nothing_and_needs_no_fresh_key(account: Account, bot: KeyClient) -> None:
    answer = bot.post(EXPLAIN, wish(account))
    assert answer.status_code == 200, answer.content
    assert answer.json()["decision"] == "REFUSED"
    assert not Intent.objects.exists()


def test_under_a_halt_new_risk_is_refused_and_a_reduction_passes(account: Account, bot: KeyClient) -> None:
    killswitch.engage(scope=GLOBAL, positions="KEEP", reason="drill", actor=WORKER, at=clock.now())
    refused = bot.post(INTENTS, wish(account)).json()
    assert refused["refusals"][0]["code"] == "KILL_SWITCH_ENGAGED"
    passed = bot.post(INTENTS, wish(account, side="SELL", reduce_only=True)).json()
    assert (passed["decision"], len(passed["orders"])) == ("ALLOWED", 1)


def test_an_old_epoch_is_refused(account: Account, bot: KeyClient) -> None:
    codes = [row["code"] for row in bot.post(INTENTS, wish(account, epoch=-1)).json()["refusals"]]
    assert "STALE_EPOCH" in codes


@pytest.mark.parametrize(
    ("scopes", "kind", "status"),
    [
        (("ledger:read",), "ed25519", 403),
        (("order:propose",), "ed25519", 201),
        (("order:propose",), "hmac", 201),
        (("order:propose",), "bearer", 201),  # the account is a paper one
    ],
)
def test_only_the_right_scope_proposes(account: Account, scopes: tuple[str, ...], kind: str, status: int) -> None:
    assert make_client(kind, scopes=scopes).post(INTENTS, wish(account)).status_code == status


def test_a_key_of_another_desk_sees_and_moves_nothing_here(account: Account) -> None:
    order_row(account)
    fill_row(account)
    other = make_client(scopes=("order:propose",), desk=make_desk())
    assert other.post(INTENTS, wish(account)).json()["code"] == "NO_SUCH_ACCOUNT"
    for address in ("orders", "fills"):
        assert other.get(f"/api/v1/{address}").json()["results"] == []
    assert other.get(f"{INTENTS}/{Intent.objects.get().id}").status_code == 404


def test_a_key_does_not_learn_what_other_desks_have(account: Account) -> None:
    order, desk = order_row(account), make_desk()
    other, bearer = make_client(desk=desk), make_client("bearer", scopes=("order:propose",), desk=desk)
    for address, name, known in (("fills", "order", order.id), ("orders", "intent", order.intent_id)):
        for number in (known, 10**9, 10**18):
            answer = other.get(f"/api/v1/{address}", query=f"{name}={number}")
            assert (answer.status_code, answer.json()["results"]) == (200, [])
    answers = [bearer.post(INTENTS, {**wish(account), "account": code}) for code in (account.code, "NOWHERE")]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(403, "SIGNATURE_REQUIRED")}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key", 7),
        ("key", " k"),
        ("symbol", 7),
        ("symbol", "BTCUSD.s "),
        ("account", " PAPER-1"),
        ("strategy", "pu\nlse"),
        ("reduce_only", "true"),
        ("reduce_only", 1),
        ("epoch", "1"),
        ("epoch", True),
        ("epoch", 10**30),
        ("position_id", "１２"),
        ("position_id", "012"),
        ("position_id", "0"),
        ("position_id", "9" * 21),
        ("position_id", 12),
    ],
)
def test_a_field_is_read_as_it_came_or_not_at_all(account: Account, bot: KeyClient, field: str, value: Any) -> None:
    answer = bot.post(INTENTS, {**wish(account, side="SELL", reduce_only=True), field: value})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"/{field}"
    assert not Intent.objects.exists()


def test_a_key_answers_for_a_person(account: Account, bot: KeyClient) -> None:
    bot.post(INTENTS, wish(account))
    assert Intent.objects.get().responsible == "alice"  # who made the key


def test_orders_and_fills_are_listed_with_their_filters(account: Account, bot: KeyClient) -> None:
    order = order_row(account)
    fill = fill_row(account, price="17012.50", commission=-50_000)
    listed = bot.get("/api/v1/orders", query=f"account={account.code}&state=NEW").json()["results"]
    assert [row["client_order_id"] for row in listed] == [str(order.client_order_id)]
    assert listed[0]["quantity"] == "0.01000000"
    assert bot.get("/api/v1/orders", query="state=FILLED").json()["results"] == []
    found = bot.get("/api/v1/fills", query=f"deal={fill.deal}").json()["results"][0]
    assert (found["price"], found["order"]) == ("17012.5", None)
    assert found["commission"] == {"asset": "USD", "amount": "-0.050000"}


def test_a_managed_intent_is_sent_by_a_worker_and_its_fill_booked(desk: VenueDesk, bot: KeyClient) -> None:
    """Goal: a bot's intent becomes a fill. Method: REST, the task that its row rings, the paper gateway."""
    at = clock.now()
    figures = desk.wire.account(desk.account.login)
    limits.set_loss_limit(
        account=desk.account, limit_units=100 * USD, opening_equity_units=figures.equity, actor=ALICE, at=at
    )
    nav.strike(account_id=desk.account.id, marks={}, at=at, venue_at=figures.venue_at, actor=WORKER)
    desk.show_price(at=clock.now())
    body = bot.post(INTENTS, wish(desk.account)).json()
    assert body["decision"] == "ALLOWED", body["refusals"]
    assert body["orders"][0]["state"] == "NEW"
    send_order(body["orders"][0]["id"])
    assert bot.get(f"{INTENTS}/{body['id']}").json()["orders"][0]["state"] == "FILLED"
    assert bot.get("/api/v1/fills", query=f"order={body['orders'][0]['id']}").json()["results"][0]["entry"] == "IN"
    assert orders.carry(body["orders"][0]["id"], actor=WORKER, at=clock.now()) is None
    assert len(desk.deals()) == Fill.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_fifty_clients_with_one_key_get_one_order() -> None:
    account, bot = make_trading_account(at=clock.now()), make_client(scopes=("order:propose",))
    asked = wish(account, side="SELL", reduce_only=True)

    def propose(_: int) -> tuple[int, int]:
        try:
            answer = KeyClient(bot.key, bot.shown).post(INTENTS, asked)
            return answer.json()["id"], answer.json()["orders"][0]["id"]
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=8) as pool:
        answers = set(pool.map(propose, range(50)))
    assert len(answers) == 1
    assert Order.objects.count() == Intent.objects.count() == 1
