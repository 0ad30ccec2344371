"""Where do ticks wait for whoever trades on them? One stream per account in Valkey; nothing there is truth."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar, cast

import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry

from crs.kernel.refusal import Refusal
from guardian.rules import ticks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from guardian.rules.ticks import Tick

logger = logging.getLogger(__name__)

ENTRIES_MAX = 100_000  # per account; at 510 ticks a second more than three minutes
KEPT_AFTER_S = 3_600  # of an account that nobody trades any more
TIMEOUT_S = 2


class HotTierLost(Refusal):
    """Valkey does not answer; ticks are missing until it does, and missing ticks open no risk."""

    code: ClassVar[str] = "HOT_TIER_LOST"
    title: ClassVar[str] = "The hot tier does not answer"
    status: ClassVar[int] = 503


def key(environment: str, account_code: str) -> str:
    """Return the name of an account's stream."""
    return f"crs:{environment}:ticks:{account_code}"


class TickWriter:
    """Writes ticks of many accounts in one round trip. Not safe for two threads."""

    def __init__(self, url: str, *, environment: str) -> None:
        self._environment = environment
        self._redis = redis.Redis.from_url(
            url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, retry=Retry(NoBackoff(), 0)
        )

    def write(self, batch: Iterable[tuple[str, Tick]]) -> None:
        """Append (account code, tick) pairs in order. Raises `HotTierLost`; what was written then is not known."""
        pipeline = self._redis.pipeline(transaction=False)
        for account_code, tick in batch:
            entry: dict[Any, Any] = dict(ticks.fields(tick))  # Any: the client's own type is wider than ours
            pipeline.xadd(key(self._environment, account_code), entry, maxlen=ENTRIES_MAX, approximate=True)
        try:
            pipeline.execute()
        except redis.RedisError as error:
            raise HotTierLost(f"ticks were not written: {type(error).__name__}") from error

    def forget(self, account_code: str) -> None:
        """Let the stream of an account go after a while. Raises `HotTierLost`."""
        try:
            self._redis.expire(key(self._environment, account_code), KEPT_AFTER_S)
        except redis.RedisError as error:
            raise HotTierLost(f"a stream was not released: {type(error).__name__}") from error

    def close(self) -> None:
        """Close the connection."""
        self._redis.close()


class TickReader:
    """Reads one account's ticks in order, in the caller's event loop."""

    def __init__(self, url: str, *, environment: str, account_code: str) -> None:
        self._key = key(environment, account_code)
        self._redis = redis.asyncio.Redis.from_url(
            url,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=redis.asyncio.retry.Retry(NoBackoff(), 0),
        )

    async def connect(self) -> None:
        """Connect now, so that the first read finds the way open; whoever cannot, will try again when he reads."""
        try:
            await self._redis.ping()
        except redis.RedisError as error:
            logger.warning("the hot tier does not answer: %s", type(error).__name__)

    async def read(self, cursor: str, *, wait_ms: int, count: int = 500) -> list[tuple[str, Tick]]:
        """Return the entries after `cursor`, oldest first, waiting up to `wait_ms` for the first one.

        Raises `HotTierLost`. After Valkey has forgotten the stream, its new entries still come after an old cursor:
        their names are times.
        """
        assert wait_ms < TIMEOUT_S * 1000, "the socket would give up first"
        try:
            answer = await self._redis.xread({self._key: cursor}, count=count, block=max(wait_ms, 1))
        except redis.RedisError as error:
            raise HotTierLost(f"ticks were not read: {type(error).__name__}") from error
        streams = cast("list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]", answer)
        return [(entry_id.decode(), ticks.parsed(entry)) for _, entries in streams for entry_id, entry in entries]

    async def close(self) -> None:
        """Close the connection."""
        await self._redis.aclose()
