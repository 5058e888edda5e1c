"""The `openai` generator against a server that speaks the protocol; the real one is in tests/service."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from core.errors import ConfigurationError, InvalidInputError, ModelError
from core.interfaces import Decoding, Draft, Reading
from core.models.generators import endpoint_generator
from core.reading import read
from core.settings import AnsweringSettings, ModelSettings, Settings
from core.types import Chunk, Hit, Message
from tests.fakes import FakeReranker

KEY = "sk-very-secret-1234567890"


@dataclass
class Server:
    """Answers with `words`, or with a status and a body that spells the key out, or after a while."""

    url: str = ""
    words: tuple[str, ...] = ("Alcohol ", "is never ", "reimbursed. [1]")
    finish: str = "stop"
    status: int = 200
    wait_s: float = 0.0
    forever: bool = False
    asked: list[dict[str, Any]] = field(default_factory=list)
    hung_up: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def server() -> Iterator[Server]:
    told = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            time.sleep(told.wait_s)
            self.send_response(told.status)
            kind = "text/event-stream" if told.status == 200 else "application/json"
            self.send_header("Content-Type", kind)
            self.end_headers()
            if told.status != 200:
                said = f"wrong key {self.headers['Authorization']}"
                self.wfile.write(json.dumps({"error": {"message": said}}).encode())
                return
            try:
                while told.forever:
                    self._event([{"index": 0, "delta": {"content": "on "}, "finish_reason": None}])
                    time.sleep(0.01)
            except OSError:
                told.hung_up.set()
                return
            for word in told.words:
                delta = {"role": "assistant", "content": word}
                self._event([{"index": 0, "delta": delta, "finish_reason": None}])
            self._event([{"index": 0, "delta": {}, "finish_reason": told.finish}])
            self._event([], usage={"prompt_tokens": 50, "completion_tokens": 5, "total_tokens": 55})
            self.wfile.write(b"data: [DONE]\n\n")

        def _event(self, choices: list[dict[str, Any]], **fields: Any) -> None:
            head = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
            self.wfile.write(f"data: {json.dumps({**head, 'choices': choices, **fields})}\n\n".encode())
            self.wfile.flush()

        def log_message(self, format: str, *arguments: object) -> None:
            """Quiet."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    told.url = f"http://127.0.0.1:{listening.server_port}/v1"
    yield told
    told.forever = False
    listening.shutdown()
    listening.server_close()


@pytest.fixture
def reading() -> Reading:
    text = "Employees may claim up to €45 a day for meals. Alcohol is never reimbursed."
    return read("meals", [Hit(Chunk("c", "d", "d.md", "Expenses", (), text, 0), 1.0)], FakeReranker())


@pytest.fixture
def draft_of(server: Server, reading: Reading) -> Callable[..., Draft]:
    def make(decoding: Decoding | None = None, *, grounded: bool = False, **models: Any) -> Draft:
        options: dict[str, Any] = {
            "model": "m",
            "base_url": server.url,
            "api_key": KEY,
            "timeout_s": 5,
            **models,
        }
        settings = Settings(
            generator="openai",
            models=ModelSettings(**options),
            answering=AnsweringSettings(grounded=grounded),
        )
        history = (Message("user", "hello"), Message("assistant", "Hi."))
        stream = endpoint_generator(settings).stream(
            "Can I claim wine?", reading, history, decoding or Decoding(max_tokens=40)
        )
        *_, draft = stream
        assert isinstance(draft, Draft)
        return draft

    return make


def test_an_endpoint_answers_and_is_cited(server: Server, draft_of: Callable[..., Draft]) -> None:
    draft = draft_of()
    assert draft.text == "Alcohol is never reimbursed. [1]"
    assert [scored.unit.text for scored in draft.quotes] == ["Alcohol is never reimbursed."]
    assert (draft.usage.prompt_tokens, draft.usage.completion_tokens) == (50, 5)
    roles = [message["role"] for message in server.asked[0]["messages"]]
    assert roles == ["system", "user", "assistant", "user"]
    assert "Can I claim wine?" in server.asked[0]["messages"][-1]["content"]


def test_parameters_of_the_protocol_are_passed_on(server: Server, draft_of: Callable[..., Draft]) -> None:
    draft_of(Decoding(max_tokens=40, temperature=0.5, top_p=0.9, seed=7, stop=("STOP",)))
    sent = {name: server.asked[0][name] for name in ("max_tokens", "temperature", "top_p", "seed", "stop")}
    assert sent == {"max_tokens": 40, "temperature": 0.5, "top_p": 0.9, "seed": 7, "stop": ["STOP"]}


def test_parameters_that_the_protocol_lacks_are_named(draft_of: Callable[..., Draft]) -> None:
    with pytest.raises(InvalidInputError, match="top_k or repetition_penalty") as caught:
        draft_of(Decoding(temperature=1.0, top_k=5, repetition_penalty=1.1))
    assert caught.value.code == "unsupported_decoding"


def test_a_stop_string_holds_even_where_the_server_ignores_it(draft_of: Callable[..., Draft]) -> None:
    assert draft_of(Decoding(stop=("reimb",))).text == "Alcohol is never [1]"
    assert draft_of(Decoding(stop=(".",))).text == "Alcohol is never reimbursed [1]"


def test_a_half_sentence_at_the_limit_is_not_shown(server: Server, draft_of: Callable[..., Draft]) -> None:
    server.words = ("Alcohol is never reimbursed. ", "Employees may claim up to €4")
    server.finish = "length"
    draft = draft_of()
    assert (draft.text, draft.finish_reason) == ("Alcohol is never reimbursed. [1]", "length")


def test_a_wrong_number_is_not_supported(server: Server, draft_of: Callable[..., Draft]) -> None:
    server.words = ("Employees may claim up to €54 a day for meals.",)
    assert draft_of().quotes == ()


def test_grounded_takes_whole_units_alone(server: Server, draft_of: Callable[..., Draft]) -> None:
    assert draft_of(grounded=True).text == "Alcohol is never reimbursed. [1]"
    server.words = ("Alcohol is not reimbursed.",)
    assert draft_of().quotes
    assert draft_of(grounded=True).quotes == ()


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "model_key_refused"),
        (403, "model_key_refused"),
        (404, "model_not_there"),
        (429, "model_overloaded"),
        (400, "model_error"),
        (500, "model_error"),
        (503, "model_error"),
    ],
)
def test_faults_are_named_tried_once_and_hold_no_key(
    status: int,
    code: str,
    server: Server,
    draft_of: Callable[..., Draft],
    caplog: pytest.LogCaptureFixture,
) -> None:
    server.status = status
    with caplog.at_level(logging.DEBUG), pytest.raises(ModelError, match="did not answer") as caught:
        draft_of()
    assert caught.value.code == code
    assert len(server.asked) == 1
    assert KEY not in caught.value.message
    assert caught.value.__cause__ is None
    assert KEY not in caplog.text


def test_a_server_that_takes_too_long_is_a_timeout(server: Server, draft_of: Callable[..., Draft]) -> None:
    server.wait_s = 1.0
    with pytest.raises(ModelError, match=r"within 0\.2 seconds") as caught:
        draft_of(timeout_s=0.2)
    assert caught.value.code == "model_timeout"
    assert len(server.asked) == 1


def test_a_server_that_is_away_is_named_without_its_password(draft_of: Callable[..., Draft]) -> None:
    with pytest.raises(ModelError, match=r"at http://127\.0\.0\.1:9 did not answer") as caught:
        draft_of(base_url="http://user:hunter2@127.0.0.1:9/v1")
    assert caught.value.code == "model_unreachable"


def test_an_address_that_is_none_is_refused_at_the_start(draft_of: Callable[..., Draft]) -> None:
    for address in ("", "localhost:8000", "ftp://x/v1"):
        with pytest.raises(ConfigurationError, match="INHOUSE_MODELS__BASE_URL"):
            draft_of(base_url=address)


def test_closing_the_stream_hangs_up(server: Server, reading: Reading) -> None:
    server.forever = True
    settings = Settings(generator="openai", models=ModelSettings(model="m", base_url=server.url, api_key="k"))
    stream = endpoint_generator(settings).stream("Wine?", reading, (), Decoding())
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert server.hung_up.wait(10)


def test_messages_that_are_no_question_are_sent_as_they_are(server: Server) -> None:
    models = ModelSettings(model="m", base_url=server.url, api_key=KEY, timeout_s=5)
    generator = endpoint_generator(Settings(generator="openai", models=models))
    assert generator.write([Message("user", "Write three questions.")]) == "Alcohol is never reimbursed. [1]"
    (asked,) = server.asked
    assert asked["messages"] == [{"role": "user", "content": "Write three questions."}]
