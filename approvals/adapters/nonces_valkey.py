"""Was this nonce used before? Valkey remembers for as long as its timestamp could pass; nothing there is truth."""

from __future__ import annotations

from functools import cache

import redis
from django.conf import settings

from approvals.rules.signatures import NoncesUnavailable

TIMEOUT_S = 1  # a frozen Valkey costs a mutation one second, then it is a 503


class ValkeyNonces:
    """Spends nonces in Valkey: SET NX with an expiry, one round trip."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, retry=None)

    def spend(self, key_id: str, nonce: str, *, ttl_ms: int) -> bool:
        """Remember a nonce for `ttl_ms` and return whether it is new. Raises `NoncesUnavailable`."""
        try:
            return bool(self._client.set(f"crs:{settings.CRS_ENV}:nonce:{key_id}:{nonce}", 1, nx=True, px=ttl_ms))
        except redis.RedisError as error:
            raise NoncesUnavailable from error


@cache
def shared() -> ValkeyNonces:
    """Return this process's client; redis-py keeps its connections apart by process and thread."""
    return ValkeyNonces(settings.REDIS_URL)
