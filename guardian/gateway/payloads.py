"""What does each action take? A table of fields: how each is read, its default, and the code of its fault.

Prices and volumes become whole 10⁻⁸ units, money cents, moments microseconds since the epoch.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from crs.kernel.money import InexactAmount, units_of
from guardian.gateway.codes import CODES, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PRICE_DECIMALS: Final = 8
VOLUME_DECIMALS: Final = 8  # of a lot
CASH_DECIMALS: Final = 2  # the account currencies of the paper gateway have cents
NOTIONAL_DECIMALS: Final = 6
DEVIATION_POINTS: Final = 20
COMMENT_LENGTH_MAX: Final = 31

ORDER_TYPES: Final = ("BUY", "SELL", "BUY_LIMIT", "SELL_LIMIT", "BUY_STOP", "SELL_STOP")
FILLINGS: Final = ("FOK", "IOC", "RETURN")
MARGIN_MODES: Final = ("HEDGING", "NETTING")
CASH_TYPES: Final = (
    "BALANCE", "CREDIT", "CHARGE", "CORRECTION", "BONUS", "COMMISSION", "INTEREST", "DIVIDEND", "TAX",
)  # fmt: skip
MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})")
FAULTS: Final = ("DELAY", "REJECT", "STALL", "LOSE_ANSWER", "PARTIAL", "TORN_JOURNAL", "LIE", "LAG")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a payload: how it is read, its default (none: required), and the codes of its faults."""

    read: Callable[[Any], Any]
    default: Any = ...
    missing: str = "MISSING_FIELD"
    invalid: str = "INVALID_VALUE"


@dataclass(frozen=True, slots=True)
class Action:
    """What one action takes. `changes`: needs an idempotency key. `paper`: an action of the paper gateway alone."""

    fields: Mapping[str, Field]
    changes: bool = False
    paper: bool = False
    time_out_ms: int = 5_000
    tries: int = 1


def read_payload(fields: Mapping[str, Field], payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the payload in base units, defaults filled in. Raises `Refused`: unknown, missing or invalid field."""
    if unknown := payload.keys() - fields.keys():
        raise Refused("INVALID_VALUE", f"unknown field in payload: {', '.join(sorted(unknown))[:80]}")
    result: dict[str, Any] = {}
    for name, row in fields.items():
        if payload.get(name) is None:
            if row.default is ...:
                raise Refused(row.missing, f"payload has no {name}")
            result[name] = row.default
            continue
        try:
            result[name] = row.read(payload[name])
        except (ValueError, InexactAmount) as error:
            raise Refused(row.invalid, f"{name}: {error}") from error
    return result


def _text(length_max: int, pattern: str = r"[^\x00-\x1f]*") -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if not isinstance(value, str) or len(value) > length_max or not re.fullmatch(pattern, value):
            raise ValueError(f"a text of at most {length_max} characters")
        return value

    return read


def _whole(least: int = 0, most: int = 2**63 - 1) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return value

    return read


def _one_of(words: Sequence[str]) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return str(value)

    return read


def _positive(decimals: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        units = units_of(value, decimals)
        if not 0 < units < 10**26:
            raise ValueError("more than zero, and no more than 26 digits")
        return units

    return read


def _signed_cash(value: Any) -> int:
    units = units_of(value, CASH_DECIMALS)
    if units == 0 or abs(units) > 10**17:
        raise ValueError("not zero, and no more than 17 digits")
    return units


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")  # noqa: TRY004 — one refusal for every bad field
    return value


def _list_of(read_item: Callable[[Any], Any], most: int = 64) -> Callable[[Any], list[Any]]:
    def read(value: Any) -> list[Any]:
        if not isinstance(value, list) or len(value) > most:
            raise ValueError(f"a list of at most {most}")
        return [read_item(item) for item in value]

    return read


def _object(fields: Mapping[str, Field]) -> Callable[[Any], dict[str, Any]]:
    def read(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValueError("an object")  # noqa: TRY004 — one refusal for every bad field
        return read_payload(fields, value)

    return read


def _any_object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("an object")  # noqa: TRY004 — one refusal for every bad field
    return value


def micros_of(text: str) -> int:
    """Return microseconds since the epoch of an RFC 3339 moment with a zone. Raises `ValueError`."""
    if not MOMENT.fullmatch(text):  # Python reads weeks, days alone and other scripts too
        raise ValueError("a moment is RFC 3339 with its time zone, such as 2017-12-20T00:00:00Z")
    moment = datetime.fromisoformat(text)
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def moment_of(micros: int) -> str:
    """Return microseconds since the epoch as RFC 3339: 2017-12-20T00:00:00.000000Z."""
    seconds, fraction = divmod(micros, 1_000_000)
    return f"{datetime.fromtimestamp(seconds, tz=UTC):%Y-%m-%dT%H:%M:%S}.{fraction:06d}Z"


def _moment(value: Any) -> int:
    if not isinstance(value, str):
        raise ValueError("an RFC 3339 moment")  # noqa: TRY004 — one refusal for every bad field
    return micros_of(value)


_SYMBOL = Field(_text(32, r"[A-Z]{6}(\.[a-z])?"), missing="MISSING_SYMBOL")
_SYMBOL_OR_ALL = Field(_SYMBOL.read, None)
_PRICE_OR_NONE = Field(_positive(PRICE_DECIMALS), None)
_STOP_OR_NONE = Field(_positive(PRICE_DECIMALS), None, invalid="INVALID_STOPS")
_COMMENT = Field(_text(COMMENT_LENGTH_MAX), "")
_FAULT_FIELDS: Mapping[str, Field] = {
    "kind": Field(_one_of(FAULTS)),
    "count": Field(_whole(1, 1_000_000), 1),
    "every": Field(_whole(1, 1_000_000), 1),
    "actions": Field(_list_of(_text(32)), None),
    "ms": Field(_whole(0, 600_000), 0),
    "parts": Field(_whole(1, 16), 2),
    "share_bps": Field(_whole(1, 10_000), 10_000),
    "code": Field(_one_of(tuple(CODES)), "MT5_ORDER_FAILED"),
    "retcode": Field(_whole(0, 99_999), 10_006),
    "data": Field(_any_object, None),
}
_REPLAY_FIELDS: Mapping[str, Field] = {
    "symbols": Field(_list_of(_SYMBOL.read, 16)),
    "start": Field(_moment),
    "speed": Field(_whole(1, 100_000), 3_600),
    "seed": Field(_whole(), 1),
    "ticks_per_second": Field(_whole(1, 1_000), None),
    "data": Field(_text(1_000), None),
}

ACTIONS: Final[Mapping[str, Action]] = {
    "PING": Action({}, time_out_ms=2_000),
    "SYMBOL_INFO": Action({"symbol": _SYMBOL}, tries=3),
    "ORDER_OPEN": Action(
        {
            "symbol": _SYMBOL,
            "type": Field(_one_of(ORDER_TYPES), missing="MISSING_TYPE"),
            "volume": Field(_positive(VOLUME_DECIMALS), invalid="INVALID_VOLUME"),
            "price": _PRICE_OR_NONE,
            "sl": _STOP_OR_NONE,
            "tp": _STOP_OR_NONE,
            "magic": Field(_whole()),
            "comment": _COMMENT,
            "deviation": Field(_whole(0, 1_000_000), DEVIATION_POINTS),
            "filling": Field(_text(16), "IOC", invalid="UNSUPPORTED_FILLING"),
            "decision_id": Field(_text(64, r".+")),
            "reduce_only": Field(_flag, default=False),
        },
        changes=True,
    ),
    "ORDER_CLOSE": Action(
        {
            "position_id": Field(_whole(1), missing="MISSING_TICKET"),
            "volume": Field(_positive(VOLUME_DECIMALS), None, invalid="INVALID_VOLUME"),
            "price": _PRICE_OR_NONE,
            "deviation": Field(_whole(0, 1_000_000), DEVIATION_POINTS),
            "magic": Field(_whole(), None),
            "comment": _COMMENT,
        },
        changes=True,
    ),
    "ORDER_CANCEL": Action({"order": Field(_whole(1), missing="MISSING_TICKET")}, changes=True),
    "ORDER_QUERY": Action({"idempotency_key": Field(_text(36), None), "order": Field(_whole(1), None)}, tries=3),
    "GET_ACCOUNT": Action({}, tries=3),
    "GET_POSITIONS": Action({"symbol": _SYMBOL_OR_ALL, "magic": Field(_whole(), None)}, tries=3),
    "GET_HISTORY": Action(
        {"time_from": Field(_whole(), None), "time_to": Field(_whole(), None), "symbol": _SYMBOL_OR_ALL}, tries=3
    ),
    "SYNC_ALL": Action(
        {"magic_numbers": Field(_list_of(_whole(), 10_000)), "timestamp": Field(_whole())}, time_out_ms=3_000, tries=3
    ),
    "KILL_SWITCH": Action(
        {
            "scope": Field(_text(128, r".+")),
            "epoch": Field(_whole(1)),
            "positions": Field(_one_of(("KEEP", "CLOSE"))),
            "reason": Field(_text(1_000, r"(?s).*\S.*")),
            "state": Field(_one_of(("ENGAGED", "SAFE")), "ENGAGED"),
            "symbol": _SYMBOL_OR_ALL,
            "magic_numbers": Field(_list_of(_whole(), 10_000), None),
        },
        changes=True,
    ),
    "ACCOUNT_OPEN": Action(
        {
            "currency": Field(_one_of(("USD",))),
            "margin_mode": Field(_one_of(MARGIN_MODES), "HEDGING"),
            "deposit": Field(_positive(CASH_DECIMALS)),
            "leverage": Field(_whole(1, 3_000), 100),
            "replay": Field(_object(_REPLAY_FIELDS)),
            "faults": Field(_list_of(_object(_FAULT_FIELDS)), []),
        },
        changes=True,
        paper=True,
    ),
    "ACCOUNT_CLOSE": Action({}, changes=True, paper=True),
    "ACCOUNT_ADJUST": Action(
        {
            "type": Field(_one_of(CASH_TYPES), missing="MISSING_TYPE"),
            "amount": Field(_signed_cash),
            "comment": _COMMENT,
        },
        changes=True,
        paper=True,
    ),
    "FAULT": Action(_FAULT_FIELDS, paper=True),
}
