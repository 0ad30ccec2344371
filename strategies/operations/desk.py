"""What does a slice know before it begins, and what may not change while it runs?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from approvals.rules.scope import Subject
from execution import queries as execution_queries
from guardian import queries as guardian_queries
from strategies.operations import sessions
from strategies.rules.signals import STRATEGY

if TYPE_CHECKING:
    from approvals.models import Account
    from crs.kernel.actor import Actor
    from execution.rules.facts import SymbolTerms
    from guardian.models import Symbol
    from strategies.models import Session
    from strategies.rules.configuration import Plan, SymbolPlan


@dataclass(frozen=True, slots=True)
class Seat:
    """One symbol of the session: how it is to be traded, and the venue's terms for it."""

    plan: SymbolPlan
    row: Symbol
    terms: SymbolTerms
    subject: Subject


@dataclass(frozen=True, slots=True)
class TradingDesk:
    """A session at work: whose it is, who answers for it, and its seats by symbol."""

    session: Session
    plan: Plan
    account: Account
    actor: Actor
    responsible: str
    identity: str  # who the gateway has to say the account is
    seats: dict[str, Seat]


def take(session: Session) -> TradingDesk:
    """Return a session that has its account, ready to trade."""
    account = session.account
    assert account is not None, "a running session has an account"
    plan = sessions.plan_of(session)
    rows = {row.symbol: row for row in guardian_queries.symbols(account)}
    seats = {}
    for entry in plan.symbols:
        terms = execution_queries.symbol_facts(rows[entry.symbol], currency=account.currency)
        assert terms is not None, "a registered symbol has terms"
        subject = Subject(
            desk=session.desk.code,
            venue=account.venue.code,
            account=account.code,
            strategy=STRATEGY,
            symbol=entry.symbol,
        )
        seats[entry.symbol] = Seat(entry, rows[entry.symbol], terms, subject)
    return TradingDesk(
        session=session,
        plan=plan,
        account=account,
        actor=sessions.actor_of(session),
        responsible=sessions.responsible_for(session),
        identity=execution_queries.expected_identity(account),
        seats=seats,
    )
