"""The FastAPI application: settings in, wired routes out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI

from core.interfaces import Cache
from core.models.generators import check_named
from core.settings import Settings, load_settings
from service import (
    adapters,
    handlers,
    routes_admin,
    routes_chat,
    routes_conversations,
    routes_documents,
    routes_feedback,
    routes_health,
    routes_jobs,
    routes_metrics,
    routes_page,
    routes_search,
)
from service.caching import open_cache
from service.conversations import Conversations
from service.conversing import Conversing, Question, Reply
from service.cors import allow_origins
from service.database import Database
from service.interactions import Interactions
from service.jobs.queue import Queue
from service.key_ring import KeyRing
from service.keys import KeyStore
from service.limiting import Counts, FailedTries, RateLimit
from service.live import LiveInhouse
from service.metrics import Metrics, watch_parts
from service.middleware import RequestFrame
from service.openapi import describe
from service.places import Places, provide_threads
from service.retention import Sweeper
from service.tracing import open_tracing
from service.visibility import Visibility

if TYPE_CHECKING:
    from core.bootstrap import Inhouse


def create_app(
    settings: Settings | None = None,
    *,
    wire: Callable[[Inhouse | None], Inhouse] | None = None,
    cache: Cache | None = None,
    warm_up: bool = True,
) -> FastAPI:
    """`wire` and `cache` replace the parts that the settings ask for, as tests do.

    Raises ConfigurationError where a setting is wrong.
    """
    settings = settings or load_settings()
    live = LiveInhouse(wire or _wire(settings), adapters.ActiveAdapters(settings))
    database = Database.of(settings)
    interactions = Interactions(database, settings.log) if settings.service.log_interactions else None
    sweeper = Sweeper(database, settings.log.keep_days)
    key_ring = KeyRing(KeyStore(database))
    counts = Counts.connect(settings.service.redis_url)
    limits = settings.limits
    metrics, tracing = Metrics(), open_tracing(settings.observation)
    watch_parts(metrics, live, database, settings.service)

    def observe(question: Question, reply: Reply) -> None:
        metrics.observe_reply(reply)
        if tracing is not None:
            tracing.observe(question, reply)

    conversing = Conversing(settings, live, cache or open_cache(settings), interactions, observe)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        provide_threads(limits.answers_at_once)
        if warm_up:
            live.warm_up()
        sweeper.start()
        live.watch()
        yield
        sweeper.stop()
        live.close()
        key_ring.note_use()
        await counts.close()
        conversing.close()
        if tracing is not None:
            tracing.close()
        database.close()

    app = FastAPI(title="Inhouse", docs_url=None, redoc_url=None, redirect_slashes=False, lifespan=lifespan)
    app.state.settings = settings
    app.state.live = live
    app.state.metrics = metrics
    app.state.database = database
    app.state.interactions = interactions
    app.state.queue = Queue(settings)
    app.state.conversing = conversing
    app.state.key_ring = key_ring
    app.state.failed_tries = FailedTries(limits)
    app.state.rate_limit = RateLimit(limits, counts)
    app.state.places = Places(limits.answers_at_once, limits.queue, limits.queue_s)
    app.state.conversations = Conversations(database, settings.service.conversations)
    app.state.visibility = Visibility(live)
    handlers.register(app)
    allow_origins(app, settings.service.cors_origins)
    app.add_middleware(
        RequestFrame, max_body_bytes=settings.service.max_body_bytes, observe=metrics.observe_request
    )
    parts = (
        routes_chat,
        routes_conversations,
        routes_search,
        routes_documents,
        routes_feedback,
        routes_admin,
        routes_jobs,
        routes_health,
        routes_metrics,
        routes_page,
    )
    for routes in parts:
        app.include_router(routes.router)
    describe(app, [routes.router for routes in parts])
    return app


def _wire(settings: Settings) -> Callable[[Inhouse | None], Inhouse]:
    check_named(settings)

    def wire(shared: Inhouse | None) -> Inhouse:
        from core.bootstrap import Inhouse

        return Inhouse(settings, shared=shared)

    return wire
