"""May this order go? Facts are gathered, the one gate is asked, and the answer is kept before anybody acts on it."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, ClassVar

from django.db import IntegrityError, transaction

from approvals import queries as approvals_queries
from approvals.operations import audit
from approvals.rules.scope import Subject
from crs.kernel import work
from crs.kernel.refusal import Refusal
from execution import queries
from execution.models import Intent, Order
from execution.rules import bounds, copies, gate, proposals
from execution.rules.facts import Facts, Live
from ledger.rules.posting import KeyReused

if TYPE_CHECKING:
    from datetime import datetime

    from approvals.models import Account
    from crs.kernel.actor import Actor
    from execution.rules.gate import Decision
    from execution.rules.proposals import Proposal

SEND_TASK = "execution.send_order"
NOTHING = Live()


class NoSuchAccount(Refusal):
    """No open venue account has this code."""

    code: ClassVar[str] = "NO_SUCH_ACCOUNT"
    title: ClassVar[str] = "No open venue account has this code"


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision that is kept. `orders` are the ids of the orders it made; a repeat of the key gives `is_new=False`."""

    intent: Intent
    orders: tuple[int, ...]
    is_new: bool

    @property
    def is_allowed(self) -> bool:
        return self.intent.result == "ALLOWED"


def decide(proposal: Proposal, *, actor: Actor, at: datetime, live: Live = NOTHING) -> Decided:
    """Decide on a proposal once, keep the decision, and make its orders in state NEW if it is ALLOWED.

    1. One intent of an account at a time, so that racing ones never pass a limit together.
    2. A key that came before gives the first decision again.
    3. Gather the facts; what `live` knows better comes from there.
    4. Keep intent, orders and the event in the evidence; a worker's task is rung unless a slice carries the order.

    Raises `IntentMalformed`, `GovernedUnavailable`, `NoSuchAccount`, and `KeyReused` for a key with other content. A
    refusal of the gate is a decision, not an exception.
    """
    proposals.refuse_malformed(proposal)
    account = _account(proposal)
    try:
        with transaction.atomic():
            queries.lock_account(account.id)
            if known := queries.intent_by_key(str(actor), proposal.key):
                return _again(known, proposal)
            facts = gather(proposal, account=account, at=at, live=live)
            return _keep(proposal, facts, gate.decide(facts), account=account, actor=actor)
    except IntegrityError:
        # The same key on another account, at the same moment: the first one stands.
        if known := queries.intent_by_key(str(actor), proposal.key):
            return _again(known, proposal)
        raise


def explain(proposal: Proposal, *, at: datetime, live: Live = NOTHING) -> Decision:
    """Return what `decide` would say now, every rule with its figures. Nothing is kept, nothing is reserved.

    Raises what `decide` raises, but for the key.
    """
    proposals.refuse_malformed(proposal)
    account = _account(proposal)
    return gate.decide(gather(proposal, account=account, at=at, live=live))


def gather(proposal: Proposal, *, account: Account, at: datetime, live: Live) -> Facts:
    """Return the facts of the gate on a proposal, as they stand in the database now."""
    wish = proposal.wish
    subject = subject_of(proposal, account)
    halts = approvals_queries.halts()
    symbol = queries.symbol_row(account.id, wish.symbol)
    venue_at = symbol.venue_at if symbol else None
    orders, position, identity = queries.trading_facts(account, wish, since=at - bounds.DUPLICATE_WINDOW)
    return Facts(
        at=at,
        bounds=bounds.BOUNDS,
        wish=wish,
        # Read in this very transaction: not a copy, so it is as old as the question.
        halts=copies.halt_copy(halts, subject, read_at=at, epoch_known=proposal.epoch_known),
        modes=copies.mode_copy(halts, subject),
        market=live.market or queries.market_facts(symbol, venue_at),
        identity=identity,
        symbol=queries.symbol_facts(symbol, currency=account.currency),
        tick=live.tick or queries.tick_facts(symbol),
        orders=orders,
        position=position,
        loss=live.loss or queries.loss_facts(account, at=at),
    )


def subject_of(proposal: Proposal, account: Account) -> Subject:
    """Return what the halts may cover of a proposal."""
    return Subject(
        desk=account.desk.code,
        venue=account.venue.code,
        account=account.code,
        strategy=proposal.wish.strategy,
        symbol=proposal.wish.symbol,
        key=proposal.api_key,
    )


def _account(proposal: Proposal) -> Account:
    account = queries.account(proposal.wish.account)
    if account is None:
        raise NoSuchAccount(f"no open venue account {proposal.wish.account[:48]}", pointer="/account")
    return account


def _again(known: Intent, proposal: Proposal) -> Decided:
    if known.digest != proposal.digest:
        raise KeyReused(f"the key {proposal.key} came before with other content", pointer="/key")
    return Decided(known, tuple(known.orders.order_by("id").values_list("id", flat=True)), is_new=False)


def _keep(proposal: Proposal, facts: Facts, decision: Decision, *, account: Account, actor: Actor) -> Decided:
    wish = asdict(proposal.wish)
    del wish["account"]
    about = {
        **wish,
        "desk": account.desk,
        "account": account,
        "responsible": proposal.responsible,
        "position_id": proposal.position_id,
        "magic": proposal.magic,
        "epoch": decision.epoch,
    }
    expires_at = facts.at + bounds.PERMIT
    intent = Intent.objects.create(
        **about,
        principal=str(actor),
        key=proposal.key,
        digest=proposal.digest,
        mode=proposal.mode,
        result=decision.result,
        reason=decision.reason,
        rules=[verdict.as_rule() for verdict in decision.rules],
        added=decision.added,
        decided_at=facts.at,
        venue_at=facts.market.venue_at if facts.market else None,
        permit_expires_at=expires_at if decision.is_allowed else None,
    )
    made = []
    for position_id, quantity in _parts(proposal, account) if decision.is_allowed else ():
        terms = {**about, "position_id": position_id, "quantity": quantity, "carrier": proposal.carrier}
        order = Order.objects.create(
            **terms, intent=intent, client_order_id=uuid.uuid4(), created_at=facts.at, expires_at=expires_at
        )
        made.append(order.id)
        if proposal.carrier == "TASK":
            work.ring(SEND_TASK, order.id)
    audit.record(
        action=f"execution.intent.{decision.result.lower()}",
        actor=actor,
        subject_kind="execution.intent",
        subject_id=intent.id,
        at=facts.at,
        desk_id=account.desk_id,
        reason=decision.reason,
        after={"key": proposal.key, "account": account.code, "epoch": decision.epoch, "orders": made},
    )
    return Decided(intent, tuple(made), is_new=True)


def _parts(proposal: Proposal, account: Account) -> list[tuple[str, int]]:
    """Return (position, lots) of each order: a reduction closes the strategy's own opposite positions, oldest first.

    A position that is named is closed whosever it is. What our copy does not know is left to the venue: a named
    position as it was asked, otherwise one reduce-only order.
    """
    wish = proposal.wish
    if not wish.reduce_only:
        return [("", wish.quantity)]
    parts, left = [], wish.quantity
    for position in queries.open_positions(account.id, wish.symbol):
        is_meant = position.position_id == proposal.position_id or (
            not proposal.position_id and position.strategy == wish.strategy and position.lots * wish.sign < 0
        )
        if is_meant and left:
            parts.append((position.position_id, min(left, abs(position.lots))))
            left -= parts[-1][1]
    return parts or [(proposal.position_id, wish.quantity)]
