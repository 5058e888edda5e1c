"""A generating model behind the service: the real core and HTTP, a model that the test taught, stand-ins for
embedder and reader.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from core.bootstrap import Inhouse
from core.decision import Decision, Logistic
from core.interfaces import Decoding
from core.models.generators import LocalGenerator
from core.prompts import Asked
from core.settings import AssistantSettings, ModelSettings, Settings
from finetune.registry import Registry
from ingestion import indexing
from service.app import create_app
from tests.fakes import FakeEmbedder, FakeReranker
from tests.tiny_models import (
    FIRST_SENTENCES,
    PASSAGES,
    PURPOSE,
    QUESTIONS,
    encoder_of,
    make_adapter,
    make_llama,
    make_tokenizer,
    save,
    teach,
)

ALWAYS = Logistic(5.0, {})


def wiring(settings: Settings) -> Callable[[Inhouse | None], Inhouse]:
    def wire(shared: Inhouse | None) -> Inhouse:
        inhouse = Inhouse(settings, shared=shared)
        parts = {"reranker": FakeReranker(), "decision": Decision(ALWAYS, ALWAYS, 0.5, 0.5)}
        inhouse.__dict__.update(parts if shared else {"embedder": FakeEmbedder(), **parts})
        return inhouse

    return wire


@dataclass
class Company:
    """A folder that is indexed, a model that knows its first sentences, and two adapters of it."""

    settings: Settings
    leave: str  # an adapter that always answers with the sentence on leave
    misfit: str  # one that was trained on another base


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    root = tmp_path_factory.mktemp("company")
    handbook = root / "handbook"
    handbook.mkdir()
    for title, text in PASSAGES:
        (handbook / f"{title}.md").write_text(f"# {title}\n\n{text}\n")
    tokenizer = make_tokenizer([*(text for _, text in PASSAGES), *QUESTIONS] * 3)
    model = make_llama(tokenizer)
    settings = Settings(
        data_dir=root / "data",
        generator="transformers",
        models=ModelSettings(model=str(save(model, tokenizer, root / "tiny")), threads=1),
        assistant=AssistantSettings(purpose=PURPOSE),
    )
    indexing.reindex(settings, [handbook], embedder=FakeEmbedder())
    encoder = encoder_of(model, tokenizer)
    asked = [what_is_asked(settings, question) for question in QUESTIONS]
    teach(model, encoder, list(zip(asked, FIRST_SENTENCES, strict=True)))
    save(model, tokenizer, root / "tiny")
    registry = Registry(settings.adapters_dir)
    ids = []
    for wrong in (False, True):
        folder = root / "incoming"
        make_adapter(model, encoder, [(one, FIRST_SENTENCES[1]) for one in asked], folder)
        if wrong:
            card = json.loads((folder / "card.json").read_text())
            (folder / "card.json").write_text(json.dumps({**card, "base": "another"}))
        ids.append(registry.add(folder, kind="causal", base="tiny", prompt_hash=encoder.prompt.hash))
    return Company(settings, *ids)


def what_is_asked(settings: Settings, question: str) -> Asked:
    """What the service renders for the question, through the path that serves."""
    wire = wiring(settings)
    inhouse = wire(wire(None))
    seen: list[Asked] = []
    fitted = LocalGenerator.fitted

    def watched(self: LocalGenerator, asked: Asked, decoding: Decoding) -> Any:
        seen.append(asked)
        return fitted(self, asked, Decoding(max_tokens=1))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalGenerator, "fitted", watched)
        inhouse.answerer.answer(question)
    return seen[0]


@pytest.fixture(scope="module")
def serve() -> Iterator[Callable[[FastAPI], str]]:
    """Real servers on free ports; the address of each."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(app: FastAPI) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        running.append((server, thread))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="module")
def url(company: Company, serve: Callable[[FastAPI], str]) -> str:
    return serve(create_app(company.settings, wire=wiring(company.settings), warm_up=False))


def ask(url: str, question: str, **fields: Any) -> httpx.Response:
    body = {"messages": [{"role": "user", "content": question}], **fields}
    return httpx.post(f"{url}/v1/chat/completions", json=body, timeout=60)


def said(response: httpx.Response) -> str:
    assert response.status_code == 200, response.text
    return str(response.json()["choices"][0]["message"]["content"])


def wait_for(url: str, wanted: str) -> str:
    """What is said once the adapter that became active is loaded; until then the one before it answers."""
    until = time.monotonic() + 20
    while (text := said(ask(url, QUESTIONS[2]))) != wanted and time.monotonic() < until:
        time.sleep(0.05)
    return text


def test_a_generated_answer_is_cited_over_http(url: str) -> None:
    reply = ask(url, QUESTIONS[0]).json()
    assert reply["choices"][0]["message"]["content"] == f"{FIRST_SENTENCES[0]} [1]"
    assert [citation["quote"] for citation in reply["citations"]] == [FIRST_SENTENCES[0]]
    assert reply["usage"]["completion_tokens"] > 3
    assert reply["model"].startswith("transformers:tiny-")


def test_a_generated_answer_is_streamed_over_http(url: str) -> None:
    body = {"messages": [{"role": "user", "content": QUESTIONS[1]}], "stream": True}
    with httpx.stream("POST", f"{url}/v1/chat/completions", json=body, timeout=60) as response:
        lines = [line.removeprefix("data: ") for line in response.iter_lines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    events = [json.loads(line) for line in lines[:-1]]
    text = "".join(event["choices"][0]["delta"].get("content") or "" for event in events if event["choices"])
    assert text == f"{FIRST_SENTENCES[1]} [1]"
    assert any(event.get("citations") for event in events)


def test_requests_choose_the_adapter_by_model_and_the_active_one_is_swapped_in_traffic(
    company: Company, url: str
) -> None:
    base, tuned = f"{FIRST_SENTENCES[2]} [1]", f"{FIRST_SENTENCES[1]} [1]"
    named = f"inhouse:{company.leave}"
    assert said(ask(url, QUESTIONS[2])) == base
    assert said(ask(url, QUESTIONS[2], model=named)) == tuned
    assert said(ask(url, QUESTIONS[2], model="inhouse:base")) == base
    registry = Registry(company.settings.adapters_dir)
    registry.activate(company.leave)
    try:
        assert wait_for(url, tuned) == tuned
        assert said(ask(url, QUESTIONS[2], model="inhouse:base")) == base
    finally:
        registry.rollback("causal")
    assert wait_for(url, base) == base


def test_the_models_are_listed_and_an_adapter_that_does_not_fit_is_refused(
    company: Company, url: str
) -> None:
    listed = [row["id"] for row in httpx.get(f"{url}/v1/models", timeout=60).json()["data"]]
    assert listed[0] == "inhouse"
    assert listed[2:] == ["inhouse:base", f"inhouse:{company.leave}", f"inhouse:{company.misfit}"]
    refused = ask(url, QUESTIONS[0], model=f"inhouse:{company.misfit}")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "adapter_mismatch")
    assert "another base model" in refused.json()["error"]["message"]
    for name in ("inhouse:nobody", "gpt-4"):
        unknown = ask(url, QUESTIONS[0], model=name)
        assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "unknown_model")


def test_decoding_parameters_reach_the_model_and_contradictions_are_named(url: str) -> None:
    cut = ask(url, QUESTIONS[1], stop=" a year").json()
    assert cut["choices"][0]["message"]["content"] == "Everyone has 28 days of paid leave [1]"
    assert said(ask(url, QUESTIONS[1], num_beams=3, early_stopping=True)) == f"{FIRST_SENTENCES[1]} [1]"
    for fields in ({"num_beams": 2, "temperature": 0.5}, {"top_k": 3}, {"num_beams": 2, "stream": True}):
        refused = ask(url, QUESTIONS[1], **fields)
        assert refused.status_code == 422
        assert "num_beams" in refused.text or "top_k" in refused.text


def test_another_inhouse_behind_the_openai_generator(
    company: Company, serve: Callable[[FastAPI], str], tmp_path: Path
) -> None:
    settings = company.settings.model_copy(update={"generator": "reader"})
    wide = settings.model_copy(
        update={"answering": settings.answering.model_copy(update={"max_question_chars": 20_000})}
    )
    behind = serve(create_app(wide, wire=wiring(wide), warm_up=False))
    front = settings.model_copy(
        update={
            "generator": "openai",
            "models": ModelSettings(model="inhouse", base_url=f"{behind}/v1", api_key="k"),
        }
    )
    url = serve(create_app(front, wire=wiring(front), warm_up=False))
    reply = ask(url, QUESTIONS[1]).json()
    assert reply["answer_type"] == "answer"
    assert reply["model"] == "openai:inhouse"
    assert reply["citations"]
    lacking = ask(url, QUESTIONS[0], repetition_penalty=1.2)
    assert (lacking.status_code, lacking.json()["error"]["code"]) == (422, "unsupported_decoding")


def test_a_reader_adapter_other_than_the_active_one_answers(company: Company, tmp_path: Path) -> None:
    from core.models.reader import SHIPPED_ADAPTER

    settings = company.settings.model_copy(update={"generator": "reader", "data_dir": tmp_path})
    registry = Registry(settings.adapters_dir)
    incoming = tmp_path / "incoming"
    incoming.mkdir()
    for file in SHIPPED_ADAPTER.iterdir():
        if file.is_file():
            (incoming / file.name).write_bytes(file.read_bytes())
    mine = registry.add(incoming, kind="reader", base="minilm")
    other = Registry(settings.adapters_dir).get(mine)
    active = Inhouse(settings)
    assert active.variants == ["base", mine]
    assert active.adapter == SHIPPED_ADAPTER
    assert active.variant(mine).adapter == other.path
    registry.activate(mine)
    assert Inhouse(settings).adapter == other.path
    assert Inhouse(settings).variant("base").adapter == SHIPPED_ADAPTER
