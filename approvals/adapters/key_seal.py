"""How does a secret stand in the database so that the database alone is not enough to read it?

HMAC needs the secret itself at every request. It is sealed with AES-GCM under a key in a file of this installation
(mode 0600); a leaked database without that file leaks nothing. Losing the file ends all HMAC keys: make new ones.
"""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING, ClassVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from crs.kernel.refusal import Refusal

if TYPE_CHECKING:
    from pathlib import Path

KEY_BYTES = 32
NONCE_BYTES = 12


class SealBroken(Refusal):
    """The file that opens sealed secrets is missing, or is not the one they were sealed with."""

    code: ClassVar[str] = "SEAL_BROKEN"
    title: ClassVar[str] = "Sealed secrets cannot be opened"
    status: ClassVar[int] = 503


def seal(secret: bytes, *, key_id: str) -> bytes:
    """Return `secret` readable with this installation's file only, and bound to the key it belongs to."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(_key(make=True)).encrypt(nonce, secret, key_id.encode())


def unseal(sealed: bytes, *, key_id: str) -> bytes:
    """Return the secret again. Raises `SealBroken`."""
    try:
        return AESGCM(_key(make=False)).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], key_id.encode())
    except InvalidTag as error:
        raise SealBroken(key_id=key_id) from error


def _key(*, make: bool) -> bytes:
    """Read the file; the first sealing makes it. Two processes that make it at once agree on one."""
    path: Path = settings.KEY_SEAL_FILE
    if make and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(fresh, path)  # refuses when another process was first, where a rename would overwrite
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    try:
        key = path.read_bytes()
    except OSError as error:
        raise SealBroken(f"{path.name} cannot be read") from error
    if len(key) != KEY_BYTES:
        raise SealBroken(f"{path.name} does not hold {KEY_BYTES} bytes")
    return key
