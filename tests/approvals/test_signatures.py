"""Which bytes are signed, and when is a signature timely?"""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.rules import signatures
from approvals.rules.signatures import SignedRequest

SEED = bytes(range(32))
# The vector of docs/api.md. Whoever changes the text breaks every client.
VECTOR = SignedRequest(
    key_id="k0123456789abcdef",
    timestamp="1763668020000",
    nonce="b7c1f6a0-5d1e-4c47-9a55-0f8f3f5d2b11",
    signature="",
    method="post",
    host="127.0.0.1:8000",
    path="/api/v1/ledger/journals",
    query="b=2&a=%2F1&a=0",
    body=b'{"key":"k-1"}',
)
TEXT = (
    "1763668020000\n"
    "b7c1f6a0-5d1e-4c47-9a55-0f8f3f5d2b11\n"
    "POST\n"
    "127.0.0.1:8000\n"
    "/api/v1/ledger/journals?a=%2F1&a=0&b=2\n"
    "581844dfd5828ece9935b4efe7f6e907fc8ffea044e3079ace1d15d28ec13df1\n"
    "k0123456789abcdef"
)
SIGNATURE = "U4RbZbofEb1rAQSqYpasCMb0fWhhrS5bZrgaArEdLO5/lm1Rq/p322XT7eDGJm1Q+8ss8G/ECGRgSAUgbpvXDg=="
HMAC = "cZoW3dGyNGIwSRuzSvN4XaaN/ykE4Zy2XmIRs6Chtr4="


def test_the_signed_text_is_the_one_of_the_docs() -> None:
    assert VECTOR.text().decode() == TEXT
    signature = signatures.sign_ed25519(VECTOR.text(), seed=SEED)
    assert base64.b64encode(signature).decode() == SIGNATURE
    hmac = signatures.sign_hmac(VECTOR.text(), secret=SEED)
    assert base64.b64encode(hmac).decode() == HMAC


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key_id", "k0123456789abcdee"),
        ("timestamp", "1763668020001"),
        ("nonce", "b7c1f6a0-5d1e-4c47-9a55-0f8f3f5d2b12"),
        ("method", "PUT"),
        ("host", "127.0.0.1:8001"),
        ("host", "127.0.0.1"),
        ("path", "/api/v1/ledger/journals/"),
        ("query", "b=2&a=%2F1&a=1"),
        ("query", "b=2&a=/1&a=0"),
        ("query", "b=2&a=%2F1"),
        ("query", ""),
        ("body", b'{"key":"k-1"} '),
        ("body", b""),
    ],
)
def test_every_part_of_a_request_is_under_its_signature(field: str, value: Any) -> None:
    assert replace(VECTOR, **{field: value}).text() != VECTOR.text()


@given(st.permutations(["a=%2F1", "a=0", "b=2", "c"]))
def test_the_order_of_the_query_does_not_matter(pairs: list[str]) -> None:
    assert signatures.target("/x", "&".join(pairs)) == "/x?a=%2F1&a=0&b=2&c"


@given(
    st.integers(min_value=-100_000, max_value=100_000),
    st.integers(min_value=1_000, max_value=signatures.WINDOW_MS_MAX),
)
def test_a_request_is_timely_inside_its_window_only(age_ms: int, window_ms: int) -> None:
    now_ms = 1_763_668_020_000
    assert signatures.is_timely(now_ms - age_ms, now_ms=now_ms, window_ms=window_ms) == (-1_000 < age_ms <= window_ms)


@pytest.mark.parametrize("timestamp", ["", "-1", "1.5", "1e3", "1\n", "9" * 16, "１"])
def test_a_timestamp_is_plain_digits(timestamp: str) -> None:
    assert not replace(VECTOR, timestamp=timestamp).is_well_formed()


@pytest.mark.parametrize("key_id", ["", "k", "k0123456789abcde\n", "K0123456789abcdef", "\x00"])
def test_a_key_id_has_its_form(key_id: str) -> None:
    assert not replace(VECTOR, key_id=key_id).is_well_formed()


@pytest.mark.parametrize("nonce", ["", "short", "a" * 65, "with blank", "line\nbreak-----", "ünïcödé-nonce"])
def test_a_nonce_has_8_to_64_plain_characters(nonce: str) -> None:
    assert not replace(VECTOR, nonce=nonce).is_well_formed()


@given(st.binary(max_size=200), st.binary(max_size=70))
def test_no_other_bytes_pass_for_a_signature(text: bytes, forged: bytes) -> None:
    public_key = signatures.public_key(SEED)
    good = signatures.sign_ed25519(text, seed=SEED)
    assert signatures.is_signed_ed25519(text, good, public_key=public_key)
    assert signatures.is_signed_hmac(text, signatures.sign_hmac(text, secret=SEED), secret=SEED)
    assert forged == good or not signatures.is_signed_ed25519(text, forged, public_key=public_key)
    assert not signatures.is_signed_hmac(text, forged[:31], secret=SEED)
