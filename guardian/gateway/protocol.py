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
from typing import TYPE_CHECKING, Any, Final

from guardian.gateway.codes import CODES, Refused
from guardian.gateway.payloads import ACTIONS, Action, micros_of, moment_of, read_payload

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = [
    "ACTIONS", "BUDGET_MS", "CODES", "ERROR", "NOBODY", "OK", "PENDING", "REJECTED", "SKEW_MS_MAX", "STATUSES",
    "TTL_MS", "UNKNOWN", "VERSION", "Action", "Answer", "AnswerForged", "Key", "Nonces", "Refused", "Request",
    "build_answer", "build_request", "canonical", "is_signed", "is_uuid4", "micros_of", "moment_of", "open_answer",
    "open_request", "parse", "read_keys", "signed",
]  # fmt: skip

VERSION: Final = 1
TTL_MS: Final = 5_000  # a request expires this long after `ts`
SKEW_MS_MAX: Final = 2_000  # how far a client's clock may run ahead of ours; one behind loses it from its expiry
BUDGET_MS: Final = 4_000  # the gateway's own waiting ends here, before any client's time-out
MESSAGE_BYTES_MAX: Final = 262_144  # of a request
BRACKETS_MAX: Final = 500
NOBODY: Final = ""  # the account of requests that concern the whole gateway

OK, REJECTED, ERROR, PENDING, UNKNOWN = "OK", "REJECTED", "ERROR", "PENDING", "UNKNOWN"
LOGIN = re.compile("[1-9][0-9]{0,14}")
STATUSES: Final = (OK, REJECTED, ERROR, PENDING, UNKNOWN)


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
    """Return the object in a request. Raises `Refused` INVALID_JSON; a float or a doubled key is none of our JSON."""
    if len(raw) > MESSAGE_BYTES_MAX:
        raise Refused("INVALID_JSON", f"more than {MESSAGE_BYTES_MAX} bytes")
    if raw.count(b"[") + raw.count(b"{") > BRACKETS_MAX:
        # Deep enough nesting passes the parser and breaks the serializer that verifies the signature.
        raise Refused("INVALID_JSON", f"more than {BRACKETS_MAX} lists and objects")
    try:
        return _loads(raw)
    except (ValueError, RecursionError) as error:
        raise Refused("INVALID_JSON", f"not JSON of this protocol: {str(error)[:120]}") from error


def _loads(raw: bytes) -> dict[str, Any]:
    message = json.loads(raw.decode(), object_pairs_hook=_unique, parse_float=_no_float, parse_constant=_no_float)
    if not isinstance(message, dict):
        raise ValueError("an envelope is one object")  # noqa: TRY004 — one refusal for everything that is no envelope
    if b"\\ud" in raw.lower():
        json.dumps(message, ensure_ascii=False).encode()  # a lone surrogate parses, but is no UTF-8
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


def login_of(account_id: str) -> int:
    """Return an account as its number; 0, which nobody has, when it is none in plain digits."""
    return int(account_id) if LOGIN.fullmatch(account_id) else 0


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

    @property
    def login(self) -> int:
        """The account as a number; 0, which nobody has, when it is none in plain digits."""
        return login_of(self.account_id)


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
    content = [message["action"], message["account_id"], message["payload"]] if action.changes else []
    return Request(
        id=message["id"],
        action=message["action"],
        account_id=message["account_id"],
        idempotency_key=message["idempotency_key"],
        kill_epoch=message["kill_epoch"],
        payload=read_payload(action.fields, message["payload"]),
        digest=hashlib.sha256(canonical({"content": content})).hexdigest() if content else "",
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
        message = _loads(raw)
        is_ours = is_signed(message, key)
    except (ValueError, RecursionError) as error:
        raise AnswerForged(f"no answer: {error}") from error
    if message.keys() != ANSWER_FIELDS or message["v"] != VERSION or message["status"] not in STATUSES:
        raise AnswerForged("no answer of this protocol")
    if not is_ours:
        raise AnswerForged("the answer's signature does not fit")
    return Answer(
        message["id"], message["status"], message["code"], message["message"], message["data"], message["ts"],
        message["latency_ms"],
    )  # fmt: skip
