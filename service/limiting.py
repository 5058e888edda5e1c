"""How many requests an asker may make in a time, by the `limits` package.

Where there is a Redis all processes add up their counts in it. While it is away each process goes on from
what it knows: the limit becomes a looser one, and nobody gets an error for it.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, RedisStorage, Storage
from limits.aio.storage.redis.redispy import RedispyBridge
from limits.errors import ConfigurationError as UnknownStorageError
from redis import ConnectionError as RedisConnectionError
from redis import RedisError

from core.errors import ConfigurationError
from service.errors import TooManyRequestsError

if TYPE_CHECKING:
    from core.settings import LimitSettings

log = logging.getLogger("inhouse.limits")

REDIS_TIMEOUT_S = 0.1
EXCHANGE_S = 0.1
REDIS_PAUSE_S = 5.0  # after a fault Redis is left alone for this long
PREFIX = "inhouse:limits"
REMEMBERED_KEYS = 1024  # wrong keys that do not count again


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an asker stands within a limit, after this request."""

    allowed: int
    made: int
    reset_s: float  # until the count begins anew

    @property
    def headers(self) -> dict[str, str]:
        """As OpenAI's API names them."""
        return {
            "x-ratelimit-limit-requests": str(self.allowed),
            "x-ratelimit-remaining-requests": str(max(0, self.allowed - self.made)),
            "x-ratelimit-reset-requests": _spelled(self.reset_s),
        }


@dataclass(slots=True)
class Others:
    """What the other processes have counted under one key, as of the last exchange with Redis."""

    ends: float  # of the window
    made: int = 0
    told: int = 0  # how many of this process's requests Redis knows of
    exchanging: bool = False


class Counts:
    """Requests by name and window of time; windows begin at multiples of their length, for all processes.

    This process's requests are counted in memory. Redis, where there is one, adds up those of all processes:
    it is waited for at the first request of a window, and told of the others `EXCHANGE_S` later.
    """

    def __init__(self, storage: Storage | None = None, clock: Callable[[], float] = time.time) -> None:
        """`storage` is the shared one, which may fail; None where there is none."""
        self._shared = storage
        self._own = MemoryStorage()
        self._clock = clock
        self._paused_until = 0.0
        self._others: dict[str, Others] = {}  # oldest window first
        self._exchanges: set[asyncio.Task[None]] = set()

    @classmethod
    def connect(cls, redis_url: str) -> Counts:
        """Raises ConfigurationError for a URL that is no Redis URL; connects only when first used."""
        if not redis_url:
            return cls()
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        # Again once where a connection is found closed, as all are after Redis was restarted.
        retry = Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,))
        options = {
            "socket_timeout": REDIS_TIMEOUT_S,
            "socket_connect_timeout": REDIS_TIMEOUT_S,
            "retry": retry,
        }
        try:
            storage = RedisStorage(
                f"async+{redis_url}".replace("async+unix:", "async+redis+unix:"),
                implementation="redispy",
                key_prefix=PREFIX,
                **options,  # type: ignore[arg-type]
            )
        except (ValueError, UnknownStorageError) as error:
            raise ConfigurationError(
                "INHOUSE_SERVICE__REDIS_URL is no Redis URL: write redis://host:6379/0."
            ) from error
        return cls(storage)

    async def add(self, limit: RateLimitItem, who: str) -> Standing:
        """Counts one more request of `who`."""
        key, length_s, reset_s = self._window(limit, who)
        own = await self._own.incr(key, length_s)
        others = 0 if self._shared is None else await self._made_elsewhere(key, length_s, reset_s)
        return Standing(limit.amount, own + others, reset_s)

    async def made(self, limit: RateLimitItem, who: str) -> Standing:
        """What this process has counted by itself."""
        key, _, reset_s = self._window(limit, who)
        return Standing(limit.amount, await self._own.get(key), reset_s)

    async def close(self) -> None:
        for task in self._exchanges:
            task.cancel()
        if isinstance(self._shared, RedisStorage) and isinstance(self._shared.bridge, RedispyBridge):
            client: Any = self._shared.bridge.get_connection()
            await client.aclose()

    def _window(self, limit: RateLimitItem, who: str) -> tuple[str, int, float]:
        length_s = limit.get_expiry()
        now = self._clock()
        number = int(now // length_s)
        return limit.key_for(who, number), length_s, (number + 1) * length_s - now

    async def _made_elsewhere(self, key: str, length_s: int, reset_s: float) -> int:
        others = self._others.get(key)
        if others is None:
            self._forget_ended()
            others = self._others[key] = Others(self._clock() + reset_s)
            await self._exchange(key, length_s, others)
        elif not others.exchanging:
            others.exchanging = True
            task = asyncio.create_task(self._exchange(key, length_s, others, EXCHANGE_S))
            self._exchanges.add(task)
            task.add_done_callback(self._exchanges.discard)
        return others.made

    async def _exchange(self, key: str, length_s: int, others: Others, delay_s: float = 0.0) -> None:
        """Tells Redis how many requests came here, and learns how many came elsewhere."""
        assert self._shared is not None
        others.exchanging = True
        try:
            await asyncio.sleep(delay_s)
            if self._clock() < self._paused_until:
                return
            own = await self._own.get(key)
            total = await self._shared.incr(key, length_s, own - others.told)
            others.told, others.made = own, max(0, int(total) - own)
        except (RedisError, OSError) as error:
            self._paused_until = self._clock() + REDIS_PAUSE_S
            log.warning("Redis is away, each process counts requests for itself: %s", error)
        finally:
            others.exchanging = False

    def _forget_ended(self) -> None:
        now = self._clock()
        while self._others and next(iter(self._others.values())).ends <= now:
            self._others.pop(next(iter(self._others)))


class RateLimit:
    """Of requests by a key, or by an address where there are no keys."""

    def __init__(self, settings: LimitSettings, counts: Counts) -> None:
        self._limit = parse(settings.rate) if settings.rate else None
        self._counts = counts

    async def count(self, who: str) -> Standing | None:
        """Where the asker stands now; None without a limit."""
        return None if self._limit is None else await self._counts.add(self._limit, who)


class FailedTries:
    """Wrong keys by address, counted by each process. The same wrong key again tells nobody anything, so a
    client that was not told of its new key does not lock out its neighbours.
    """

    def __init__(self, settings: LimitSettings) -> None:
        self._limit = parse(settings.failed_keys) if settings.failed_keys else None
        self._counts = Counts()
        self._tried: OrderedDict[tuple[str, str], None] = OrderedDict()

    async def check(self, address: str) -> None:
        """Raises TooManyRequestsError for an address that has tried too many, whatever key it brings now."""
        if self._limit is None or not self._tried:
            return
        standing = await self._counts.made(self._limit, address)
        if standing.made >= standing.allowed:
            raise TooManyRequestsError(
                "Too many wrong API keys came from this address; wait before the next one.",
                code="too_many_failed_keys",
                retry_after_s=standing.reset_s,
            )

    async def note(self, address: str, digest: str) -> None:
        if self._limit is None:
            return
        if (address, digest) not in self._tried:
            await self._counts.add(self._limit, address)
        self._tried[address, digest] = None
        self._tried.move_to_end((address, digest))
        if len(self._tried) > REMEMBERED_KEYS:
            self._tried.popitem(last=False)


def _spelled(seconds: float) -> str:
    """`1m30s`, `12s`, as OpenAI's API writes a time."""
    minutes, rest = divmod(max(1, math.ceil(seconds)), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
