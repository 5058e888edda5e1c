"""What the server counts, in Prometheus' text format: a registry of its own for each application.

Labels come from small closed sets (route templates, stages, answer types, reasons): no question, name, key or
address ever becomes a label.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from core.errors import InhouseError
from core.guards import trips
from service.tables import jobs

if TYPE_CHECKING:
    from core.settings import ServiceSettings
    from service.conversing import Reply
    from service.database import Database
    from service.live import LiveInhouse

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
STAGES = frozenset(
    "guard condense embed retrieve read decide generate verify cache log render queue total".split()  # noqa: SIM905
)
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_REDIS_TIMEOUT_S = 0.3

Sample = tuple[tuple[str, ...], float]


class Metrics:
    """Thread-safe. `watch` adds gauges that are read when somebody asks for them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = self._counter("inhouse_requests", "Requests", ["route", "method", "status"])
        self.request_seconds = self._histogram("inhouse_request_seconds", "Time to the last byte", ["route"])
        self.stage_seconds = self._histogram("inhouse_stage_seconds", "Time of an answer by stage", ["stage"])
        self.answers = self._counter("inhouse_answers", "Answers", ["type", "cached"])
        tokens = self._counter("inhouse_tokens", "Tokens read and written", ["kind"])
        self.tokens_read, self.tokens_written = tokens.labels("input"), tokens.labels("output")
        self.watch_counter(
            "inhouse_guard_trips", "What the guards stopped", ("guard", "reason"), _guard_trips
        )

    def observe_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """`route` is a template such as `/admin/jobs/{id}`, or `other` where none matched."""
        known = method if method in ("GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS") else "other"
        self.requests.labels(route, known, str(status)).inc()
        self.request_seconds.labels(route).observe(seconds)

    def observe_reply(self, reply: Reply) -> None:
        self.answers.labels(reply.answer.answer_type, reply.cached).inc()
        self.tokens_read.inc(reply.answer.usage.prompt_tokens)
        self.tokens_written.inc(reply.answer.usage.completion_tokens)
        if reply.cached == "none":
            for stage, ms in reply.timings_ms.items():
                self.stage_seconds.labels(stage if stage in STAGES else "other").observe(ms / 1000)

    def watch(
        self, name: str, text: str, labels: tuple[str, ...], read: Callable[[], Iterable[Sample]]
    ) -> None:
        """A gauge. One whose part is away (an InhouseError or a database fault) is left out."""
        self._register(_Watched(GaugeMetricFamily, name, text, labels, read))

    def watch_counter(
        self, name: str, text: str, labels: tuple[str, ...], read: Callable[[], Iterable[Sample]]
    ) -> None:
        self._register(_Watched(CounterMetricFamily, name, text, labels, read))

    def _register(self, watched: _Watched) -> None:
        register: Any = self.registry.register  # prometheus_client leaves it untyped
        register(watched)

    def text(self) -> bytes:
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, labels: list[str]) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, labels: list[str]) -> Histogram:
        return Histogram(name, text, labels, buckets=_SECONDS, registry=self.registry)


class _Watched:
    """A prometheus_client collector over a function."""

    def __init__(self, family: Any, name: str, text: str, labels: tuple[str, ...], read: Any) -> None:
        self._make: Callable[[], Any] = lambda: family(name, text, labels=labels)
        self._read = read

    def describe(self) -> list[Any]:
        return [self._make()]

    def collect(self) -> Iterator[Any]:
        family = self._make()
        try:
            for labels, value in self._read():
                family.add_metric(labels, value)
        except (InhouseError, SQLAlchemyError, OSError):
            return
        yield family


def watch_parts(metrics: Metrics, live: LiveInhouse, database: Database, settings: ServiceSettings) -> None:
    """Gauges of the index, the jobs and Redis."""
    metrics.watch("inhouse_index_version", "Commits of the index", (), lambda: [((), live.index.version)])
    metrics.watch("inhouse_index_chunks", "Indexed chunks", (), lambda: [((), _chunks(live))])
    metrics.watch("inhouse_index_age_seconds", "Since the newest document", (), lambda: _age(live))
    metrics.watch("inhouse_jobs", "Jobs by state", ("kind", "state"), lambda: _jobs(database))
    if settings.redis_url:
        metrics.watch(
            "inhouse_redis_up", "1 while Redis answers", (), lambda: [((), _redis(settings.redis_url))]
        )


def _guard_trips() -> list[Sample]:
    return [(key, count) for key, count in trips().items()]


def _chunks(live: LiveInhouse) -> int:
    return sum(file.chunks for file in live.index.documents())


def _age(live: LiveInhouse) -> list[Sample]:
    newest = max((file.indexed_at for file in live.index.documents()), default=None)
    return [] if newest is None else [((), max(0.0, time.time() - newest))]


def _jobs(database: Database) -> list[Sample]:
    statement = select(jobs.c.kind, jobs.c.state, func.count()).group_by(jobs.c.kind, jobs.c.state)
    with database.begin() as connection:
        return [((kind, state), count) for kind, state, count in connection.execute(statement)]


def _redis(url: str) -> int:
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.exceptions import RedisError
    from redis.retry import Retry

    client = Redis.from_url(
        url,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=_REDIS_TIMEOUT_S,
        socket_connect_timeout=_REDIS_TIMEOUT_S,
    )
    try:
        return int(bool(client.ping()))
    except (RedisError, OSError):
        return 0
    finally:
        client.close()
