"""Does the wire refuse whatever is not exactly what was signed, once, just now?"""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.gateway import protocol
from guardian.gateway.payloads import ACTIONS, micros_of, moment_of, read_payload
from guardian.gateway.protocol import AnswerForged, Key, Nonces, Refused

KEY = Key("now", b"k" * 32)
NOW_MS = 1_800_000_000_000
ORDER = {"symbol": "BTCUSD.s", "type": "BUY", "volume": "0.01", "magic": 1, "decision_id": "d"}


def message(action: str = "PING", payload: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a signed request as the gateway parses it."""
    keyed = str(uuid.uuid4()) if action in ACTIONS and ACTIONS[action].changes else None
    _, raw = protocol.build_request(
        key=KEY, action=action, gateway_id="PAPER", account_id="1", payload=payload or {}, now_ms=NOW_MS,
        idempotency_key=keyed,
    )  # fmt: skip
    return protocol.parse(raw)


def resigned(wish: dict[str, Any], key: Key = KEY) -> dict[str, Any]:
    """Sign a message again, whatever it holds."""
    return dict(json.loads(protocol.signed(wish, key)))


def opened(
    wish: dict[str, Any], *, now_ms: int = NOW_MS, nonces: Nonces | None = None, keys: tuple[Key, ...] = (KEY,)
) -> Any:
    return protocol.open_request(
        wish,
        keys={key.key_id: key for key in keys},
        gateway_id="PAPER",
        now_ms=now_ms,
        nonces=Nonces() if nonces is None else nonces,
    )


def refusal(wish: dict[str, Any], **how: Any) -> str:
    with pytest.raises(Refused) as caught:
        opened(wish, **how)
    assert caught.value.data["retcode"] == protocol.CODES[caught.value.code]
    return caught.value.code


def test_an_honest_request_is_opened_in_base_units() -> None:
    request = opened(message("ORDER_OPEN", ORDER | {"price": "16000.55", "sl": "15000"}))
    assert (request.action, request.account_id, request.kill_epoch) == ("ORDER_OPEN", "1", 0)
    assert request.payload["volume"] == 1_000_000
    assert request.payload["price"] == 1_600_055_000_000
    assert request.payload["deviation"] == 20
    assert request.payload["tp"] is None


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"v": 2}, "UNSUPPORTED_VERSION"),
        ({"v": True}, "UNSUPPORTED_VERSION"),
        ({"action": ""}, "MISSING_ACTION"),
        ({"action": "PONG"}, "RISK_SIGNATURE_INVALID"),
        ({"account_id": "2"}, "RISK_SIGNATURE_INVALID"),
        ({"kill_epoch": 9}, "RISK_SIGNATURE_INVALID"),
        ({"payload": {"symbol": "X"}}, "RISK_SIGNATURE_INVALID"),
        ({"ts": NOW_MS + 1}, "RISK_SIGNATURE_INVALID"),
        ({"exp": NOW_MS + 60_000}, "RISK_SIGNATURE_INVALID"),
        ({"nonce": "0" * 32}, "RISK_SIGNATURE_INVALID"),
        ({"gateway_id": "MT5-A"}, "RISK_SIGNATURE_INVALID"),
        ({"key_id": "nobody"}, "RISK_SIGNATURE_INVALID"),
        ({"sig": "0" * 64}, "RISK_SIGNATURE_INVALID"),
        ({"sig": "é" * 64}, "RISK_SIGNATURE_INVALID"),
        ({"surprise": 1}, "INVALID_VALUE"),
        ({"id": "1"}, "INVALID_VALUE"),
        ({"nonce": "short"}, "INVALID_VALUE"),
        ({"ts": "now"}, "INVALID_VALUE"),
        ({"kill_epoch": -1}, "INVALID_VALUE"),
        ({"kill_epoch": True}, "INVALID_VALUE"),
        ({"payload": []}, "INVALID_VALUE"),
        ({"account_id": 1}, "INVALID_VALUE"),
        ({"idempotency_key": "again"}, "INVALID_VALUE"),
    ],
)
def test_a_changed_message_is_refused_with_its_code(changed: dict[str, Any], code: str) -> None:
    assert refusal(message() | changed) == code


@pytest.mark.parametrize("name", sorted(protocol.REQUEST_FIELDS - {"v", "action"}))
def test_each_missing_field_is_named(name: str) -> None:
    wish = message()
    del wish[name]
    assert refusal(wish) == "MISSING_FIELD"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"action": "PONG"}, "UNKNOWN_ACTION"),
        ({"gateway_id": "MT5-A"}, "ACCOUNT_MISMATCH"),
        ({"exp": NOW_MS + protocol.TTL_MS + 1}, "SIGNATURE_EXPIRED"),
        ({"action": "ORDER_OPEN"}, "MISSING_FIELD"),  # changes state, and has no key
    ],
)
def test_a_well_signed_message_may_still_be_wrong(change: dict[str, Any], code: str) -> None:
    assert refusal(resigned(message() | change)) == code


@pytest.mark.parametrize("text", ["", "0", "-1", "012", "1.0", "１２", "٣", "x", "9" * 16, "9" * 5_000])
def test_a_login_is_a_number_in_plain_digits(text: str) -> None:
    assert protocol.login_of(text) == 0
    assert protocol.login_of("900001") == 900_001


@pytest.mark.parametrize(
    ("now_ms", "is_fresh"),
    [
        (NOW_MS + protocol.TTL_MS, True),
        (NOW_MS + protocol.TTL_MS + 1, False),
        (NOW_MS - protocol.SKEW_MS_MAX, True),
        (NOW_MS - protocol.SKEW_MS_MAX - 1, False),
    ],
)
def test_a_request_lives_five_seconds_and_runs_ahead_at_most_two(now_ms: int, is_fresh: bool) -> None:
    if is_fresh:
        assert opened(message(), now_ms=now_ms)
    else:
        assert refusal(message(), now_ms=now_ms) == "SIGNATURE_EXPIRED"


def test_a_nonce_counts_once_and_is_forgotten_after_its_expiry() -> None:
    nonces, wish = Nonces(), message()
    assert opened(wish, nonces=nonces)
    assert refusal(wish, nonces=nonces) == "NONCE_REPLAYED"
    assert opened(message(), nonces=nonces, now_ms=NOW_MS + protocol.TTL_MS)
    assert len(nonces) == 2
    assert nonces.remember("later", exp=NOW_MS + 20_000, now_ms=NOW_MS + protocol.TTL_MS + 1)
    assert len(nonces) == 1


def test_two_keys_are_valid_while_they_rotate() -> None:
    older = Key("before", b"o" * 32)
    wish = message() | {"key_id": "before"}
    assert opened(resigned(wish, older), keys=(KEY, older)).key == older
    assert refusal(resigned(wish, KEY), keys=(KEY, older)) == "RISK_SIGNATURE_INVALID"


@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        ("ORDER_OPEN", ORDER | {"surprise": 1}, "INVALID_VALUE"),
        ("ORDER_OPEN", {k: v for k, v in ORDER.items() if k != "symbol"}, "MISSING_SYMBOL"),
        ("ORDER_OPEN", {k: v for k, v in ORDER.items() if k != "type"}, "MISSING_TYPE"),
        ("ORDER_OPEN", {k: v for k, v in ORDER.items() if k != "decision_id"}, "MISSING_FIELD"),
        ("ORDER_OPEN", {k: v for k, v in ORDER.items() if k != "magic"}, "MISSING_FIELD"),
        ("ORDER_OPEN", ORDER | {"volume": 0.01}, "INVALID_VOLUME"),
        ("ORDER_OPEN", ORDER | {"volume": "0"}, "INVALID_VOLUME"),
        ("ORDER_OPEN", ORDER | {"volume": "-1"}, "INVALID_VOLUME"),
        ("ORDER_OPEN", ORDER | {"volume": "NaN"}, "INVALID_VOLUME"),
        ("ORDER_OPEN", ORDER | {"volume": "1e3"}, "INVALID_VOLUME"),
        ("ORDER_OPEN", ORDER | {"volume": "0.000000001"}, "INVALID_VOLUME"),
        ("ORDER_OPEN", ORDER | {"volume": "9" * 200}, "INVALID_VOLUME"),
        ("ORDER_OPEN", ORDER | {"price": "0"}, "INVALID_VALUE"),
        ("ORDER_OPEN", ORDER | {"sl": "low"}, "INVALID_STOPS"),
        ("ORDER_OPEN", ORDER | {"type": "HOLD"}, "INVALID_VALUE"),
        ("ORDER_OPEN", ORDER | {"comment": "c" * 32}, "INVALID_VALUE"),
        ("ORDER_OPEN", ORDER | {"magic": True}, "INVALID_VALUE"),
        ("ORDER_CLOSE", {}, "MISSING_TICKET"),
        ("ORDER_CANCEL", {"order": "1"}, "INVALID_VALUE"),
        ("KILL_SWITCH", {"scope": "GLOBAL", "epoch": 1, "positions": "KEEP", "reason": "  "}, "INVALID_VALUE"),
        ("KILL_SWITCH", {"scope": "GLOBAL", "epoch": 0, "positions": "KEEP", "reason": "r"}, "INVALID_VALUE"),
        ("GET_HISTORY", {"time_from": 1.5}, "INVALID_VALUE"),
        ("ACCOUNT_OPEN", {"currency": "EUR", "deposit": "1", "replay": {}}, "INVALID_VALUE"),
        ("ACCOUNT_OPEN", {"currency": "USD", "deposit": "0.001", "replay": {}}, "INVALID_VALUE"),
        ("FAULT", {"kind": "DELAY", "data": 7}, "INVALID_VALUE"),
    ],
)
def test_a_payload_is_read_field_by_field(action: str, payload: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as caught:
        read_payload(ACTIONS[action].fields, payload)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"not json", b"[]", b'"text"', b'{"v":1', b'{"a":1,"a":2}', b'{"a":1.5}', b'{"a":NaN}', b'{"a":Infinity}',
        b"\xff\xfe", b'{"a":"\\ud800"}', b"[" * 100_000, b'{"a":' + b"[" * 480 + b"]" * 480 + b"}" * 2,
        b'{"a":' + b"[" * 960 + b"]" * 960 + b"}", b'{"a":' + b"9" * 5_000 + b"}",
        b'{"a":"' + b"x" * protocol.MESSAGE_BYTES_MAX + b'"}',
    ],
    ids=lambda raw: repr(raw[:20]),
)  # fmt: skip
def test_what_is_no_json_of_ours_is_refused(raw: bytes) -> None:
    with pytest.raises(Refused) as caught:
        protocol.parse(raw)
    assert caught.value.code == "INVALID_JSON"


@pytest.mark.property
@given(
    field=st.sampled_from(sorted(protocol.REQUEST_FIELDS - {"sig"})),
    value=st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=20), st.lists(st.integers(), max_size=2)),
)
def test_no_field_can_be_changed_under_its_signature(field: str, value: Any) -> None:
    wish = message()
    if wish[field] == value:
        return
    with pytest.raises(Refused):
        opened({**wish, field: value})


@pytest.mark.property
@given(junk=st.binary(max_size=200))
def test_junk_is_refused_and_never_crashes(junk: bytes) -> None:
    with pytest.raises(Refused):
        opened(protocol.parse(junk))


def test_an_answer_is_read_only_with_its_signature() -> None:
    raw = protocol.build_answer(
        key=KEY, request_id="i", status="OK", code="", message="", data={"a": "1"}, now_ms=NOW_MS, latency_ms="0.1"
    )
    assert protocol.open_answer(raw, KEY).data == {"a": "1"}
    for forged in (raw.replace(b'"a":"1"', b'"a":"2"'), raw.replace(b'"OK"', b'"KO"'), b"{}", b"", raw[:-2] + b"}"):
        with pytest.raises(AnswerForged):
            protocol.open_answer(forged, KEY)
    with pytest.raises(AnswerForged):
        protocol.open_answer(raw, Key("now", b"x" * 32))


@pytest.mark.property
@given(micros=st.integers(0, 4_000_000_000_000_000))
def test_a_moment_survives_the_wire(micros: int) -> None:
    assert micros_of(moment_of(micros)) == micros


def test_a_key_file_is_read_whole_or_not_at_all(tmp_path: Any) -> None:
    file = tmp_path / "keys"
    file.write_text(f"a:{'0f' * 32}\nb:{'1f' * 32}\n")
    assert [key.key_id for key in protocol.read_keys(file)] == ["a", "b"]
    assert "0f" not in repr(protocol.read_keys(file))
    for bad in ("", "a\n", "a:xyz\n", f"a:{'0f' * 8}\n", f"a b:{'0f' * 32}\n"):
        file.write_text(bad)
        with pytest.raises(ValueError, match=r"key|KEYID"):
            protocol.read_keys(file)
