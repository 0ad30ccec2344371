"""What do the gateway and its clients say to each other? Version 1 of the wire, one file for both ends.

JSON over ZMQ, DEALER to ROUTER. Every message is signed: HMAC-SHA-256 over the canonical JSON without `sig`. A request
expires five seconds after its `ts`, its nonce counts once, and a field nobody knows is refused. Prices, volumes and
money are decimal text, moments of the venue RFC 3339, `ts` and `exp` whole milliseconds: no float stands on the wire.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import uuid
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from crs.kernel.money import InexactAmount, units_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

VERSION: Final = 1
TTL_MS: Final = 5_000  # a request expires this long after `ts`
SKEW_MS_MAX: Final = 2_000  # how far a client's clock may run ahead of ours; one behind loses it from its expiry
BUDGET_MS: Final = 4_000  # the gateway's own waiting ends here, before any client's time-out
MESSAGE_BYTES_MAX: Final = 262_144
PRICE_DECIMALS: Final = 8
VOLUME_DECIMALS: Final = 8  # of a lot
CASH_DECIMALS: Final = 2  # the account currencies of the paper gateway have cents
NOTIONAL_DECIMALS: Final = 6
DEVIATION_POINTS: Final = 20
COMMENT_LENGTH_MAX: Final = 31
NOBODY: Final = ""  # the account of requests that concern the whole gateway

OK, REJECTED, ERROR, PENDING, UNKNOWN = "OK", "REJECTED", "ERROR", "PENDING", "UNKNOWN"
STATUSES: Final = (OK, REJECTED, ERROR, PENDING, UNKNOWN)

# Code → short own code (−1 parse, −2 missing, −3 invalid, −4 time-out or internal), in `data.retcode` unless the
# terminal gave a return code of its own.
CODES: Final[Mapping[str, int]] = {
    "INVALID_JSON": -1, "UNSUPPORTED_VERSION": -3, "SERVER_ERROR": -4, "MISSING_ACTION": -2, "UNKNOWN_ACTION": -3,
    "MISSING_SYMBOL": -2, "MISSING_TYPE": -2, "MISSING_TICKET": -2, "MISSING_FIELD": -2, "INVALID_VOLUME": -3,
    "INVALID_VALUE": -3, "RISK_SIGNATURE_INVALID": -3, "SIGNATURE_EXPIRED": -3, "NONCE_REPLAYED": -3, "STALE_EPOCH": -3,
    "KILL_SWITCH_ENGAGED": -3, "MT5_NOT_CONNECTED": -4, "MT5_ORDER_FAILED": -4, "MT5_EXCEPTION": -4,
    "MT5_CLOSE_FAILED": -4, "ACCOUNT_ERROR": -3, "ACCOUNT_EXCEPTION": -4, "POSITIONS_EXCEPTION": -4,
    "HISTORY_ERROR": -3, "HISTORY_INCOMPLETE": -4, "ORDER_NOT_FOUND": -3, "RATE_LIMITED": -4, "ACCOUNT_MISMATCH": -3,
    "UNKNOWN_SYMBOL": -3, "UNSUPPORTED_FILLING": -3, "INVALID_STOPS": -3, "MARKET_CLOSED": -4,
}  # fmt: skip

ORDER_TYPES: Final = ("BUY", "SELL", "BUY_LIMIT", "SELL_LIMIT", "BUY_STOP", "SELL_STOP")
FILLINGS: Final = ("FOK", "IOC", "RETURN")
MARGIN_MODES: Final = ("HEDGING", "NETTING")
CASH_TYPES: Final = (
    "BALANCE", "CREDIT", "CHARGE", "CORRECTION", "BONUS", "COMMISSION", "INTEREST", "DIVIDEND", "TAX",
)  # fmt: skip
FAULTS: Final = ("DELAY", "REJECT", "STALL", "LOSE_ANSWER", "PARTIAL", "TORN_JOURNAL", "LIE", "LAG")


class Refused(Exception):
    """The other end said no: `code` of `CODES`, a sentence, and the terminal's return code if it gave one."""

    def __init__(self, code: str, message: str, *, retcode: int | None = None, data: dict[str, Any] | None = None):
        assert code in CODES, code
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = {**(data or {}), "retcode": CODES[code] if retcode is None else retcode}


class AnswerForged(Exception):
    """An answer that is no envelope of ours, or whose signature does not fit."""


@dataclass(frozen=True, slots=True)
class Key:
    """A shared secret and its name."""

    key_id: str
    secret: bytes = field(repr=False)


def read_keys(path: Path) -> tuple[Key, ...]:
    """Return the keys of a file, one `KEYID:hexsecret` a line; the first signs, two may be valid during a rotation.

    Raises `ValueError` naming the line that is none.
    """
    keys = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        name, _, secret = line.strip().partition(":")
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name) or not re.fullmatch(r"(?:[0-9a-f]{2}){16,}", secret):
            raise ValueError(f"{path}, line {number}: not KEYID:hexsecret with at least 16 bytes")
        keys.append(Key(name, bytes.fromhex(secret)))
    if not keys:
        raise ValueError(f"{path}: no key")
    return tuple(keys)


# ── Canonical JSON and its signature ──────────────────────────────────────────────────────────────────────────────────
def canonical(message: Mapping[str, Any]) -> bytes:
    """Return the bytes that are signed: keys sorted, UTF-8, no blanks, no `sig`."""
    return json.dumps(
        {name: value for name, value in message.items() if name != "sig"},
        sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False,
    ).encode()  # fmt: skip


def signed(message: Mapping[str, Any], key: Key) -> bytes:
    """Return the message as it goes over the wire, its signature the last field."""
    body = canonical(message)
    digest = hmac.new(key.secret, body, hashlib.sha256).hexdigest()
    return body[:-1] + b',"sig":"' + digest.encode() + b'"}'


def is_signed(message: Mapping[str, Any], key: Key) -> bool:
    """Recompute the signature and compare in constant time."""
    stated = message.get("sig")
    digest = hmac.new(key.secret, canonical(message), hashlib.sha256).hexdigest()
    return isinstance(stated, str) and hmac.compare_digest(digest.encode(), stated.encode(errors="replace"))


def parse(raw: bytes) -> dict[str, Any]:
    """Return the object in `raw`. Raises `Refused` INVALID_JSON; a float or a doubled key is none of our JSON."""
    if len(raw) > MESSAGE_BYTES_MAX:
        raise Refused("INVALID_JSON", f"more than {MESSAGE_BYTES_MAX} bytes")
    try:
        message = json.loads(
            raw.decode(), object_pairs_hook=_unique, parse_float=_no_float, parse_constant=_no_float
        )  # fmt: skip
        canonical(message if isinstance(message, dict) else {})  # lone surrogates parse, but are no UTF-8
    except (ValueError, RecursionError) as error:
        raise Refused("INVALID_JSON", f"not JSON of this protocol: {str(error)[:120]}") from error
    if not isinstance(message, dict):
        raise Refused("INVALID_JSON", "an envelope is one object")
    return message


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen = dict(pairs)
    if len(seen) != len(pairs):
        raise ValueError("a key stands twice")
    return seen


def _no_float(text: str) -> Any:  # Any: json's signature
    raise ValueError(f"{text[:40]} is no whole number; decimals are text")


# ── Requests ──────────────────────────────────────────────────────────────────────────────────────────────────────────
REQUEST_FIELDS: Final = frozenset(
    ("v", "id", "action", "ts", "exp", "nonce", "key_id", "gateway_id", "account_id", "idempotency_key", "kill_epoch",
     "payload", "sig")
)  # fmt: skip
ANSWER_FIELDS: Final = frozenset(("v", "id", "status", "code", "message", "data", "ts", "latency_ms", "sig"))


@dataclass(frozen=True, slots=True)
class Request:
    """A request that is signed, fresh and well formed; `payload` holds base units, defaults filled in."""

    id: str
    action: str
    account_id: str
    idempotency_key: str | None
    kill_epoch: int
    payload: dict[str, Any]
    digest: str
    key: Key
    ts: int
    exp: int


class Nonces:
    """The nonces of requests that have not expired yet. They may be lost with the process: what a replayed request
    could change has an idempotency key, which is on disk."""

    def __init__(self) -> None:
        self._expiry: dict[str, int] = {}
        self._order: deque[str] = deque()

    def remember(self, nonce: str, *, exp: int, now_ms: int) -> bool:
        """Return whether the nonce is new, and remember it until `exp`."""
        while self._order and self._expiry[self._order[0]] < now_ms:
            del self._expiry[self._order.popleft()]
        if nonce in self._expiry:
            return False
        self._expiry[nonce] = exp
        self._order.append(nonce)
        return True

    def __len__(self) -> int:
        return len(self._expiry)


def build_request(
    *,
    key: Key,
    action: str,
    gateway_id: str,
    account_id: str,
    payload: Mapping[str, Any],
    now_ms: int,
    idempotency_key: str | None = None,
    kill_epoch: int = 0,
) -> tuple[str, bytes]:
    """Return a fresh correlation id and the signed request."""
    request_id = str(uuid.uuid4())
    message = {
        "v": VERSION, "id": request_id, "action": action, "ts": now_ms, "exp": now_ms + TTL_MS,
        "nonce": secrets.token_hex(16), "key_id": key.key_id, "gateway_id": gateway_id, "account_id": account_id,
        "idempotency_key": idempotency_key, "kill_epoch": kill_epoch, "payload": dict(payload),
    }  # fmt: skip
    return request_id, signed(message, key)


def open_request(
    message: Mapping[str, Any], *, keys: Mapping[str, Key], gateway_id: str, now_ms: int, nonces: Nonces
) -> Request:
    """Return the request in a parsed message.

    Raises `Refused` in this order: version, fields, signature, expiry, nonce, gateway, action, payload. Nothing of an
    unsigned message but its shape is looked at.
    """
    _refuse_shape(message)
    key = keys.get(message["key_id"])
    if key is None or not is_signed(message, key):
        raise Refused("RISK_SIGNATURE_INVALID", "the signature does not fit the message")
    ts, exp = message["ts"], message["exp"]
    if now_ms > exp or exp - ts > TTL_MS or ts > now_ms + SKEW_MS_MAX:
        raise Refused("SIGNATURE_EXPIRED", f"valid for {TTL_MS} ms from ts", data={"now_ms": now_ms})
    if not nonces.remember(message["nonce"], exp=exp, now_ms=now_ms):
        raise Refused("NONCE_REPLAYED", "this nonce was seen before")
    if message["gateway_id"] != gateway_id:
        raise Refused("ACCOUNT_MISMATCH", f"this is gateway {gateway_id}")
    action = ACTIONS.get(message["action"])
    if action is None:
        raise Refused("UNKNOWN_ACTION", f"no action {message['action'][:40]}")
    if action.changes and message["idempotency_key"] is None:
        raise Refused("MISSING_FIELD", f"{message['action']} changes state and needs idempotency_key")
    content = [message["action"], message["account_id"], message["payload"]]
    return Request(
        id=message["id"],
        action=message["action"],
        account_id=message["account_id"],
        idempotency_key=message["idempotency_key"],
        kill_epoch=message["kill_epoch"],
        payload=read_payload(action.fields, message["payload"]),
        digest=hashlib.sha256(canonical({"content": content})).hexdigest(),
        key=key,
        ts=ts,
        exp=exp,
    )


def _refuse_shape(message: Mapping[str, Any]) -> None:
    if message.get("v") != VERSION or type(message.get("v")) is not int:
        raise Refused("UNSUPPORTED_VERSION", f"this gateway speaks version {VERSION}")
    if not message.get("action"):
        raise Refused("MISSING_ACTION", "action is missing")
    if missing := REQUEST_FIELDS - message.keys():
        raise Refused("MISSING_FIELD", f"missing: {', '.join(sorted(missing))}")
    if unknown := message.keys() - REQUEST_FIELDS:
        raise Refused("INVALID_VALUE", f"unknown field: {', '.join(sorted(unknown))[:80]}")
    _refuse_types(message)


def _refuse_types(message: Mapping[str, Any]) -> None:
    for name in ("id", "action", "nonce", "key_id", "gateway_id", "account_id", "sig"):
        if not isinstance(message[name], str) or len(message[name]) > 128:
            raise Refused("INVALID_VALUE", f"{name} is a text of at most 128 characters")
    for name in ("ts", "exp", "kill_epoch"):
        if type(message[name]) is not int or not 0 <= message[name] < 2**63:
            raise Refused("INVALID_VALUE", f"{name} is a whole number")
    if not is_uuid4(message["id"]) or not re.fullmatch(r"[0-9a-f]{32,64}", message["nonce"]):
        raise Refused("INVALID_VALUE", "id is a UUID of version 4, nonce at least 16 bytes in hexadecimal")
    if message["idempotency_key"] is not None and not is_uuid4(message["idempotency_key"]):
        raise Refused("INVALID_VALUE", "idempotency_key is a UUID of version 4")
    if not isinstance(message["payload"], dict):
        raise Refused("INVALID_VALUE", "payload is an object")


def is_uuid4(text: object) -> bool:
    """Whether `text` is a UUID of version 4 in its usual form."""
    pattern = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    return isinstance(text, str) and re.fullmatch(pattern, text) is not None


# ── Answers ───────────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Answer:
    """What the gateway said. `code` is empty on OK; `data` is as it stood on the wire."""

    id: str
    status: str
    code: str
    message: str
    data: dict[str, Any]
    ts: int
    latency_ms: str


def build_answer(
    *, key: Key, request_id: str, status: str, code: str, message: str, data: Mapping[str, Any], now_ms: int,
    latency_ms: str,
) -> bytes:  # fmt: skip
    """Return a signed answer."""
    assert status in STATUSES
    return signed(
        {"v": VERSION, "id": request_id, "status": status, "code": code, "message": message, "data": dict(data),
         "ts": now_ms, "latency_ms": latency_ms}, key,
    )  # fmt: skip


def open_answer(raw: bytes, key: Key) -> Answer:
    """Return the answer in `raw`. Raises `AnswerForged` unless it is one of ours, signed with the request's key."""
    try:
        message = parse(raw) if len(raw) <= MESSAGE_BYTES_MAX else json.loads(raw)
    except (Refused, ValueError) as error:
        raise AnswerForged(f"no answer: {error}") from error
    if message.keys() != ANSWER_FIELDS or message["v"] != VERSION or message["status"] not in STATUSES:
        raise AnswerForged("no answer of this protocol")
    if not is_signed(message, key):
        raise AnswerForged("the answer's signature does not fit")
    return Answer(
        message["id"], message["status"], message["code"], message["message"], message["data"], message["ts"],
        message["latency_ms"],
    )  # fmt: skip


# ── Payloads ──────────────────────────────────────────────────────────────────────────────────────────────────────────
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


def micros_of(text: str) -> int:
    """Return microseconds since the epoch of an RFC 3339 moment with a zone. Raises `ValueError`."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment has a time zone")
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
    "actions": Field(_list_of(_text(32)), None),
    "ms": Field(_whole(0, 600_000), 0),
    "parts": Field(_whole(1, 16), 2),
    "share_bps": Field(_whole(1, 10_000), 10_000),
    "code": Field(_one_of(tuple(CODES)), "MT5_ORDER_FAILED"),
    "retcode": Field(_whole(0, 99_999), 10_006),
    "data": Field(lambda value: dict(value.items()) if isinstance(value, dict) else {}, None),
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
