"""How does an order get to the venue, and what is known of it afterwards?

Sending is three separate steps, so that whoever awaits the wire holds no transaction: `prepare` in the database, `send`
on the wire (execution/adapters/gateway_mt5.py), `record` in the database. An answer that does not come makes the order
UNKNOWN; it is asked about by its own key (`settle`) and never sent again.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.db import transaction

from approvals import queries as approvals_queries
from approvals.operations import audit
from approvals.rules.scope import Subject
from crs.kernel.stopwatch import Stopwatch
from execution import queries
from execution.adapters import gateway_mt5
from execution.models import Order
from execution.operations import booking
from execution.rules import orders as rules
from execution.rules.orders import FINAL
from execution.rules.wire import NO_ANSWER, NOT_SENT, Outcome, Ready
from guardian.adapters.gateway_mt5.address import GatewayKeyMissing
from guardian.adapters.gateway_mt5.answers import (
    AccountMismatch,
    GatewayRejected,
    GatewaySilent,
    GatewayUnreachable,
    OutcomeUnknown,
)
from guardian.adapters.gateway_mt5.blocking import reading

if TYPE_CHECKING:
    from datetime import datetime

    from approvals.models import Account
    from crs.kernel.actor import Actor
    from guardian.adapters.gateway_mt5.blocking import BlockingWire

log = logging.getLogger(__name__)

# Whoever carried an order and did not write down an answer by now is dead: his client gave up after 5 s.
ABANDONED_AFTER: Final = rules.EXPIRY + rules.BUDGET
# An order that stays UNKNOWN for 60 s is somebody's problem (P1).
UNKNOWN_ALARM_AFTER: Final = timedelta(seconds=60)
ASK_UNKNOWN_EACH: Final = timedelta(seconds=1)
ASK_RESTING_EACH: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What an order is now, and how many fills the answer brought."""

    order_id: int
    state: str
    new_fills: int
    code: str = ""


@transaction.atomic
def prepare(order_id: int, *, actor: Actor, at: datetime) -> Ready | None:
    """Take an order from NEW to SENT and return what goes to the wire; None if it may not go, or somebody has it.

    1. Of many callers one finds the order NEW.
    2. A permit that ran out, or a halt engaged since the decision on new risk, cancels it: nothing has been sent.
    3. The row says SENT before the wire hears of it, with the key that it will be asked about by.
    """
    order = Order.objects.select_for_update(of=("self",)).select_related("account", "account__desk").get(id=order_id)
    if order.state != "NEW":
        return None
    if at >= order.expires_at:
        _cancel_new(order, "PERMIT_EXPIRED", "the permit ran out before it was sent", actor=actor, at=at)
        return None
    if order.intent.added > 0 and (covering := _halted(order)):
        _cancel_new(order, "KILL_SWITCH_ENGAGED", covering, actor=actor, at=at)
        return None
    _move(order, "SENT", sent_at=at)
    symbol = queries.symbol_row(order.account_id, order.symbol)
    return Ready(
        order_id=order.id,
        account_id=order.account_id,
        login=order.account.login,
        key=str(order.client_order_id),
        decision_id=str(order.intent_id),
        epoch=order.epoch,
        symbol=symbol.venue_symbol if symbol else order.symbol,
        side=order.side,  # type: ignore[arg-type]  # the constraint knows both words
        order_type=order.order_type,  # type: ignore[arg-type]  # the constraint knows the words
        quantity=order.quantity,
        price=order.limit_price,
        stop_loss=order.stop_loss,
        take_profit=order.take_profit,
        reduce_only=order.reduce_only,
        position_id=order.position_id,
        magic=order.magic,
    )


@transaction.atomic
def record(order_id: int, outcome: Outcome, *, actor: Actor, at: datetime) -> Recorded:
    """Write down what the venue said about an order, and book its deals, all or nothing.

    The same answer again changes nothing. UNKNOWN and NOT_FOUND never undo what is known already; NOT_FOUND makes the
    order FAILED only when the venue's receipt proves that it can no longer arrive.
    """
    order = Order.objects.select_related("account").get(id=order_id)
    queries.lock_account(order.account_id)
    order = Order.objects.select_for_update(of=("self",)).select_related("account").get(id=order_id)
    answers = [
        (deal, booking.try_to_book(deal, account=order.account, order=order, actor=actor, at=at))
        for deal in outcome.deals
    ]
    new_fills = sum(is_new is True for _, is_new in answers)
    # What the book refuses was filled all the same: the order says so, and reconciliation shows the deal.
    unbooked = sum(deal.volume for deal, is_new in answers if is_new is None)
    filled = booking.count_fills(order.id, unbooked=unbooked)
    state = rules.state_after(
        order.state,
        outcome,
        quantity=order.quantity,
        filled=filled,
        is_settled=order.settled_at is not None,
        sent_at=order.sent_at or order.created_at,
    )
    settles = order.settled_at is None and (state in FINAL or (state == "PARTIAL" and outcome.is_settled))
    asked_at = order.asked_at if outcome.code == NO_ANSWER.code else at  # who got no answer asks again at once
    if state == order.state and not settles:
        Order.objects.filter(id=order.id).update(
            asked_at=asked_at, venue_order=outcome.venue_order or order.venue_order
        )
        return Recorded(order.id, state, new_fills, outcome.code)
    _move(
        order,
        state,
        code=outcome.code,
        message=outcome.message[:200],
        retcode=outcome.retcode if outcome.retcode is not None else order.retcode,
        venue_order=outcome.venue_order or order.venue_order,
        unknown_at=(order.unknown_at or at) if state == "UNKNOWN" else None,
        asked_at=asked_at,
        settled_at=at if settles else order.settled_at,
    )
    if state in ("REJECTED", "FAILED", "UNKNOWN"):
        _say(order, state, outcome, actor=actor, at=at)
    return Recorded(order.id, state, new_fills, outcome.code)


def abandon(*, actor: Actor, at: datetime) -> list[int]:
    """Take over what dead carriers left: expired NEW orders are cancelled, SENT ones without an answer are UNKNOWN.

    Returns the ids of the orders that changed.
    """
    changed = []
    for order_id in queries.expired_new(at):
        changed += [order_id] if prepare(order_id, actor=actor, at=at) is None else []
    for order_id in queries.unanswered(at - ABANDONED_AFTER):
        record(order_id, NO_ANSWER, actor=actor, at=at)
        changed.append(order_id)
    return changed


def carry(order_id: int, *, actor: Actor, at: datetime) -> Recorded | None:
    """Take a NEW order to the venue and write down what it said; None if it may not go or somebody else has it.

    One wire, one call, one try. Nothing is held in the database while the venue thinks.
    """
    watch = Stopwatch(at)
    ready = prepare(order_id, actor=actor, at=at)
    if ready is None:
        return None
    try:
        with reading() as wire:
            outcome = gateway_mt5.send_blocking(wire, ready)
    except (GatewayUnreachable, GatewayKeyMissing) as refusal:
        outcome = replace(NOT_SENT, message=str(refusal))
    return record(order_id, outcome, actor=actor, at=watch.at)


def settle(order: Order, *, wire: BlockingWire, actor: Actor, at: datetime) -> Recorded:
    """Ask the venue what became of an order, by its own key, and write that down.

    "Not found" ends it as FAILED only with a receipt later than it could still arrive, and when the venue holds no
    position of our magic number that we do not know.
    """
    login = order.account.login
    outcome = gateway_mt5.ask(wire, login=login, key=str(order.client_order_id))
    if outcome.state == "NOT_FOUND" and _has_stray(order, wire):
        outcome = replace(outcome, complete_through=None, code="STRAY_POSITION")
    recorded = record(order.id, outcome, actor=actor, at=at)
    alarm_at = (order.unknown_at or at) + UNKNOWN_ALARM_AFTER
    if recorded.state == "UNKNOWN" and (order.asked_at or alarm_at) < alarm_at <= at:
        log.error("order %s has been UNKNOWN for %s", order.client_order_id, UNKNOWN_ALARM_AFTER)
        _say(order, "unknown_for_long", outcome, actor=actor, at=at)
    return recorded


def settle_due(*, actor: Actor, at: datetime) -> int:
    """Ask about every order that is unknown or resting, and take over what dead carriers left; return how many.

    A gateway that cannot be reached leaves all as it is: the next second asks again.
    """
    count = len(abandon(actor=actor, at=at))
    due = list(queries.to_ask(unknown_since=at - ASK_UNKNOWN_EACH, resting_since=at - ASK_RESTING_EACH))
    if not due:
        return count
    try:
        with reading() as wire:
            for order in due:
                try:
                    settle(order, wire=wire, actor=actor, at=at)
                except (GatewayRejected, AccountMismatch) as refusal:  # this account's only: the others are asked about
                    log.warning("order %s was not settled: %s", order.client_order_id, refusal)
                count += 1
    except (GatewayUnreachable, GatewaySilent, GatewayKeyMissing) as refusal:
        log.warning("orders were not settled: %s", refusal)
    return count


def cancel(order: Order, *, wire: BlockingWire, actor: Actor, at: datetime) -> Recorded:
    """Take a resting order off the market: always possible, no gate is asked; its fills so far stay.

    What the answer leaves open is asked for by the order's own key.
    """
    if order.state == "NEW":
        with transaction.atomic():
            _cancel_new(order, "CANCELLED", "cancelled before it was sent", actor=actor, at=at)
        return Recorded(order.id, "CANCELLED", 0)
    if order.venue_order:
        try:
            gateway_mt5.cancel(
                wire, login=order.account.login, venue_order=order.venue_order, key=str(uuid.uuid4())
            )  # fmt: skip
        except OutcomeUnknown:
            log.warning("cancelling order %s was not answered; asking what became of it", order.client_order_id)
    return settle(order, wire=wire, actor=actor, at=at)


def _has_stray(order: Order, wire: BlockingWire) -> bool:
    held = {str(row.position_id) for row in wire.positions(order.account.login) if row.magic == order.magic}
    known = queries.open_positions(order.account_id).values_list("position_id", flat=True)
    return bool(held - set(known))


def _halted(order: Order) -> str:
    account: Account = order.account
    subject = Subject(
        desk=account.desk.code,
        venue=account.venue.code,
        account=account.code,
        strategy=order.strategy,
        symbol=order.symbol,
        key=order.intent.principal.removeprefix("key:") if order.intent.principal.startswith("key:") else "",
    )
    return " ".join(str(halt.scope) for halt in approvals_queries.halts().covering(subject))


def _cancel_new(order: Order, code: str, message: str, *, actor: Actor, at: datetime) -> None:
    _move(order, "CANCELLED", code=code, message=message[:200], settled_at=at)
    _say(order, "CANCELLED", replace(NO_ANSWER, code=code, message=message), actor=actor, at=at)


def _move(order: Order, state: str, **columns: Any) -> None:  # Any: columns of the row
    """Change the state, which must still be the one that was read: one row, or somebody else was here."""
    rows = Order.objects.filter(id=order.id, state=order.state).update(state=state, **columns)
    assert rows == 1, f"order {order.id} is no longer {order.state}"


def _say(order: Order, state: str, outcome: Outcome, *, actor: Actor, at: datetime) -> None:
    audit.record(
        action=f"execution.order.{state.lower()}",
        actor=actor,
        subject_kind="execution.order",
        subject_id=order.id,
        at=at,
        desk_id=order.desk_id,
        reason=outcome.code,
        after={"client_order_id": str(order.client_order_id), "message": outcome.message[:200]},
    )
