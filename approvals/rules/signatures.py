"""Which bytes does a signed request sign, and when is a signature good?

The text is seven lines: timestamp in ms, nonce, METHOD, Host as sent with its port, path and `?` query with its raw
pairs sorted, hex SHA-256 of the body, key id. What is not in it can be changed on the way, so everything that decides
what a request does is in it. docs/api.md shows a client and a test vector.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import ClassVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from crs.kernel.refusal import Refusal

AHEAD_MS_MAX = 1_000  # a client's clock may run ahead of ours by less than this
WINDOW_MS_MAX = 60_000  # the widest window an installation may set
NONCE = re.compile(r"[A-Za-z0-9._~-]{8,64}", re.ASCII)
KEY_ID = re.compile(r"k[0-9a-f]{16}", re.ASCII)
TIMESTAMP = re.compile(r"[0-9]{1,15}", re.ASCII)


class NoncesUnavailable(Refusal):
    """Valkey does not answer, so that a repeated request cannot be told from a new one: mutations wait, reads go on."""

    code: ClassVar[str] = "NONCES_UNAVAILABLE"
    title: ClassVar[str] = "Whether this request is a repeat cannot be told"
    status: ClassVar[int] = 503


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request as it came over the wire, with the four headers that sign it, nothing decoded.

    `path` and `query` are raw (percent-encoded as sent); `query` is without its `?`.
    """

    key_id: str
    timestamp: str
    nonce: str
    signature: str
    method: str
    host: str
    path: str
    query: str
    body: bytes

    def text(self) -> bytes:
        """Return the bytes under the signature."""
        return signed_text(
            timestamp=self.timestamp,
            nonce=self.nonce,
            method=self.method,
            host=self.host,
            target=target(self.path, self.query),
            body=self.body,
            key_id=self.key_id,
        )

    def is_well_formed(self) -> bool:
        """Return whether key, timestamp and nonce are what they claim: a line break in one could move the others."""
        return all(
            form.fullmatch(text)
            for form, text in ((KEY_ID, self.key_id), (TIMESTAMP, self.timestamp), (NONCE, self.nonce))
        )


def target(path: str, query: str) -> str:
    """Return path and query with its raw pairs sorted: two orders of the same pairs are one request."""
    return f"{path}?{'&'.join(sorted(query.split('&')))}" if query else path


def signed_text(*, timestamp: str, nonce: str, method: str, host: str, target: str, body: bytes, key_id: str) -> bytes:
    """Return the seven lines that are signed, as UTF-8."""
    lines = (timestamp, nonce, method.upper(), host, target, hashlib.sha256(body).hexdigest(), key_id)
    return "\n".join(lines).encode()


def is_timely(timestamp_ms: int, *, now_ms: int, window_ms: int) -> bool:
    """Return whether a request is neither older than the window nor more than 1 s ahead of our clock."""
    assert 0 < window_ms <= WINDOW_MS_MAX
    return timestamp_ms < now_ms + AHEAD_MS_MAX and now_ms - timestamp_ms <= window_ms


def is_signed_ed25519(text: bytes, signature: bytes, *, public_key: bytes) -> bool:
    """Return whether `signature` is the Ed25519 signature of `text` by the owner of `public_key` (32 raw bytes)."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, text)
    except InvalidSignature:
        return False
    return True


def is_signed_hmac(text: bytes, signature: bytes, *, secret: bytes) -> bool:
    """Return whether `signature` is the HMAC-SHA256 of `text` under `secret`; takes the same time either way."""
    return hmac.compare_digest(sign_hmac(text, secret=secret), signature)


def sign_ed25519(text: bytes, *, seed: bytes) -> bytes:
    """Return the 64 bytes of the signature by the private key with this 32-byte seed."""
    return Ed25519PrivateKey.from_private_bytes(seed).sign(text)


def sign_hmac(text: bytes, *, secret: bytes) -> bytes:
    """Return the HMAC-SHA256 of `text`."""
    return hmac.new(secret, text, hashlib.sha256).digest()


def public_key(seed: bytes) -> bytes:
    """Return the 32 raw bytes of the public key that belongs to a private seed."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
