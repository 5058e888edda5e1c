"""The API keys of the database as a running server knows them, without a query at each request."""

from __future__ import annotations

import asyncio
import hmac
import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from starlette.concurrency import run_in_threadpool

from core.errors import ServiceError
from service.keys import Key, KeyStore, digest_of

log = logging.getLogger("inhouse.keys")

FRESH_S = 0.5  # a revoked or new key is noticed after this long
WAIT_S = 10.0  # for another request that reads them
NOTED_S = 30.0  # `last_used` is written this often


class KeyRing:
    """The keys as a server's process knows them, read again when they are asked for and no longer fresh.

    For one event loop. While the database is away `freshen` raises: nobody is let in on old knowledge.
    """

    def __init__(
        self,
        store: KeyStore,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._clock = clock
        self._now = now
        self._reading = asyncio.Lock()
        self._by_digest: dict[str, Key] = {}
        self._seen_any = False
        self._read_at = float("-inf")
        self._fault: ServiceError | None = None  # of the last reading; the next one is not before FRESH_S
        self._used: dict[str, datetime] = {}
        self._noted_at = clock()

    @property
    def is_fresh(self) -> bool:
        return self._fault is None and self._clock() - self._read_at < FRESH_S

    @property
    def is_empty(self) -> bool:
        """True where no key was ever seen: neither keys that are all revoked or expired nor a database file
        that went away open the door.
        """
        return not self._seen_any

    async def freshen(self) -> None:
        """Reads the keys where they are no longer fresh: one request does, the others wait for it.

        Raises ServiceError where the database is away or silent.
        """
        if self.is_fresh:
            return
        try:
            await asyncio.wait_for(self._reading.acquire(), WAIT_S)
        except TimeoutError as error:
            raise ServiceError(
                "The API keys cannot be read; try again later.", code="keys_unavailable"
            ) from error
        try:
            if not self.is_fresh:
                await run_in_threadpool(self.refresh)
        finally:
            self._reading.release()

    def refresh(self) -> None:
        """The blocking part of `freshen`."""
        if self._clock() - self._read_at >= FRESH_S:
            self._read()
        if self._fault is not None:
            raise self._fault
        if self._used and self._clock() - self._noted_at >= NOTED_S:
            self._noted_at = self._clock()
            # Of its own, since a writer may have to wait for another one, and nobody should wait for it.
            threading.Thread(target=self.note_use, name="key-use", daemon=True).start()

    def find(self, key: str) -> Key | None:
        """The active key, as of the last reading."""
        digest = digest_of(key)
        found = self._by_digest.get(digest)
        if found is None or not hmac.compare_digest(found.digest, digest):
            return None
        now = self._now()
        if found.state(now) != "active":
            return None
        self._used[found.id] = now
        return found

    def note_use(self) -> None:
        """Writes down which keys were used since the last time; where that fails, it is logged."""
        used, self._used = self._used, {}
        try:
            self._store.note_use(used)
        except ServiceError as error:
            log.warning("The last use of %d keys was not written: %s", len(used), error)

    def _read(self) -> None:
        try:
            self._by_digest = {key.digest: key for key in self._store.all()}
            self._seen_any = self._seen_any or bool(self._by_digest)
            self._fault = None
        except ServiceError as error:
            self._fault = error
        self._read_at = self._clock()
