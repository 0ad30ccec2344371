"""What became of a request? Three answers are possible: done, refused, or nobody knows.

A request that went out and was not answered is never sent again. Only one that provably never left
(`GatewayUnreachable`) may be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from crs.kernel.refusal import Refusal
from guardian.gateway import protocol
from guardian.gateway.protocol import ACTIONS

if TYPE_CHECKING:
    from guardian.adapters.gateway_mt5.address import Address
    from guardian.adapters.gateway_records import Identity
    from guardian.gateway.protocol import Answer


class GatewayUnreachable(Refusal):
    """No connection: the request was never sent, and may be sent again with the same key."""

    code: ClassVar[str] = "GATEWAY_UNREACHABLE"
    title: ClassVar[str] = "The gateway cannot be reached"
    status: ClassVar[int] = 503


class GatewaySilent(Refusal):
    """A reading request was sent, tried again, and never answered."""

    code: ClassVar[str] = "GATEWAY_SILENT"
    title: ClassVar[str] = "The gateway does not answer"
    status: ClassVar[int] = 504


class OutcomeUnknown(Refusal):
    """A request that changes state was sent and not answered: ask ORDER_QUERY with its key, never send it again."""

    code: ClassVar[str] = "OUTCOME_UNKNOWN"
    title: ClassVar[str] = "Nobody knows yet what became of the request"
    status: ClassVar[int] = 504


class GatewayRejected(Refusal):
    """The gateway said no; `facts` hold its own code (`venue_code`) and the terminal's return code."""

    code: ClassVar[str] = "GATEWAY_REJECTED"
    title: ClassVar[str] = "The gateway refused the request"


class AccountMismatch(Refusal):
    """Another login, server, trade mode, margin mode or currency than registered: nothing is ordered there."""

    code: ClassVar[str] = "ACCOUNT_MISMATCH"
    title: ClassVar[str] = "The terminal stands on another account"
    status: ClassVar[int] = 409


def accepted(answer: Answer) -> dict[str, Any]:
    """Return an answer's data. Raises `GatewayRejected`, or `AccountMismatch`, unless it is OK."""
    if answer.status == protocol.OK:
        return answer.data
    kind = AccountMismatch if answer.code == "ACCOUNT_MISMATCH" else GatewayRejected
    raise kind(
        f"{answer.code}: {answer.message}", venue_code=answer.code, venue_status=answer.status,
        retcode=answer.data.get("retcode"),
    )  # fmt: skip


def refuse_other_account(found: Identity, *, expected: Identity) -> None:
    """Raise `AccountMismatch`, naming each difference, unless the terminal stands on the registered account."""
    names = ("login", "server", "trade_mode", "margin_mode", "currency")
    differences = {
        name: f"{getattr(expected, name)} is registered, {getattr(found, name)} answers"
        for name in names
        if getattr(found, name) != getattr(expected, name)
    }
    if differences:
        raise AccountMismatch("; ".join(f"{name}: {said}" for name, said in differences.items()), **differences)


def reported(answer: Answer) -> dict[str, Any]:
    """Return an ORDER_QUERY's data; "not found" is an answer too. Raises as `accepted`."""
    if answer.code == "ORDER_NOT_FOUND":
        return answer.data | {"state": "NOT_FOUND"}
    return accepted(answer)


def unreachable(address: Address) -> GatewayUnreachable:
    """Return the refusal of a request that found no connection."""
    return GatewayUnreachable(f"no connection to {address.command}; nothing was sent", address=address.command)


def unanswered(action: str, account_id: str, key: str | None, time_out_s: float) -> Refusal:
    """Return the refusal of a request that was sent in vain: `OutcomeUnknown` if it changes something."""
    facts: dict[str, Any] = {"action": action, "account_id": account_id, "time_out_s": time_out_s}
    if ACTIONS[action].changes:
        return OutcomeUnknown(f"{action} was sent and not answered within {time_out_s:g} s", key=key, **facts)
    return GatewaySilent(f"{action} was not answered within {time_out_s:g} s", **facts)
