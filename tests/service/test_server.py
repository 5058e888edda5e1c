"""The server over real sockets: with the standard library, and with OpenAI's own client."""

from __future__ import annotations

import json
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import openai
import pytest
import uvicorn

from core.errors import ConfigurationError, ModelError, ServiceError
from core.settings import ModelSettings, ServiceSettings, Settings
from service import server
from service.app import create_app
from tests.service.conftest import StandInIndex, StandInInhouse


class Running:
    """The stand-in behind uvicorn, in a thread."""

    def __init__(self, settings: Settings, inhouse: StandInInhouse | None = None) -> None:
        self.inhouse = inhouse or StandInInhouse(settings, StandInIndex())
        self.listener = server.listen(settings, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        app = create_app(settings, wire=lambda shared: self.inhouse, warm_up=False)  # type: ignore[arg-type, return-value]
        self.uvicorn = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
        self.thread = threading.Thread(target=self.uvicorn.run, kwargs={"sockets": [self.listener]})
        self.thread.start()
        while not self.uvicorn.started:
            time.sleep(0.01)
        self.client = openai.OpenAI(base_url=f"{self.url}/v1", api_key="none", max_retries=0, timeout=10)

    def stop(self) -> None:
        self.uvicorn.should_exit = True
        self.thread.join(10)
        self.listener.close()


@pytest.fixture
def running(settings: Settings) -> Iterator[Running]:
    running = Running(settings)
    yield running
    running.stop()


QUESTION: list[Any] = [{"role": "user", "content": "How many days of leave?"}]


def test_openais_client_reads_a_whole_answer_and_our_fields(running: Running) -> None:
    reply = running.client.chat.completions.create(model="inhouse", messages=QUESTION)
    assert reply.choices[0].message.content == "Everyone has 28 days of paid leave a year. [1]"
    assert reply.usage is not None
    assert reply.usage.total_tokens == 19
    extra = reply.model_extra or {}
    assert extra["answer_type"] == "answer"
    assert extra["citations"][0]["source"] == "leave.md"


def test_openais_client_reads_a_stream(running: Running) -> None:
    chunks = list(running.client.chat.completions.create(model="inhouse", messages=QUESTION, stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == "Everyone has 28 days of paid leave a year. [1]"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert (chunks[-1].model_extra or {})["citations"][0]["source"] == "leave.md"


def test_openais_client_raises_on_our_errors(running: Running) -> None:
    with pytest.raises(openai.NotFoundError, match="unknown_model"):
        running.client.chat.completions.create(model="gpt-9", messages=QUESTION)
    running.inhouse.fault_in_stream = ModelError("The model went away.")
    with pytest.raises(openai.APIError, match="The model went away"):
        list(running.client.chat.completions.create(model="inhouse", messages=QUESTION, stream=True))


def test_openais_client_lists_models(running: Running) -> None:
    names = [model.id for model in running.client.models.list()]
    assert names == ["inhouse", "reader@shipped", "inhouse:base", "inhouse:tuned"]


def test_an_answer_in_progress_does_not_stop_other_requests(running: Running) -> None:
    running.inhouse.gate = threading.Event()
    asking = threading.Thread(
        target=running.client.chat.completions.create, kwargs={"model": "inhouse", "messages": QUESTION}
    )
    asking.start()
    try:
        while not running.inhouse.asked:
            time.sleep(0.01)
        started = time.perf_counter()
        for path in ("/health/live", "/health/ready", "/v1/models"):
            with urllib.request.urlopen(running.url + path, timeout=5) as response:
                assert response.status == 200
        assert time.perf_counter() - started < 2
    finally:
        running.inhouse.gate.set()
        asking.join(10)


def test_pieces_arrive_while_the_answer_is_still_being_made(running: Running) -> None:
    stream = running.client.chat.completions.create(model="inhouse", messages=QUESTION, stream=True)
    seen = [next(stream), next(stream)]
    assert seen[1].choices[0].delta.content == "Everyone h"
    stream.close()


def test_many_askers_at_once_all_get_their_own_answer(running: Running) -> None:
    questions = {
        "days of leave": "28 days",
        "WireGuard gateway": "vpn.example.com",
        "laptop replaced": "three years",
    }
    wrong: list[str] = []

    def ask(question: str, expected: str) -> None:
        for number in range(5):
            messages: list[Any] = [{"role": "user", "content": f"{question} {number}"}]
            reply = running.client.chat.completions.create(model="inhouse", messages=messages)
            if expected not in (reply.choices[0].message.content or ""):
                wrong.append(question)

    threads = [threading.Thread(target=ask, args=item) for item in questions.items() for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert wrong == []


def test_a_port_in_use_is_one_sentence(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServiceError, match=f"Port {port} on 127.0.0.1 is in use") as caught:
            server.listen(settings, "127.0.0.1", port)
    assert caught.value.code == "port_in_use"


@pytest.mark.parametrize("host", ["0.0.0.0", "", "::"])
def test_without_keys_no_other_machine_can_reach_the_server(settings: Settings, host: str) -> None:
    with pytest.raises(ConfigurationError, match="INHOUSE_SERVICE__API_KEYS") as caught:
        server.listen(settings, host, 0)
    assert caught.value.code == "keys_required"


def test_with_keys_other_machines_may(settings: Settings) -> None:
    with_keys = settings.model_copy(update={"service": ServiceSettings(api_keys=("k",))})
    with server.listen(with_keys, "0.0.0.0", 0) as listener:
        assert listener.getsockname()[1] > 0


@pytest.mark.parametrize(("host", "port"), [("no-such-host.invalid", 0), ("192.0.2.1", 0)])
def test_an_address_that_is_not_ours_is_told(settings: Settings, host: str, port: int) -> None:
    with_keys = settings.model_copy(update={"service": ServiceSettings(api_keys=("k",))})
    with pytest.raises(ServiceError) as caught:
        server.listen(with_keys, host, port)
    assert caught.value.code == "address_unavailable"


def test_the_address_is_announced_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    server.announce("::1", 8123, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert told == {"url": "http://[::1]:8123", "host": "::1", "port": 8123}


@pytest.mark.parametrize(
    ("models", "missing"),
    [
        ({}, "INHOUSE_MODELS__MODEL"),
        ({"model": "m"}, "INHOUSE_MODELS__BASE_URL"),
        ({"model": "m", "base_url": "localhost:8001"}, "INHOUSE_MODELS__BASE_URL"),
    ],
)
def test_a_generator_that_lacks_a_setting_is_told_when_the_server_starts(
    settings: Settings, models: dict[str, str], missing: str
) -> None:
    lacking = {"generator": "openai", "models": ModelSettings(**models)}
    with pytest.raises(ConfigurationError, match=missing):
        create_app(settings.model_copy(update=lacking))
