"""How does a test call the API? As a key that signs, as a bearer, or as a person with a session."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any

from django.test import Client

from approvals.operations import keys
from approvals.rules import signatures
from tests.support.cast import ALICE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from approvals.models import ApiKey, Desk

HOST = "127.0.0.1:8000"
_numbers = count(1)


@dataclass
class KeyClient:
    """Sends requests signed by one key; what it would send can be changed before it is sent."""

    key: ApiKey
    shown: dict[str, str]
    client: Client = field(default_factory=lambda: Client(raise_request_exception=False))

    def headers(
        self, method: str, path: str, body: bytes = b"", *, query: str = "", at_ms: int | None = None, nonce: str = ""
    ) -> dict[str, str]:
        """Return the headers that prove a request."""
        if "token" in self.shown:
            return {"Authorization": f"Bearer {self.shown['token']}"}
        timestamp = str(at_ms if at_ms is not None else time.time_ns() // 1_000_000)
        nonce = nonce or f"nonce-{next(_numbers):08}-{time.monotonic_ns()}"
        text = signatures.signed_text(
            timestamp=timestamp,
            nonce=nonce,
            method=method,
            host=HOST,
            target=signatures.target(path, query),
            body=body,
            key_id=self.key.key_id,
        )
        return {
            "CRS-Key-Id": self.key.key_id,
            "CRS-Timestamp": timestamp,
            "CRS-Nonce": nonce,
            "CRS-Signature": base64.b64encode(self.sign(text)).decode(),
        }

    def sign(self, text: bytes) -> bytes:
        if "private_key" in self.shown:
            return signatures.sign_ed25519(text, seed=base64.b64decode(self.shown["private_key"]))
        return signatures.sign_hmac(text, secret=base64.b64decode(self.shown["secret"]))

    def call(self, method: str, path: str, body: Any = None, *, query: str = "", **headers: str) -> Any:
        """Send a request and return the answer; keyword arguments are further headers, `_` for `-`."""
        raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        proof = self.headers(method, path, raw, query=query)
        return self.send(method, path, raw, query=query, headers={**proof, **_dashed(headers)})

    def send(self, method: str, path: str, raw: bytes = b"", *, query: str = "", headers: dict[str, str]) -> Any:
        """Send exactly this."""
        return self.client.generic(
            method,
            f"{path}?{query}" if query else path,
            raw,
            content_type="application/json",
            headers={"Host": HOST, **headers},
        )

    def get(self, path: str, *, query: str = "", **headers: str) -> Any:
        return self.call("GET", path, query=query, **headers)

    def post(self, path: str, body: Any, *, query: str = "", **headers: str) -> Any:
        return self.call("POST", path, body, query=query, **headers)


def make_client(
    kind: str = "ed25519", *, scopes: Sequence[str] = ("ledger:read",), desk: Desk | None = None
) -> KeyClient:
    """Make a key with `scopes` and return a client that uses it."""
    made = keys.create(name="test", kind=kind, scopes=scopes, desk=desk, actor=ALICE, at=datetime.now(tz=UTC))
    return KeyClient(made.key, made.shown_once)


def _dashed(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
