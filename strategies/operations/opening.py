"""How does a session get its account? From the venue, by its own key: doing it again gives the same account."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import transaction

from approvals.models import Book, MarginMode, TradeMode, VenueKind
from approvals.operations import desks, limits
from crs.kernel.money import text_of
from crs.kernel.refusal import Refusal
from execution.operations import booking, identity
from guardian.adapters.gateway_mt5.answers import AccountMismatch, accepted
from guardian.operations import symbols
from ledger import queries as ledger_queries
from ledger.operations import accounts, nav
from strategies.models import Session
from strategies.operations import sessions

if TYPE_CHECKING:
    from datetime import datetime

    from approvals.models import Account
    from crs.kernel.actor import Actor
    from guardian.adapters.gateway_mt5.blocking import BlockingWire
    from strategies.rules.configuration import Plan


MARGIN = timedelta(days=1)  # of the venue clock, around a window of history
CENT_DECIMALS, MICROS_PER_CENT = 2, 10_000


class AccountNotFresh(Refusal):
    """The account that the venue opened holds positions or other cash than the deposit: it is not ours alone."""

    code: ClassVar[str] = "ACCOUNT_NOT_FRESH"
    title: ClassVar[str] = "The new account is not empty"
    status: ClassVar[int] = 409


def open_at_venue(*, session: Session, plan: Plan, wire: BlockingWire, at: datetime) -> None:
    """Bring a session from OPENING to RUNNING. Each step finds what an earlier try has done.

    1. Open the account at the venue under the session's key, and our row and chart for it.
    2. Register the symbols from the venue's own record; check who answers.
    3. Start-up sync: the venue holds no position.
    4. Book the deposit from the venue's history; cash and balance are equal.
    5. Loss limit, first mark, RUNNING.

    Raises what the wire raises, `AccountMismatch`, and `AccountNotFresh`.
    """
    actor = sessions.actor_of(session)
    account = session.account or _open_account(session, plan, wire, actor=actor, at=at)
    for entry in plan.symbols:
        info = wire.symbol_info(account.login, entry.symbol)
        symbols.register(account=account, info=info.stated, actor=actor, at=at)
    if not identity.ask(account, wire=wire, actor=actor, at=at):
        raise AccountMismatch(f"{account.code} is another account at the gateway", login=account.login)

    owned = {"magic_numbers": [entry.magic for entry in plan.symbols], "timestamp": int(at.timestamp())}
    synced = wire.read("SYNC_ALL", account.login, owned)
    if synced["positions"]:
        raise AccountNotFresh(f"{len(synced['positions'])} positions are open", login=account.login)
    figures = wire.account(account.login)
    history = wire.history(account.login, start=plan.start - MARGIN, end=figures.venue_at + MARGIN)
    booking.adopt(history, account=account, actor=actor, at=at)
    cash = ledger_queries.venue_cash(account.pk)
    if cash != figures.balance or figures.balance != plan.deposit_units:
        raise AccountNotFresh(
            f"booked {cash}, balance {figures.balance}, deposit {plan.deposit_units}", login=account.login
        )
    _run(session, account, venue_at=figures.venue_at, equity=figures.equity, actor=actor, at=at)


def _open_account(session: Session, plan: Plan, wire: BlockingWire, *, actor: Actor, at: datetime) -> Account:
    replay: dict[str, Any] = {  # Any: JSON of the wire
        "symbols": [entry.symbol for entry in plan.symbols],
        "start": plan.start.isoformat(),
        "speed": plan.speed,
        "seed": plan.seed,
        "ticks_per_second": plan.ticks_per_s,
        "data": plan.data or None,
    }
    payload = {
        "currency": plan.currency,
        "margin_mode": plan.margin_mode,
        "deposit": text_of(plan.deposit_units // MICROS_PER_CENT, CENT_DECIMALS),
        "replay": replay,
    }
    # The key makes it safe to ask again after a silence: the venue opens one account for it, ever.
    answer = accepted(wire.call("ACCOUNT_OPEN", "", payload, idempotency_key=str(session.key)))
    with transaction.atomic():
        venue = desks.open_venue(code=sessions.GATEWAY, name="Paper gateway", kind=VenueKind.PAPER, actor=actor, at=at)
        account = desks.open_account(
            desk=session.desk,
            venue=venue,
            code=sessions.account_code(answer["login"]),
            book=Book.PAPER,
            login=answer["login"],
            server=answer["server"],
            trade_mode=TradeMode(answer["trade_mode"]),
            margin_mode=MarginMode(answer["margin_mode"]),
            currency=answer["currency"],
            actor=actor,
            at=at,
        )
        accounts.open_chart(account, actor=actor, at=at)
        Session.objects.filter(pk=session.pk).update(account=account)
    session.account = account
    return account


@transaction.atomic
def _run(session: Session, account: Account, *, venue_at: datetime, equity: int, actor: Actor, at: datetime) -> None:
    limits.set_loss_limit(
        account=account, limit_units=session.max_loss_units, opening_equity_units=equity, actor=actor, at=at
    )
    nav.strike(account_id=account.pk, marks={}, at=at, venue_at=venue_at, actor=actor)
    Session.objects.filter(pk=session.pk, state="OPENING").update(
        state="RUNNING",
        started_at=at,
        venue_started_at=venue_at,
        opening_equity_units=equity,
        nav_units=equity,
        peak_nav_units=equity,
        error="",  # an earlier try may have left one
    )
    session.refresh_from_db()
