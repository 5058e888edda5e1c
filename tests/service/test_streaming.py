"""Streams over real sockets: they begin at once, beat, and stop with their client."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import openai
import pytest
from langchain_openai import ChatOpenAI

from core.settings import ConversationSettings, ServiceSettings, Settings
from tests.service.test_server import QUESTION, Running


@pytest.fixture
def running(settings: Settings) -> Iterator[Running]:
    service = ServiceSettings(conversations=ConversationSettings(heartbeat_s=0.05), cache_ttl_s=0)
    running = Running(settings.model_copy(update={"service": service}))
    yield running
    if running.inhouse.gate:
        running.inhouse.gate.set()
    running.stop()


def until(true: Callable[[], bool]) -> None:
    ends = time.monotonic() + 10
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.01)


def body(**fields: Any) -> dict[str, Any]:
    return {"messages": QUESTION, "stream": True, **fields}


def test_the_role_comes_before_the_answer_and_comments_while_it_is_made(running: Running) -> None:
    running.inhouse.gate = threading.Event()
    with httpx.stream("POST", f"{running.url}/v1/chat/completions", json=body(), timeout=10) as response:
        lines = (line for line in response.iter_lines() if line)
        assert '"role": "assistant"' in next(lines)
        assert next(lines).startswith(":")
        running.inhouse.gate.set()
        rest = list(lines)
    assert rest[-1] == "data: [DONE]"
    assert any('"answer_type": "answer"' in line for line in rest)


def test_openais_client_does_not_see_the_comments(running: Running) -> None:
    running.inhouse.gate = threading.Event()
    stream = running.client.chat.completions.create(model="inhouse", messages=QUESTION, stream=True)
    next(stream)
    time.sleep(0.2)  # several heartbeats
    running.inhouse.gate.set()
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    assert text == "Everyone has 28 days of paid leave a year. [1]"


def test_clients_that_go_away_leave_no_work_and_no_threads(running: Running) -> None:
    running.inhouse.gate_in_stream = threading.Event()
    before = threading.active_count()
    for _ in range(4):
        streams = [
            running.client.chat.completions.create(model="inhouse", messages=QUESTION, stream=True)
            for _ in range(6)
        ]
        for stream in streams:
            next(stream)
            stream.close()
        running.inhouse.gate_in_stream.set()
        until(lambda: running.inhouse.working == 0)
        running.inhouse.gate_in_stream.clear()
    assert threading.active_count() <= before + 12  # idle workers of the pool, not one a stream
    running.inhouse.gate_in_stream.set()
    assert running.client.chat.completions.create(model="inhouse", messages=QUESTION).choices


def test_usage_alone_is_the_last_chunk_as_openai_sends_it(running: Running) -> None:
    chunks = list(
        running.client.chat.completions.create(
            model="inhouse", messages=QUESTION, stream=True, stream_options={"include_usage": True}
        )
    )
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 19
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert (chunks[-1].model_extra or {})["citations"][0]["source"] == "leave.md"


def test_openais_asynchronous_client_streams(running: Running) -> None:
    async def ask() -> str:
        async with openai.AsyncOpenAI(base_url=f"{running.url}/v1", api_key="none", timeout=10) as client:
            stream = await client.chat.completions.create(model="inhouse", messages=QUESTION, stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    assert asyncio.run(ask()) == "Everyone has 28 days of paid leave a year. [1]"


def test_openais_client_retrieves_a_model_and_raises_its_own_errors(
    running: Running, settings: Settings
) -> None:
    assert running.client.models.retrieve("reader@shipped").id == "reader@shipped"
    with pytest.raises(openai.NotFoundError):
        running.client.models.retrieve("a/b")
    with pytest.raises(openai.UnprocessableEntityError, match="tools is not supported"):
        running.client.chat.completions.create(
            model="inhouse",
            messages=QUESTION,
            tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}],
        )
    with pytest.raises(openai.BadRequestError, match="empty_question"):
        running.client.chat.completions.create(model="inhouse", messages=[{"role": "user", "content": " "}])
    locked = Running(settings.model_copy(update={"service": ServiceSettings(api_keys=("right",))}))
    try:
        with pytest.raises(openai.AuthenticationError):
            locked.client.models.list()
    finally:
        locked.stop()


def test_a_conversation_goes_on_by_openais_client(running: Running) -> None:
    first = running.client.chat.completions.create(model="inhouse", messages=QUESTION, store=True)
    name = (first.model_extra or {})["conversation_id"]
    again = running.client.chat.completions.create(
        model="inhouse",
        messages=[{"role": "user", "content": "and of leave a year?"}],
        extra_body={"conversation_id": name},
    )
    assert (again.model_extra or {})["conversation_id"] == name
    assert len(running.inhouse.asked[-1][1]) == 2


def test_langchains_chat_model_answers_and_streams(running: Running) -> None:
    model = ChatOpenAI(base_url=f"{running.url}/v1", api_key="none", model="inhouse", max_retries=0)  # type: ignore[arg-type]
    whole = model.invoke("How many days of leave?")
    assert whole.content == "Everyone has 28 days of paid leave a year. [1]"
    pieces = list(model.stream("How many days of leave?"))
    assert "".join(str(piece.content) for piece in pieces) == whole.content
