"""The queue that wakes a worker: huey, on SQLite under the data folder or on Redis.

A message holds nothing but the id of a job, which the database knows. A message that is lost is sent again,
one that comes twice does nothing, so Redis need not keep anything.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any

from huey import RedisHuey, SqliteHuey
from huey.api import Huey, TaskWrapper
from huey.registry import Message
from huey.serializer import Serializer

from core.errors import ConfigurationError, ServiceError
from core.settings import Settings

FILE = "queue.db"
_REDIS_CONNECT_S = 0.5
_REDIS_READ_S = 5.0  # longer than a worker waits for a message


class JsonMessages(Serializer):  # type: ignore[misc]
    """Messages as JSON: huey would pickle them, and to unpickle what a shared Redis holds is to run it."""

    def _serialize(self, message: Message) -> bytes:
        return json.dumps({"id": message.id, "name": message.name, "args": list(message.args or ())}).encode()

    def _deserialize(self, data: bytes) -> Message:
        row = json.loads(data)
        return Message(str(row["id"]), str(row["name"]), args=tuple(row["args"]), kwargs={})


class Queue:
    """`work` is what a worker does with a job's id, `tick` what with a kind of job that is due."""

    def __init__(
        self,
        settings: Settings,
        work: Callable[[str], None] = lambda job_id: None,  # a server only sends
        tick: Callable[[str], None] | None = None,
    ) -> None:
        self._settings = settings
        self._work = work
        self._tick = tick

    @property
    def huey(self) -> Huey:
        """Opened when it is first needed. Raises ConfigurationError, and ServiceError where it is away."""
        with _faults():
            return self._opened[0]

    def send(self, job_id: str) -> None:
        """Raises ServiceError where the queue is away."""
        with _faults():
            self._opened[1](job_id)

    def is_empty(self) -> bool:
        """Raises ServiceError where the queue is away."""
        with _faults():
            return bool(self._opened[0].storage.queue_size() == 0)

    @cached_property
    def _opened(self) -> tuple[Huey, TaskWrapper]:
        huey = _open(self._settings)

        @huey.task()  # type: ignore[untyped-decorator]  # huey has no types
        def work(job_id: str) -> None:
            self._work(job_id)

        jobs = self._settings.jobs
        for kind, every in (("reindex", jobs.reindex_every_minutes), ("replay", jobs.replay_every_minutes)):
            if self._tick is not None and every:
                due = partial(_is_due, every_minutes=every)
                huey.periodic_task(due, name=f"tick_{kind}")(partial(self._tick, kind))

        return huey, work


def _open(settings: Settings) -> Huey:
    name = (
        "inhouse-"
        + hashlib.sha256((settings.database_url or str(settings.data_dir.resolve())).encode()).hexdigest()[
            :12
        ]
    )
    options: dict[str, Any] = {"results": False, "serializer": JsonMessages()}
    url = settings.service.redis_url
    if not url:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        return SqliteHuey(name, filename=str(settings.data_dir / FILE), **options)
    from redis import ConnectionPool
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    try:
        pool = ConnectionPool.from_url(
            url,
            socket_connect_timeout=_REDIS_CONNECT_S,
            socket_timeout=_REDIS_READ_S,
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError as error:
        raise ConfigurationError(
            "INHOUSE_SERVICE__REDIS_URL is no Redis URL: write redis://host:6379/0."
        ) from error
    return RedisHuey(name, connection_pool=pool, **options)


@contextmanager
def _faults() -> Iterator[None]:
    from redis import RedisError

    try:
        yield
    except (RedisError, sqlite3.Error, OSError) as error:
        raise ServiceError(
            "The job queue cannot be reached; try again later.", code="queue_unavailable"
        ) from error


def _is_due(now: datetime, every_minutes: int) -> bool:
    """`now` is UTC without saying so."""
    return int(now.replace(tzinfo=UTC).timestamp() // 60) % every_minutes == 0
