"""How do programs get keys, and how does a request prove whose it is?"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from django.db import transaction

from approvals.adapters import key_seal
from approvals.models import ApiKey
from approvals.operations import audit
from approvals.rules import keys as rules
from approvals.rules import signatures
from crs.kernel.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from approvals.adapters.nonces_valkey import ValkeyNonces
    from approvals.models import Desk
    from approvals.rules.signatures import SignedRequest
    from crs.kernel.actor import Actor

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)

# Verified when a key does not exist, so that the answer takes as long as for one that does.
NOBODY = signatures.public_key(bytes(32))


class KeyUnknown(Refusal):
    """There is no such key, or it is revoked already."""

    code: ClassVar[str] = "KEY_UNKNOWN"
    title: ClassVar[str] = "There is no such key"
    status: ClassVar[int] = 404


class NotAuthentic(Refusal):
    """Whatever is wrong with the credentials, the answer is this one; `clock_skew_ms` is our clock minus theirs."""

    code: ClassVar[str] = "UNAUTHENTICATED"
    title: ClassVar[str] = "The request could not be authenticated"
    status: ClassVar[int] = 401


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made, with what its owner is shown once: `private_key` (base64 seed), `secret` or `token`."""

    key: ApiKey
    shown_once: dict[str, str]


@transaction.atomic
def create(
    *,
    name: str,
    kind: str,
    scopes: Sequence[str],
    actor: Actor,
    at: datetime,
    desk: Desk | None = None,
    addresses: Sequence[str] = (),
    expires_at: datetime | None = None,
    label: str = "live",
    request_id: str = "",
) -> NewKey:
    """Make a key. Its secret is in the answer and nowhere else. Raises `KeyMalformed`.

    `label` is one of `rules.keys.LABELS`.
    """
    rules.refuse_malformed(name=name, kind=kind, scopes=scopes, addresses=addresses)
    if expires_at is not None and expires_at <= at:
        raise rules.KeyMalformed("a key expires in the future", pointer="/expires_at")
    key = ApiKey(
        key_id=f"k{secrets.token_hex(8)}",
        name=name.strip(),
        kind=kind,
        scopes=sorted(set(scopes)),
        desk=desk,
        addresses=list(addresses),
        created_at=at,
        created_by=str(actor),
        expires_at=expires_at,
    )
    shown = _prove(key, label=label)
    key.save(force_insert=True)
    audit.record(
        action="approvals.key.created",
        actor=actor,
        subject_kind="approvals.key",
        subject_id=key.key_id,
        at=at,
        desk_id=desk.id if desk else None,
        after={
            "name": key.name,
            "kind": kind,
            "scopes": key.scopes,
            "addresses": key.addresses,
            "expires_at": expires_at,
        },
        request_id=request_id,
    )
    return NewKey(key, shown)


@transaction.atomic
def revoke(*, key_id: str, reason: str, actor: Actor, at: datetime, request_id: str = "") -> None:
    """End a key for good, from the next request on. Raises `KeyUnknown` when there is none to end."""
    if not ApiKey.objects.filter(key_id=key_id, revoked_at=None).update(revoked_at=at):
        raise KeyUnknown(f"there is no live key {key_id[:40]}")
    audit.record(
        action="approvals.key.revoked",
        actor=actor,
        subject_kind="approvals.key",
        subject_id=key_id,
        at=at,
        reason=reason,
        request_id=request_id,
    )


def authenticate_signed(
    request: SignedRequest,
    *,
    address: str,
    at: datetime,
    window_ms: int,
    nonces: ValkeyNonces | None,
    needs_nonce: bool,
) -> ApiKey:
    """Return the key that signed `request`, or raise `NotAuthentic`: one refusal for every fault.

    1. Timestamp and nonce have their form, and the timestamp lies in the window.
    2. The signature is the key's, over the bytes as they came. An unknown key costs the same time.
    3. The key is live and used from where it may be.
    4. The nonce is new. `nonces=None` does not ask (halts never wait); when Valkey is lost, a request that
       `needs_nonce` raises `NoncesUnavailable` and the others go on.
    """
    refused = NotAuthentic(clock_skew_ms=skew_ms(request.timestamp, at))
    now_ms = at_ms(at)
    if not request.is_well_formed():
        raise refused
    key = ApiKey.objects.filter(key_id=request.key_id).exclude(kind="bearer").first()
    if not _is_signed(request, key) or key is None:
        raise refused
    if not signatures.is_timely(int(request.timestamp), now_ms=now_ms, window_ms=window_ms):
        raise refused
    if not key.is_live(at) or not rules.is_allowed_from(key.addresses, address):
        raise refused
    if nonces is not None and not _is_new(nonces, request, window_ms=window_ms, needs_nonce=needs_nonce):
        raise refused
    key.touch(at)
    return key


def authenticate_bearer(token: str, *, address: str, at: datetime) -> ApiKey:
    """Return the key that `token` belongs to, or raise `NotAuthentic`."""
    prefix, _, rest = token.partition("_")
    key_id = [*rest.split("_", 2), "", ""][1]
    is_ours = prefix == "crs" and signatures.KEY_ID.fullmatch(key_id)
    key = ApiKey.objects.filter(key_id=key_id, kind="bearer").first() if is_ours else None
    stored = bytes(key.token_hash) if key is not None and key.token_hash is not None else bytes(32)
    is_token = hmac.compare_digest(hashlib.sha256(token.encode()).digest(), stored)
    if key is None or not is_token or not key.is_live(at) or not rules.is_allowed_from(key.addresses, address):
        raise NotAuthentic(clock_skew_ms=None)
    key.touch(at)
    return key


@transaction.atomic
def record_denied(*, actor: Actor, wanted: str, method: str, path: str, at: datetime, request_id: str = "") -> None:
    """Leave the evidence that somebody known was not permitted something."""
    audit.record(
        action="approvals.access.denied",
        actor=actor,
        subject_kind="approvals.scope",
        subject_id=wanted,
        at=at,
        facts={"method": method, "path": path[:400]},
        request_id=request_id,
    )


def at_ms(at: datetime) -> int:
    """Return a moment as whole milliseconds since 1970: the unit of CRS-Timestamp."""
    return (at - EPOCH) // MILLISECOND


def skew_ms(timestamp: str, at: datetime) -> int | None:
    """Return our clock minus the client's in milliseconds, or None when the client named no time."""
    return at_ms(at) - int(timestamp) if signatures.TIMESTAMP.fullmatch(timestamp) else None


def _prove(key: ApiKey, *, label: str) -> dict[str, str]:
    """Put into `key` what will prove its owner, and return what the owner keeps."""
    if key.kind == "ed25519":
        seed = secrets.token_bytes(32)
        key.public_key = signatures.public_key(seed)
        return {"private_key": base64.b64encode(seed).decode()}
    if key.kind == "hmac":
        secret = secrets.token_bytes(32)
        key.sealed_secret = key_seal.seal(secret, key_id=key.key_id)
        return {"secret": base64.b64encode(secret).decode()}
    token = f"crs_{label}_{key.key_id}_{secrets.token_urlsafe(32)}"
    key.token_hash = hashlib.sha256(token.encode()).digest()
    return {"token": token}


def _is_signed(request: SignedRequest, key: ApiKey | None) -> bool:
    try:
        signature = base64.b64decode(request.signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    text = request.text()
    if key is not None and key.sealed_secret is not None:
        secret = key_seal.unseal(bytes(key.sealed_secret), key_id=key.key_id)
        return signatures.is_signed_hmac(text, signature, secret=secret)
    public_key = bytes(key.public_key) if key is not None and key.public_key is not None else NOBODY
    return signatures.is_signed_ed25519(text, signature, public_key=public_key) and key is not None


def _is_new(nonces: ValkeyNonces, request: SignedRequest, *, window_ms: int, needs_nonce: bool) -> bool:
    # A nonce is remembered for as long as its timestamp could still pass.
    ttl_ms = window_ms + 2 * signatures.AHEAD_MS_MAX
    try:
        return nonces.spend(request.key_id, request.nonce, ttl_ms=ttl_ms)
    except signatures.NoncesUnavailable:
        if needs_nonce:
            raise
        return True
