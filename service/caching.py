"""The stores of cached answers behind `core.interfaces.Cache`, and which of them the settings ask for.

Nothing is deleted when documents change: a reindex makes other keys (`service.answer_keys`), and what stands
under the old ones runs out.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from core.errors import ConfigurationError
from core.interfaces import Cache

if TYPE_CHECKING:
    from redis import Redis

    from core.settings import Settings

log = logging.getLogger("inhouse.cache")

PREFIX = "inhouse:answer:"
LISTS = "inhouse:questions:"
ROWS = "inhouse:question:"  # what stands in the lists, under names of their own
LIST_LENGTH = 5000  # values that a list keeps
SWEEP_EVERY_S = 10.0  # how long at least between two looks for what ran out
REDIS_TIMEOUT_S = 0.25  # a Redis that is slower than this is worth less than the answer itself
REDIS_PAUSE_S = 5.0  # after a fault Redis is left alone for this long, so that requests do not wait for it


class MemoryCache:
    """The newest `max_entries` values, least recently used out first. Thread-safe."""

    def __init__(self, max_entries: int = 2048, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_entries = max_entries
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._lists: dict[str, list[tuple[int, float, str]]] = {}  # number, when it runs out, value
        self._added = 0
        self._swept = clock()

    def get(self, key: str) -> str | None:
        with self._lock:
            self._sweep()
            expires, value = self._entries.get(key, (0.0, ""))
            if expires <= self._clock():
                self._entries.pop(key, None)
                return None
            self._entries.move_to_end(key)
            return value

    def set(self, key: str, value: str, ttl_s: int) -> None:
        with self._lock:
            self._sweep()
            self._entries[key] = (self._clock() + ttl_s, value)
            self._entries.move_to_end(key)
            if len(self._entries) > self._max_entries:
                self._entries.popitem(last=False)

    def append(self, name: str, value: str, ttl_s: int) -> None:
        with self._lock:
            self._sweep()
            self._added += 1
            row = self._added, self._clock() + ttl_s, value
            self._lists[name] = [*self._lists.get(name, ()), row][-self._max_entries :]

    def since(self, name: str, mark: str) -> list[tuple[str, str]]:
        with self._lock:
            self._sweep()
            now, after = self._clock(), int(mark or 0)
            rows = self._lists.get(name, ())
            return [
                (str(number), value) for number, expires, value in rows if number > after and expires > now
            ]

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
            self._lists.clear()

    def _sweep(self) -> None:
        """Forgets what ran out, which nobody may ever ask for again."""
        now = self._clock()
        if now - self._swept < SWEEP_EVERY_S:
            return
        self._swept = now
        for key in [key for key, (expires, _) in self._entries.items() if expires <= now]:
            del self._entries[key]
        living = {name: [row for row in rows if row[1] > now] for name, rows in self._lists.items()}
        self._lists = {name: rows for name, rows in living.items() if rows}


class RedisCache:
    """Strings under `inhouse:answer:`; lists as streams under `inhouse:questions:`, whose entries name the
    strings under `inhouse:question:` that hold the values, since Redis lets only whole keys run out.

    While Redis is away, reading misses and writing does nothing. After a pause one request tries it again, at
    the price of one timeout at most, while the others go on without it.
    """

    def __init__(self, client: Redis, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._guard = threading.Lock()
        self._paused_until = 0.0
        self.faults = 0

    @classmethod
    def connect(cls, url: str) -> RedisCache:
        """Raises ConfigurationError for a URL that is no Redis URL; connects only when first used."""
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        try:
            client = Redis.from_url(
                url,
                decode_responses=True,
                socket_connect_timeout=REDIS_TIMEOUT_S,
                socket_timeout=REDIS_TIMEOUT_S,
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError as error:
            raise ConfigurationError(
                "INHOUSE_SERVICE__REDIS_URL is no Redis URL: write redis://host:6379/0."
            ) from error
        return cls(client)

    @property
    def paused(self) -> bool:
        return self._clock() < self._paused_until

    def get(self, key: str) -> str | None:
        value = self._attempt(lambda: self._client.get(PREFIX + key))
        return value if isinstance(value, str) else None

    def set(self, key: str, value: str, ttl_s: int) -> None:
        self._attempt(lambda: self._client.set(PREFIX + key, value, ex=ttl_s))

    def append(self, name: str, value: str, ttl_s: int) -> None:
        def add() -> None:
            row = uuid.uuid4().hex
            pipeline = self._client.pipeline(transaction=False)
            pipeline.set(ROWS + row, value, ex=ttl_s)  # first, so that who reads its name finds it
            pipeline.xadd(LISTS + name, {"row": row}, maxlen=LIST_LENGTH, approximate=True)
            pipeline.expire(LISTS + name, ttl_s)
            pipeline.execute()

        self._attempt(add)

    def since(self, name: str, mark: str) -> list[tuple[str, str]]:
        def read() -> list[tuple[str, str]]:
            named: Any = self._client.xrange(LISTS + name, min=f"({mark}" if mark else "-")
            if not named:
                return []
            values: Any = self._client.mget([ROWS + fields.get("row", "") for _, fields in named])
            found = zip(named, values, strict=True)
            return [(str(number), value) for (number, _), value in found if value is not None]

        return self._attempt(read) or []

    def clear(self) -> None:
        def delete() -> None:
            for prefix in (PREFIX, LISTS, ROWS):
                for key in self._client.scan_iter(prefix + "*", count=1000):
                    self._client.delete(key)

        self._attempt(delete)

    def _attempt(self, command: Callable[[], Any]) -> Any:
        from redis import RedisError

        if not self._may_try():
            return None
        try:
            result = command()
        except (RedisError, OSError, UnicodeError) as error:
            self.faults += 1
            self._paused_until = self._clock() + REDIS_PAUSE_S
            log.warning("Redis is away, answers are not cached: %s", error)
            return None
        if self._paused_until:
            self._paused_until = 0.0
            log.info("Redis is back")
        return result

    def _may_try(self) -> bool:
        """False in a pause; when it is over, true for the first who asks, for whom alone Redis is tried."""
        if not self._paused_until:
            return True
        with self._guard:
            now = self._clock()
            if now < self._paused_until:
                return False
            if self._paused_until:
                self._paused_until = now + REDIS_PAUSE_S
            return True


def open_cache(settings: Settings) -> Cache | None:
    """The cache that the settings ask for; None where answers are not cached at all."""
    service = settings.service
    if service.cache_ttl_s == 0:
        return None
    if service.redis_url:
        return RedisCache.connect(service.redis_url)
    if service.cache.store == "memory":
        return MemoryCache()
    from service.sqlite_cache import SQLiteCache

    return SQLiteCache(settings.cache_file)
