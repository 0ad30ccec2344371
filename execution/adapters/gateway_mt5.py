"""How does execution speak to a gateway? Orders out, outcomes back; the wire itself is guardian's.

Every call that changes something ends in an outcome: what did not answer in time may have happened, and is UNKNOWN. The
permit of the gate (decision id, symbol, type, volume, price, stops, magic) is part of what is signed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from crs.kernel.money import text_of
from execution.rules.facts import LOT_DECIMALS
from execution.rules.wire import NO_ANSWER, NOT_SENT, Outcome, OutcomeState, Ready
from guardian.adapters import gateway_records as records
from guardian.adapters.gateway_mt5.answers import GatewaySilent, GatewayUnreachable, OutcomeUnknown

if TYPE_CHECKING:
    from decimal import Decimal

    from approvals.rules.halts import Positions
    from guardian.adapters.gateway_mt5.blocking import BlockingWire
    from guardian.adapters.gateway_mt5.wire import Wire
    from guardian.gateway.protocol import Answer

PENDING_TYPES: Final = {"LIMIT": "_LIMIT", "STOP": "_STOP", "MARKET": ""}
# The venue's word for an order's state → ours, and whether the venue is done with it.
STATES: Final[dict[str, tuple[OutcomeState, bool]]] = {
    "FILLED": ("FILLED", True),
    "PARTIAL": ("PARTIAL", True),
    "PLACED": ("SENT", False),
    "CANCELLED": ("CANCELLED", True),
    "REJECTED": ("REJECTED", True),
    "NOT_FOUND": ("NOT_FOUND", False),
}
# An ERROR with one of these broke inside the gateway: what it had done by then is not known.
BROKEN_INSIDE: Final = ("SERVER_ERROR", "MT5_EXCEPTION", "MT5_NOT_CONNECTED")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to a gateway, before it is signed."""

    action: str
    account_id: str
    payload: dict[str, Any] = field(default_factory=dict)  # Any: JSON of the wire
    idempotency_key: str
    kill_epoch: int = 0


# ── Orders ────────────────────────────────────────────────────────────────────────────────────────────────────────────
async def send(wire: Wire, ready: Ready) -> Outcome:
    """Send a prepared order once and return what the venue said; no answer in time is UNKNOWN, never sent again."""
    call = ordering(ready)
    try:
        return outcome_of(
            await wire.call(
                call.action,
                call.account_id,
                call.payload,
                idempotency_key=call.idempotency_key,
                kill_epoch=call.kill_epoch,
            )
        )
    except OutcomeUnknown:
        return NO_ANSWER
    except GatewayUnreachable:
        return NOT_SENT


def send_blocking(wire: BlockingWire, ready: Ready) -> Outcome:
    """Do what `send` does, for tasks and commands."""
    call = ordering(ready)
    try:
        return outcome_of(_call(wire, call))
    except OutcomeUnknown:
        return NO_ANSWER
    except GatewayUnreachable:
        return NOT_SENT


def ask(wire: BlockingWire, *, login: str, key: str) -> Outcome:
    """Ask what became of an idempotency key; a gateway that does not answer leaves it UNKNOWN."""
    try:
        return outcome_of_report(wire.order_query(login, key=key))
    except (GatewaySilent, GatewayUnreachable):
        return NO_ANSWER


def cancel(wire: BlockingWire, *, login: str, venue_order: str, key: str) -> Answer:
    """Ask the venue to cancel a resting order; `key` is this try's own. Raises what `BlockingWire.call` raises."""
    return wire.call("ORDER_CANCEL", login, {"order": int(venue_order)}, idempotency_key=key)


def kill_switch(
    wire: BlockingWire,
    *,
    account_id: str,
    scope: str,
    epoch: int,
    positions: Positions,
    reason: str,
    key: str,
    state: str = "ENGAGED",
    symbol: str | None = None,
    magic_numbers: list[int] | None = None,
    timeout_ms: int | None = None,
) -> Answer:
    """Latch a halt at the gateway, which blocks, cancels and closes; SAFE lets go. Raises as `BlockingWire.call`.

    `account_id` "" is every account of the gateway; `symbol` and `magic_numbers` narrow it. A repeat needs a new `key`,
    or the recorded answer comes back.
    """
    payload = {
        "scope": scope,
        "epoch": epoch,
        "positions": positions,
        "reason": reason[:1_000],
        "state": state,
        "symbol": symbol,
        "magic_numbers": magic_numbers,
    }
    return wire.call(
        "KILL_SWITCH", account_id, payload, idempotency_key=key, kill_epoch=epoch, timeout_ms=timeout_ms
    )  # fmt: skip


def ordering(ready: Ready) -> Call:
    """Return the request that carries out a prepared order: ORDER_CLOSE for a position, ORDER_OPEN otherwise."""
    payload: dict[str, Any] = {
        "volume": text_of(ready.quantity, LOT_DECIMALS),
        "magic": ready.magic,
        "comment": f"crs {ready.order_id}",
    }
    if ready.position_id:
        payload["position_id"] = int(ready.position_id)
    else:
        payload |= {
            "symbol": ready.symbol,
            "type": ready.side + PENDING_TYPES[ready.order_type],
            "price": _price_text(ready.price),
            "sl": _price_text(ready.stop_loss),
            "tp": _price_text(ready.take_profit),
            "filling": "IOC" if ready.order_type == "MARKET" else "RETURN",
            "decision_id": ready.decision_id,
            "reduce_only": ready.reduce_only,
        }
    return Call(
        action="ORDER_CLOSE" if ready.position_id else "ORDER_OPEN",
        account_id=ready.login,
        payload=payload,
        idempotency_key=ready.key,
        kill_epoch=ready.epoch,
    )


# ── Answers ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def outcome_of(answer: Answer) -> Outcome:
    """Return what an answer to ORDER_OPEN or ORDER_CLOSE says about the order."""
    retcode = _retcode(answer.data)
    if answer.status == "OK":
        state, is_settled = STATES.get(answer.data["state"], ("UNKNOWN", False))
        return Outcome(
            state=state,
            retcode=retcode,
            venue_order=str(answer.data["order"]),
            deals=tuple(records.deal(row) for row in answer.data["deals"]),
            is_settled=is_settled,
        )
    if answer.status in ("PENDING", "UNKNOWN") or (answer.status == "ERROR" and answer.code in BROKEN_INSIDE):
        return Outcome(state="UNKNOWN", code=answer.code or "PENDING", message=answer.message, is_settled=False)
    return Outcome(state="REJECTED", code=answer.code, message=answer.message, retcode=retcode)


def outcome_of_report(report: records.OrderReport) -> Outcome:
    """Return what an answer to ORDER_QUERY says about the order."""
    state, is_settled = STATES.get(report.state, ("UNKNOWN", False))
    reason = report.order.reason if report.order and state == "REJECTED" else ""
    return Outcome(
        state=state,
        code=report.code or reason or ("" if report.state in STATES else report.state),
        message=report.message,
        retcode=_retcode(report.data),
        venue_order=str(report.order.order) if report.order else "",
        deals=report.deals,
        is_settled=is_settled,
        complete_through=report.complete_through_wall,
    )


def _call(wire: BlockingWire, call: Call) -> Answer:
    return wire.call(
        call.action, call.account_id, call.payload, idempotency_key=call.idempotency_key, kill_epoch=call.kill_epoch
    )


def _retcode(data: dict[str, Any]) -> int | None:
    value = data.get("retcode")
    return value if type(value) is int else None


def _price_text(price: Decimal | None) -> str | None:
    return None if price is None else f"{price.normalize():f}"
