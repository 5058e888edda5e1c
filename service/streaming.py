"""Between the threads that answer and the event loop that talks to clients.

A client may go away at any moment. The deadline of its answer is told, the answering thread ends at its next
stage or piece, and only then the request is over.

FastAPI's `EventSourceResponse` belongs to routes that always stream, while ours also answers in JSON; its
comments come at one fixed interval, and it cannot tell a thread that computes to stop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import closing, suppress
from typing import Any

from anyio import to_thread
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from core.errors import AbandonedError

HEARTBEAT = ": still working\n\n"  # a comment: clients skip it, proxies see life


class EventStream(Response):
    """Server-sent events, sent from the first moment on, with comments while none come.

    `first` goes out with the headers. `events` is a generator that a thread runs; it is closed in any case.
    `abandon` is called when nobody reads any more and must make it end soon.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        first: str,
        events: Generator[str, Any, Any],
        abandon: Callable[[], None],
        heartbeat_s: float,
    ) -> None:
        self._first = first
        self._events = events
        self._abandon = abandon
        self._heartbeat_s = heartbeat_s
        self.status_code = 200
        self.background = None
        self.init_headers({"X-Accel-Buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        made = _Made(asyncio.get_running_loop())

        def leave() -> None:
            made.close()
            self._abandon()

        worker = asyncio.create_task(self._make(made))
        watcher = asyncio.create_task(_watch(receive, leave))
        try:
            await send(
                {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            )
            await send({"type": "http.response.body", "body": self._first.encode(), "more_body": True})
            async for event in made.each(self._heartbeat_s):
                await send({"type": "http.response.body", "body": event.encode(), "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            leave()
            watcher.cancel()
            await asyncio.shield(worker)

    async def _make(self, made: _Made) -> None:
        def run() -> None:
            with closing(self._events), suppress(AbandonedError):
                for event in self._events:
                    if made.closed:
                        break
                    made.put(event)

        try:
            await to_thread.run_sync(run)
        finally:
            made.put(None)


class _Made:
    """Events on their way from the thread that makes them, by `put`, to the event loop that sends them."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.closed = False
        self._loop = loop
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()

    def put(self, event: str | None) -> None:
        """None is the end."""
        with suppress(RuntimeError):  # the loop has ended, and with it everybody who could read this
            self._loop.call_soon_threadsafe(self._queue.put_nowait, event)

    def close(self) -> None:
        self.closed = True
        self._queue.put_nowait(None)

    async def each(self, heartbeat_s: float) -> AsyncIterator[str]:
        while not self.closed:
            try:
                async with asyncio.timeout(heartbeat_s):
                    event = await self._queue.get()
            except TimeoutError:
                event = HEARTBEAT
            if event is None:
                return
            yield event


async def _watch(receive: Receive, gone: Callable[[], None]) -> None:
    """Calls `gone` when the client has. The body was read before, so nothing else can come."""
    while (await receive())["type"] != "http.disconnect":
        pass
    gone()
