"""The exact answer cache: two stores behind `core.interfaces.Cache`, the key, and an Answer as a string.

A key holds everything an answer depends on, so nothing is ever deleted when documents change: a reindex makes
other keys, and the old entries run out.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import threading
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from core.errors import ConfigurationError
from core.interfaces import Cache, Decoding
from core.types import Answer, Citation, Message, Usage

if TYPE_CHECKING:
    from redis import Redis

    from core.settings import ServiceSettings

log = logging.getLogger("inhouse.cache")

PREFIX = "inhouse:answer:"
REDIS_TIMEOUT_S = 0.25  # a Redis that is slower than this is worth less than the answer itself
REDIS_PAUSE_S = 5.0  # after a fault Redis is left alone for this long, so that requests do not wait for it


class MemoryCache:
    """The newest `max_entries` values, least recently used out first. Thread-safe."""

    def __init__(self, max_entries: int = 2048, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_entries = max_entries
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, tuple[float, str]] = OrderedDict()

    def get(self, key: str) -> str | None:
        with self._lock:
            expires, value = self._entries.get(key, (0.0, ""))
            if expires <= self._clock():
                self._entries.pop(key, None)
                return None
            self._entries.move_to_end(key)
            return value

    def set(self, key: str, value: str, ttl_s: int) -> None:
        with self._lock:
            self._entries[key] = (self._clock() + ttl_s, value)
            self._entries.move_to_end(key)
            if len(self._entries) > self._max_entries:
                self._entries.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()


class RedisCache:
    """Values in Redis under `inhouse:answer:`. While Redis is away, `get` misses and `set` does nothing."""

    def __init__(self, client: Redis, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._paused_until = 0.0

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

    def get(self, key: str) -> str | None:
        value = self._attempt(lambda: self._client.get(PREFIX + key))
        return value if isinstance(value, str) else None

    def set(self, key: str, value: str, ttl_s: int) -> None:
        self._attempt(lambda: self._client.set(PREFIX + key, value, ex=ttl_s))

    def clear(self) -> None:
        self._attempt(
            lambda: [self._client.delete(key) for key in self._client.scan_iter(PREFIX + "*", count=1000)]
        )

    def _attempt(self, command: Callable[[], Any]) -> Any:
        from redis import RedisError

        if self._clock() < self._paused_until:
            return None
        try:
            return command()
        except (RedisError, OSError, UnicodeError) as error:
            self._paused_until = self._clock() + REDIS_PAUSE_S
            log.warning("Redis is away, answers are not cached: %s", error)
            return None


def open_cache(settings: ServiceSettings) -> Cache | None:
    """The cache that the settings ask for; None where answers are not cached at all."""
    if settings.cache_ttl_s == 0:
        return None
    return RedisCache.connect(settings.redis_url) if settings.redis_url else MemoryCache()


def answer_key(
    identity: str, question: str, history: Sequence[Message], decoding: Decoding, *, scope: str
) -> str:
    """SHA-256 over all that an answer depends on.

    `identity` stands for index version, documents, prompts, model and the settings of answering; `scope` for
    what the asker may see. Case, white space and Unicode form of the question do not matter.
    """
    turns = [[message.role, fold(message.content)] for message in history]
    parts = [identity, scope, fold(question), turns, asdict(decoding)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def fold(text: str) -> str:
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text)).strip().casefold()


def dump_answer(answer: Answer) -> str:
    """Everything but the hits, which nobody is shown."""
    row = asdict(replace(answer, hits=(), timings_ms={}))
    return json.dumps(row, ensure_ascii=False)


def load_answer(value: str) -> Answer | None:
    """None where the value is not of this version's form: a miss."""
    try:
        row = json.loads(value)
        citations = tuple(
            Citation(**{**citation, "also_in": tuple(citation["also_in"])})
            for citation in row.pop("citations")
        )
        usage = Usage(**row.pop("usage"))
        return Answer(**{**row, "hits": ()}, citations=citations, usage=usage)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
