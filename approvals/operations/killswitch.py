"""How is trading stopped, and who lets it go again?

Engaging is one person, one key or one command, never a vote. Releasing is two different people, or the command on the
machine itself. Every decision leaves its event and its evidence, the denied ones too. The gateways are called by
`execution.operations.halting`, which then adds its receipt here.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django.db import connection, transaction

from approvals import queries
from approvals.models import Account, ApiKey, Desk, HaltRelease, KillSwitch, Venue
from approvals.models import halts as rows
from approvals.operations import audit
from approvals.rules.halts import POSITIONS_BY_KIND, Halt, Positions
from approvals.rules.roles import Act, NotPermitted
from crs.kernel import evidence
from crs.kernel.refusal import ReasonMissing, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from approvals.rules.scope import Scope
    from crs.kernel.actor import Actor

REASON_LENGTH_MAX = 2_000
T = TypeVar("T")


class UnknownScope(Refusal):
    """No such desk, venue, account or key: a halt of it would stop nothing and look as if it did."""

    code: ClassVar[str] = "UNKNOWN_SCOPE"
    title: ClassVar[str] = "Nothing of that name can be stopped"


class NotHalted(Refusal):
    """The scope is not stopped: there is nothing to release."""

    code: ClassVar[str] = "NOT_HALTED"
    title: ClassVar[str] = "This scope is not stopped"
    status: ClassVar[int] = 409


class ReleaseVoid(Refusal):
    """The request is not open any more: confirmed, or void because the scope was stopped again since."""

    code: ClassVar[str] = "RELEASE_VOID"
    title: ClassVar[str] = "The request to release is no longer open"
    status: ClassVar[int] = 409


class SamePerson(Refusal):
    """Whoever asks for a release does not confirm it."""

    code: ClassVar[str] = "SAME_PERSON"
    title: ClassVar[str] = "A release needs a second person"
    status: ClassVar[int] = 403


class ReleaseAskedFor(Refusal):
    """Somebody has asked to release this scope already; a second person confirms that request."""

    code: ClassVar[str] = "RELEASE_ASKED_FOR"
    title: ClassVar[str] = "A release has been asked for already"
    status: ClassVar[int] = 409


class NotAtTheMachine(Refusal):
    """Machines turn a kill switch on, never off; people release in the portal, or by the command on the machine."""

    code: ClassVar[str] = "NOT_AT_THE_MACHINE"
    title: ClassVar[str] = "This cannot be released from here"
    status: ClassVar[int] = 403


# SQLSTATEs of migrations/sql/release.sql.
REFUSALS: dict[str, type[Refusal]] = {
    "CR103": NotHalted,
    "CR104": ReleaseVoid,
    "CR105": SamePerson,
    "CR106": ReleaseAskedFor,
    "CR107": NotAtTheMachine,
}


@dataclass(frozen=True, slots=True)
class Engaged:
    """A scope that stands still; `is_new` is False when it did before."""

    halt: Halt
    is_new: bool


def engage(
    *,
    scope: Scope,
    reason: str,
    actor: Actor,
    at: datetime,
    positions: Positions | None = None,
    metadata: dict[str, Any] | None = None,
    request_id: str = "",
    desk_id: int | None = None,
) -> Engaged:
    """Stop new risk in `scope` now; an engaged scope stays engaged and answers `is_new=False`.

    Never waits for a vote, nor for anything but PostgreSQL. `positions` is KEEP or CLOSE, by default what the kind of
    scope asks for; engaging again may raise KEEP to CLOSE and never lowers it. `desk_id` narrows the actor to one desk
    and its accounts. Raises `ReasonMissing`, `NotPermitted` for a person without the role and for whatever is not on
    the actor's desk, known or not, and `UnknownScope` for a desk, venue, account or key that does not exist.
    """
    said = _said(reason)
    _refuse_unless_permitted(actor, Act.ENGAGE, scope=scope, reason=said, at=at, request_id=request_id)
    if desk_id is not None and not queries.is_inside(scope, desk_id):
        _deny(NotPermitted.code, actor, scope=scope, reason=said, at=at, request_id=request_id)
        raise NotPermitted("this key stops its own desk and that desk's accounts", pointer="/scope", scope=str(scope))
    _refuse_unknown(scope)
    wanted = positions or POSITIONS_BY_KIND[scope.kind]
    with _short_transaction():
        row, epoch, is_new = rows.engage(
            scope=scope, positions=wanted, reason=said, metadata=metadata or {}, actor=actor, at=at
        )
        audit.record(
            action="approvals.halt.engaged",
            actor=actor,
            subject_kind="approvals.halt",
            subject_id=str(scope),
            at=at,
            reason=said,
            after={"epoch": epoch, "positions": wanted, "is_new": is_new},
            request_id=request_id,
        )
        return Engaged(KillSwitch.objects.get(id=row).as_halt(), is_new)


def request_release(
    *, scope: Scope, cause: str, remedy: str, actor: Actor, at: datetime, request_id: str = ""
) -> HaltRelease:
    """Ask to let `scope` trade again; nothing is released until a second person confirms.

    Raises `ReasonMissing`, `NotPermitted` (an operator or risk asks), `NotHalted` and `ReleaseAskedFor`.
    """
    why, done = _said(cause), _said(remedy)
    _refuse_unless_permitted(actor, Act.PROPOSE, scope=scope, reason=why, at=at, request_id=request_id)

    def change() -> HaltRelease:
        made = rows.request_release(scope=scope, cause=why, remedy=done, actor=actor, at=at)
        _record("approvals.halt.release_requested", scope, actor, at, why, request_id, {"release": made})
        return HaltRelease.objects.select_related("kill_switch").get(id=made)

    return _decided(change, scope=scope, actor=actor, reason=why, at=at, request_id=request_id)


def confirm_release(*, release_id: int, actor: Actor, at: datetime, request_id: str = "") -> int:
    """Release the scope that another person asked to release, and return the new epoch.

    Raises `NotPermitted` (risk or security confirms), `SamePerson`, and `ReleaseVoid` when the request was confirmed
    before or the scope has been stopped again since it was made.
    """
    asked = HaltRelease.objects.select_related("kill_switch").filter(id=release_id).first()
    if asked is None:
        raise ReleaseVoid("there is no such request", release=release_id)
    scope = asked.kill_switch.scope
    _refuse_unless_permitted(actor, Act.VOTE, scope=scope, reason=asked.cause, at=at, request_id=request_id)

    def change() -> int:
        epoch = rows.confirm_release(release_id=release_id, actor=actor, at=at)
        after = {"release": release_id, "epoch": epoch, "requested_by": asked.requested_by, "remedy": asked.remedy}
        _record("approvals.halt.released", scope, actor, at, asked.cause, request_id, after)
        return epoch

    return _decided(change, scope=scope, actor=actor, reason=asked.cause, at=at, request_id=request_id)


def release(*, scope: Scope, reason: str, actor: Actor, at: datetime) -> int:
    """Release `scope` by the command on the machine, and return the new epoch.

    Whoever can run it holds the files of the installation. Raises `ReasonMissing`, `NotHalted`, and `NotAtTheMachine`
    for an actor that is a person or a key.
    """
    why = _said(reason)

    def change() -> int:
        epoch = rows.release_on_machine(scope=scope, reason=why, actor=actor, at=at)
        _record("approvals.halt.released", scope, actor, at, why, "", {"epoch": epoch})
        return epoch

    return _decided(change, scope=scope, actor=actor, reason=why, at=at, request_id="")


@transaction.atomic
def add_receipt(halt: Halt, steps: Sequence[dict[str, Any]], *, actor: Actor, at: datetime) -> None:
    """Write down what each gateway answered to `halt`: the steps with their names, milliseconds and results.

    Steps hold text, whole numbers, bools, moments, and lists or dicts of them.
    """
    receipt = {"steps": evidence.plain(list(steps))}
    rows.note(
        scope=halt.scope,
        action=rows.HaltAction.RECEIPT,
        actor=actor,
        reason="",
        receipt=receipt,
        epoch=halt.epoch,
        at=at,
    )
    _record("approvals.halt.receipt_added", halt.scope, actor, at, "", "", {"epoch": halt.epoch, **receipt})


@contextmanager
def _short_transaction() -> Iterator[None]:
    """Hold the epoch's lock for milliseconds only, whatever happens to this process.

    Whoever freezes inside loses his session, and with it the lock, after 0.7 s; whoever waits for it waits up to 1.8 s.
    So a process that is stopped in the middle of a halt cannot keep the next one from stopping trading.
    """
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if is_outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 700; SET LOCAL lock_timeout = 1800")
        yield


def _decided(change: Callable[[], T], *, scope: Scope, actor: Actor, reason: str, at: datetime, request_id: str) -> T:
    """Return what `change` did in one transaction; refused by the database, leave the denial and raise its refusal."""
    try:
        with _short_transaction():
            return change()
    except rows.FunctionRefused as error:
        if error.state not in REFUSALS:
            raise
        refusal = REFUSALS[error.state](str(error), scope=str(scope))
        _deny(refusal.code, actor, scope=scope, reason=reason, at=at, request_id=request_id)
        raise refusal from error


def _refuse_unless_permitted(
    actor: Actor, act: Act, *, scope: Scope, reason: str, at: datetime, request_id: str
) -> None:
    """Ask a person's roles. Keys came through their scope, and commands through the machine's own doors."""
    if actor.kind == "person" and not queries.may(actor.name, act):
        _deny(NotPermitted.code, actor, scope=scope, reason=reason, at=at, request_id=request_id)
        raise NotPermitted(f"{actor.name} may not {act}", act=str(act))


@transaction.atomic
def _deny(code: str, actor: Actor, *, scope: Scope, reason: str, at: datetime, request_id: str) -> None:
    rows.note(
        scope=scope,
        action=rows.HaltAction.DENIED,
        actor=actor,
        reason=f"{code}: {reason}",
        receipt=None,
        epoch=None,
        at=at,
    )
    _record("approvals.halt.denied", scope, actor, at, reason, request_id, {"code": code})


def _record(  # noqa: PLR0917 — five callers below and above read better in one line
    action: str, scope: Scope, actor: Actor, at: datetime, reason: str, request_id: str, after: dict[str, Any]
) -> None:
    audit.record(
        action=action,
        actor=actor,
        subject_kind="approvals.halt",
        subject_id=str(scope),
        at=at,
        reason=reason,
        after=after,
        request_id=request_id,
    )


def _said(reason: str) -> str:
    said = reason.strip()
    if not said:
        raise ReasonMissing(pointer="/reason")
    return said[:REASON_LENGTH_MAX]


def _refuse_unknown(scope: Scope) -> None:
    """Refuse a misspelt desk, venue, account or key. Symbols, strategies and chains are not ours to know."""
    known = {
        "DESK": lambda: Desk.objects.filter(code__iexact=scope.id).exists(),
        "VENUE": lambda: Venue.objects.filter(code__iexact=scope.id).exists(),
        "ACCOUNT": lambda: Account.objects.filter(code__iexact=scope.id).exists(),
        "KEY": lambda: ApiKey.objects.filter(key_id__iexact=scope.id).exists(),
    }.get(scope.kind)
    if known is not None and not known():
        raise UnknownScope(f"there is no {scope.kind.lower()} {scope.id}", pointer="/scope", scope=str(scope))
