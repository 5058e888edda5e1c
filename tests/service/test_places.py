"""How many answers are made at once, who waits, who is refused, what takes too long. Over real sockets."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import openai
import pytest

from core.settings import LimitSettings, Settings
from service.errors import TooManyRequestsError
from service.places import Places
from tests.service.conftest import Standing
from tests.service.test_server import QUESTION, Running


def until(condition: Callable[[], bool], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.005)


@pytest.fixture
def run(settings: Settings) -> Iterator[Callable[..., Running]]:
    servers: list[Running] = []

    def make(**limits: Any) -> Running:
        running = Running(settings.model_copy(update={"limits": LimitSettings(**limits)}))
        servers.append(running)
        return running

    yield make
    for running in servers:
        for gate in (running.inhouse.gate, running.inhouse.gate_in_stream):
            if gate is not None:
                gate.set()
        running.stop()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as pool:
        yield pool


def places_of(running: Running) -> Places:
    places: Places = running.uvicorn.config.app.state.places  # type: ignore[union-attr]
    return places


def ask(running: Running, question: str = "How many days of leave?") -> str:
    messages: list[Any] = [{"role": "user", "content": question}]
    reply = running.client.chat.completions.create(model="inhouse", messages=messages)
    return reply.choices[0].message.content or ""


def test_who_finds_the_queue_full_is_refused_and_the_others_are_answered(
    run: Callable[..., Running], threads: ThreadPoolExecutor
) -> None:
    running = run(answers_at_once=1, queue=2)
    places = places_of(running)
    gate = running.inhouse.gate = threading.Event()
    asking = [threads.submit(ask, running, f"leave days {number}") for number in range(3)]
    until(lambda: (places.taken, places.waiting) == (1, 2))
    until(lambda: len(running.inhouse.asked) == 1)
    with pytest.raises(openai.RateLimitError) as refused:
        ask(running, "leave days 9")
    assert refused.value.response.headers["retry-after"] == "2"
    assert refused.value.code == "overloaded"
    assert refused.value.response.json()["error"]["type"] == "rate_limit_error"
    gate.set()
    assert all("28 days" in asked.result(10) for asked in asking)
    until(lambda: (places.taken, places.waiting) == (0, 0))


def test_a_full_house_does_not_stop_what_is_no_answer(
    run: Callable[..., Running], threads: ThreadPoolExecutor
) -> None:
    running = run(answers_at_once=1, queue=50)
    gate = running.inhouse.gate = threading.Event()
    asking = [threads.submit(ask, running, f"leave days {number}") for number in range(12)]
    until(lambda: places_of(running).taken + places_of(running).waiting == 12)
    assert running.client.models.list().data
    gate.set()
    assert all("28 days" in asked.result(10) for asked in asking)


def test_many_answers_at_once_leave_threads_for_the_rest(run: Callable[..., Running]) -> None:
    running = run(answers_at_once=45, queue=0)
    gate = running.inhouse.gate = threading.Event()
    with ThreadPoolExecutor(45) as threads:
        asking = [threads.submit(ask, running, f"leave days {number}") for number in range(45)]
        until(lambda: len(running.inhouse.asked) == 45, seconds=20)
        assert running.client.models.list().data
        gate.set()
        assert all("28 days" in asked.result(10) for asked in asking)


def test_who_waits_too_long_is_told_that_it_was_the_queue(
    run: Callable[..., Running], threads: ThreadPoolExecutor
) -> None:
    running = run(answers_at_once=1, queue=5, queue_s=0.1)
    gate = running.inhouse.gate = threading.Event()
    first: Future[str] = threads.submit(ask, running)
    until(lambda: places_of(running).taken == 1)
    with pytest.raises(openai.APIStatusError) as late:
        ask(running, "leave days")
    assert late.value.status_code == 504
    error = late.value.response.json()["error"]
    assert (error["type"], error["code"]) == ("timeout_error", "timeout")
    assert "'queue'" in error["message"]
    gate.set()
    assert "28 days" in first.result(10)


def test_a_stream_holds_its_place_until_its_end(run: Callable[..., Running]) -> None:
    running = run(answers_at_once=1, queue=0)
    gate = running.inhouse.gate_in_stream = threading.Event()
    stream = running.client.chat.completions.create(model="inhouse", messages=QUESTION, stream=True)
    assert [next(stream).choices[0].delta.content for _ in range(2)] == ["", "Everyone h"]
    with pytest.raises(openai.RateLimitError):
        ask(running, "leave days")
    gate.set()
    assert len(list(stream)) == 2
    until(lambda: places_of(running).taken == 0)
    assert "28 days" in ask(running, "leave days")


def test_a_client_that_leaves_its_stream_frees_the_place(run: Callable[..., Running]) -> None:
    running = run(answers_at_once=1, queue=0)
    gate = running.inhouse.gate_in_stream = threading.Event()
    stream = running.client.chat.completions.create(model="inhouse", messages=QUESTION, stream=True)
    next(stream), next(stream)
    stream.close()
    gate.set()
    until(lambda: places_of(running).taken == 0)
    assert "28 days" in ask(running, "leave days")


def send(running: Running, question: str) -> socket.socket:
    body = json.dumps({"messages": [{"role": "user", "content": question}]}).encode()
    connection = socket.create_connection(running.listener.getsockname(), timeout=10)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
    connection.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
    return connection


def test_a_client_that_leaves_the_queue_is_not_answered(run: Callable[..., Running]) -> None:
    running = run(answers_at_once=1, queue=5)
    places = places_of(running)
    gate = running.inhouse.gate = threading.Event()
    with send(running, "leave days first"):
        until(lambda: places.taken == 1)
        send(running, "leave days second").close()
        waiting = send(running, "leave days third")
        until(lambda: places.waiting == 1)
        gate.set()
        assert waiting.recv(100).startswith(b"HTTP/1.1 200")
        waiting.close()
    assert [question for question, _, _ in running.inhouse.asked] == ["leave days first", "leave days third"]
    until(lambda: (places.taken, places.waiting) == (0, 0))


def test_an_answer_whose_asker_left_is_stopped_and_not_kept(run: Callable[..., Running]) -> None:
    running = run(answers_at_once=1, queue=0)
    gate = running.inhouse.gate_in_stream = threading.Event()
    connection = send(running, "leave days")
    until(lambda: len(running.inhouse.asked) == 1)
    connection.close()
    until(lambda: running.inhouse.deadlines[0]._abandoned)
    gate.set()
    until(lambda: places_of(running).taken == 0)
    assert "28 days" in ask(running, "leave days")
    assert len(running.inhouse.asked) == 2  # the first one never came to the cache


class Slow:
    """Makes the stand-in write its first piece and then take its time."""

    def __init__(self, running: Any) -> None:
        running.inhouse.gate_in_stream = self

    def wait(self, timeout: float) -> bool:
        """Stands for an event's: from when the stand-in comes here, however long it took till then."""
        return not threading.Event().wait(0.3)

    def set(self) -> None:
        """It ends by itself."""


def test_a_generation_that_takes_too_long_is_504_and_names_the_stage(
    stand: Callable[..., Standing], settings: Settings
) -> None:
    standing = stand(settings.model_copy(update={"limits": LimitSettings(generate_s=0.2)}))
    Slow(standing)
    response = standing.ask("How many days of leave?")
    error = response.json()["error"]
    assert (response.status_code, error["type"], error["code"]) == (504, "timeout_error", "timeout")
    assert "'generate' passed its limit of 0.2 s" in error["message"]


def test_a_generation_that_takes_too_long_ends_its_stream_with_an_error_event(
    run: Callable[..., Running],
) -> None:
    running = run(generate_s=0.2, answers_at_once=1, queue=0)
    Slow(running)
    stream = running.client.chat.completions.create(model="inhouse", messages=QUESTION, stream=True)
    read: list[str] = []
    with pytest.raises(openai.APIError, match="'generate' passed its limit") as late:
        read.extend(chunk.choices[0].delta.content or "" for chunk in stream)
    assert (late.value.code, late.value.type) == ("timeout", "timeout_error")
    until(lambda: places_of(running).taken == 0)


def test_all_stages_together_have_a_limit(stand: Callable[..., Standing], settings: Settings) -> None:
    standing = stand(settings.model_copy(update={"limits": LimitSettings(total_s=0.2)}))
    Slow(standing)
    response = standing.ask("How many days of leave?")
    assert response.status_code == 504
    assert "'total' passed its limit of 0.2 s in the stage 'generate'" in response.json()["error"]["message"]


def test_a_refused_key_takes_no_place(stand: Callable[..., Standing], settings: Settings) -> None:
    service = settings.service.model_copy(update={"api_keys": ("key",)})
    standing = stand(settings.model_copy(update={"service": service}))
    assert standing.ask("leave?").status_code == 401
    assert standing.app.state.places.taken == 0


def test_a_search_takes_a_place_as_an_answer_does(stand: Callable[..., Standing], settings: Settings) -> None:
    standing = stand(settings)
    seen: list[int] = []
    search = standing.inhouse.search

    def watched(*arguments: Any) -> Any:
        seen.append(standing.app.state.places.taken)
        return search(*arguments)

    standing.inhouse.search = watched  # type: ignore[method-assign]
    assert standing.client.post("/v1/search", json={"query": "leave"}).status_code == 200
    assert (seen, standing.app.state.places.taken) == ([1], 0)


def test_places_go_to_those_who_wait_in_their_order() -> None:
    async def scenario() -> list[int]:
        places = Places(answers_at_once=2, queue=10, queue_s=5)
        served: list[int] = []

        async def one(number: int) -> None:
            async with places.hold(asyncio.get_running_loop().create_future()):
                served.append(number)
                assert places.taken <= 2
                await asyncio.sleep(0)

        await asyncio.gather(*(one(number) for number in range(10)))
        assert (places.taken, places.waiting, places._free) == (0, 0, 2)
        return served

    assert asyncio.run(scenario()) == list(range(10))


def test_whoever_is_cancelled_while_waiting_or_served_leaves_no_place_taken() -> None:
    async def scenario() -> None:
        places = Places(answers_at_once=1, queue=1, queue_s=5)
        never: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def hold() -> None:
            async with places.hold(never):
                await never

        first, second = asyncio.create_task(hold()), asyncio.create_task(hold())
        await asyncio.sleep(0)
        with pytest.raises(TooManyRequestsError):
            await hold()
        first.cancel()
        await asyncio.sleep(0)  # the place is handed over, and the one who gets it is cancelled too
        second.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
        assert (places.taken, places.waiting, places._free) == (0, 0, 1)

    asyncio.run(scenario())


def test_the_settings_limits_reach_the_answering_path(standing: Standing) -> None:
    assert standing.ask("leave?").status_code == 200
    assert standing.inhouse.deadlines[0]._stage_s == {"retrieve": 20, "read": 20, "generate": 60}
    assert standing.inhouse.deadlines[0]._total_s == 120


def test_an_answer_at_hand_needs_no_place(run: Callable[..., Running], threads: ThreadPoolExecutor) -> None:
    running = run(answers_at_once=1, queue=0)
    assert "28 days" in ask(running, "leave days")
    gate = running.inhouse.gate = threading.Event()
    making = threads.submit(ask, running, "leave days of others")
    until(lambda: len(running.inhouse.asked) == 2)
    assert "28 days" in ask(running, "leave days")
    messages: list[Any] = [{"role": "user", "content": "leave days"}]
    stream = running.client.chat.completions.create(model="inhouse", messages=messages, stream=True)
    assert "28 days" in "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    assert not making.done()
    gate.set()
    assert "28 days" in making.result(10)
