"""How do desks, venues and accounts come to be?"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.db import transaction

from approvals.models import Account, Book, Desk, MarginMode, TradeMode, Venue, VenueKind
from approvals.operations import audit
from approvals.rules import desks as rules
from crs.kernel.refusal import Refusal

if TYPE_CHECKING:
    from datetime import datetime

    from crs.kernel.actor import Actor


class CodeTaken(Refusal):
    """Another desk, venue or account has this code."""

    code: ClassVar[str] = "CODE_TAKEN"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "The code is taken"


class LoginTaken(Refusal):
    """The login at this venue and server is an account already: one login, one account."""

    code: ClassVar[str] = "LOGIN_TAKEN"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "The login belongs to another account"


@transaction.atomic
def open_desk(*, code: str, name: str, actor: Actor, at: datetime, base_currency: str = "USD") -> Desk:
    """Open a desk and its house account in each book.

    Raises `MalformedCode`, or `CodeTaken` when a desk has the code.
    """
    rules.refuse_malformed_code(code)
    # The row is written only if the code is free; of two callers at once the later one waits and is refused.
    desk, is_new = Desk.objects.get_or_create(
        code=code, defaults={"name": name, "base_currency": base_currency, "opened_at": at}
    )
    if not is_new:
        raise CodeTaken(f"a desk {code} exists", given=code)
    audit.record(
        action="approvals.desk.opened",
        actor=actor,
        subject_kind="approvals.desk",
        subject_id=code,
        at=at,
        desk_id=desk.id,
        after={"name": name, "base_currency": base_currency},
    )
    house = open_venue(code="HOUSE", name="The desk itself", kind=VenueKind.HOUSE, actor=actor, at=at)
    for book in Book:
        open_account(
            desk=desk,
            venue=house,
            code=rules.house_code(code, book),
            book=book,
            trade_mode=TradeMode.REAL if book == Book.LIVE else TradeMode.DEMO,
            currency=base_currency,
            actor=actor,
            at=at,
        )
    return desk


@transaction.atomic
def open_venue(*, code: str, name: str, kind: VenueKind, actor: Actor, at: datetime) -> Venue:
    """Open a venue, or return the one that has this code and kind.

    Raises `MalformedCode`, or `CodeTaken` when the code is a venue of another kind.
    """
    rules.refuse_malformed_code(code)
    venue, is_new = Venue.objects.get_or_create(code=code, defaults={"name": name, "kind": kind})
    if venue.kind != kind:
        raise CodeTaken(f"{code} is a venue of kind {venue.kind}", given=code, kind=venue.kind)
    if is_new:
        audit.record(
            action="approvals.venue.opened",
            actor=actor,
            subject_kind="approvals.venue",
            subject_id=code,
            at=at,
            after={"name": name, "kind": str(kind)},
        )
    return venue


@transaction.atomic
def open_account(
    *,
    desk: Desk,
    venue: Venue,
    code: str,
    book: Book,
    actor: Actor,
    at: datetime,
    login: str = "",
    server: str = "",
    trade_mode: TradeMode = TradeMode.DEMO,
    margin_mode: MarginMode = MarginMode.HEDGING,
    currency: str = "USD",
    timezone: str = "UTC",
) -> Account:
    """Open one login of a desk at a venue.

    Raises `MalformedCode`, `UnknownTimezone`, `CodeTaken`, `LoginTaken`, and `BookMismatch` when a real account is not
    in the LIVE book or the reverse.
    """
    rules.refuse_malformed_code(code, length_max=rules.ACCOUNT_CODE_LENGTH_MAX)
    rules.refuse_mixed_book(book=book, trade_mode=trade_mode)
    rules.refuse_unknown_timezone(timezone)
    identity = {
        "book": str(book),
        "login": login,
        "server": server,
        "trade_mode": str(trade_mode),
        "margin_mode": str(margin_mode),
        "currency": currency,
        "timezone": timezone,
    }
    if login and Account.objects.filter(venue=venue, server=server, login=login).exists():
        raise LoginTaken(f"login {login} at {venue} is an account already", login=login, server=server)
    account, is_new = Account.objects.get_or_create(
        code=code, defaults={"desk": desk, "venue": venue, "opened_at": at, **identity}
    )
    if not is_new:
        raise CodeTaken(f"an account {code} exists", given=code)
    audit.record(
        action="approvals.account.opened",
        actor=actor,
        subject_kind="approvals.account",
        subject_id=code,
        at=at,
        desk_id=desk.id,
        after={"venue": venue.code, **identity},
    )
    return account


@transaction.atomic
def close_account(*, account: Account, reason: str, actor: Actor, at: datetime) -> None:
    """Close an account for good; closing it again changes nothing. Its rows and journals stay."""
    if Account.objects.filter(id=account.id, closed_at=None).update(closed_at=at):
        audit.record(
            action="approvals.account.closed",
            actor=actor,
            subject_kind="approvals.account",
            subject_id=account.code,
            at=at,
            desk_id=account.desk_id,
            reason=reason,
        )
