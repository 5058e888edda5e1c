"""A bounded number of answers at once, with a bounded queue in front.

Waiting is done on the event loop, so that threads are taken only by those who answer. A place is held until
the response is complete: a stream holds it as long as it runs, and an asker who goes away frees it, at the
next stage or piece of the answer in progress.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Annotated

from anyio.to_thread import current_default_thread_limiter
from fastapi import Depends, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from core.deadline import Deadline, timed_out
from core.errors import AbandonedError
from core.settings import LimitSettings
from service.auth import ChatCaller
from service.errors import TooManyRequestsError

RETRY_AFTER_S = 2.0  # some places are free again by then
SPARE_THREADS = 32  # for requests that are no answers


class Places:
    """For one event loop."""

    def __init__(self, answers_at_once: int, queue: int, queue_s: float) -> None:
        """`queue_s` is how long somebody waits, in seconds; 0: without end."""
        self._free = answers_at_once
        self._queue = queue
        self._queue_s = queue_s
        self._turns: deque[asyncio.Future[None]] = deque()
        self.taken = 0

    @property
    def waiting(self) -> int:
        return len(self._turns)

    @asynccontextmanager
    async def hold(self, gone: asyncio.Future[None]) -> AsyncIterator[None]:
        """A place, given back at the end; `gone` is done when the asker has gone.

        Raises TooManyRequestsError where the queue is full, StageTimeoutError after waiting too long,
        AbandonedError where the asker left the queue.
        """
        await self._take(gone)
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1
            self._give_back()

    async def _take(self, gone: asyncio.Future[None]) -> None:
        if self._free:
            self._free -= 1
            return
        if len(self._turns) >= self._queue:
            raise TooManyRequestsError(
                "The assistant is answering as many questions as it can; try again in a moment.",
                code="overloaded",
                retry_after_s=RETRY_AFTER_S,
            )
        turn = asyncio.get_running_loop().create_future()
        self._turns.append(turn)
        try:
            await asyncio.wait(
                (turn, gone), timeout=self._queue_s or None, return_when=asyncio.FIRST_COMPLETED
            )
        except asyncio.CancelledError:
            if turn.done():
                self._give_back()
            else:
                self._turns.remove(turn)
            raise
        if turn.done():
            return
        self._turns.remove(turn)
        if gone.done():
            raise AbandonedError("The asker went away while waiting.")
        raise timed_out("queue", self._queue_s)

    def _give_back(self) -> None:
        if self._turns:
            self._turns.popleft().set_result(None)
        else:
            self._free += 1


def provide_threads(answers_at_once: int) -> None:
    """Lets the event loop's thread pool, of 40 at first, hold all answers and leave room for the rest."""
    pool = current_default_thread_limiter()
    pool.total_tokens = max(pool.total_tokens, answers_at_once + SPARE_THREADS)


@asynccontextmanager
async def _place_of(request: Request) -> AsyncIterator[Deadline]:
    places: Places = request.app.state.places
    limits: LimitSettings = request.app.state.settings.limits
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        async with places.hold(gone):
            stages = {"retrieve": limits.retrieve_s, "read": limits.read_s, "generate": limits.generate_s}
            deadline = Deadline(stages, limits.total_s)
            gone.add_done_callback(lambda _: deadline.abandon())
            yield deadline
    finally:
        gone.cancel()
        with suppress(asyncio.CancelledError):
            await gone


async def hold_place(request: Request, _caller: ChatCaller) -> AsyncIterator[Deadline]:
    """For a route that answers: waits for a place once the key was checked, and gives a deadline."""
    async with _place_of(request) as deadline:
        yield deadline


Place = Annotated[Deadline, Depends(hold_place)]


class Placed(Response):
    """What a thread makes of a deadline once there is a place, which is held until all of it is sent.

    For a route that does not always need one: `Place` costs a request more than an answer at hand.
    """

    def __init__(self, request: Request, make: Callable[[Deadline], Response]) -> None:
        self._request = request
        self._make = make
        self.background = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with _place_of(self._request) as deadline:
            response = await run_in_threadpool(self._make, deadline)
            await response(scope, receive, send)


async def _disconnected(request: Request) -> None:
    """Ends when the client goes away. The body has been read before, so nothing else can come."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
