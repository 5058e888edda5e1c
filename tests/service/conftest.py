"""An assistant made by hand, with the attributes of `core.bootstrap.Inhouse`, and servers around it.

It answers from three passages by shared words, so that tests of the service need no model. It records what it
was asked, and can be told to fail or to wait.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from core.deadline import Deadline
from core.errors import EmptyQuestionError, IndexEmptyError, QuestionTooLongError, UnknownModelError
from core.interfaces import Decoding
from core.settings import Settings
from core.types import EVERYTHING, Answer, Chunk, Citation, Filters, Hit, Labels, Message, Usage
from service.app import create_app
from tests.fakes import FakeEmbedder, words_of
from tests.service import postgres

HANDBOOK = {
    "leave.md": ("Leave", "Everyone has 28 days of paid leave a year."),
    "it/vpn.md": ("VPN", "Connect with WireGuard. The gateway is vpn.example.com."),
    "it/laptops.md": ("Laptops", "A laptop is replaced after three years."),
}


@dataclass
class StandInIndex:
    files: dict[str, tuple[str, str]] = field(default_factory=lambda: dict(HANDBOOK))
    version: int = 1
    folders: list[str] = field(default_factory=lambda: ["/handbook"])

    @property
    def is_empty(self) -> bool:
        return not self.files

    def check(self) -> None:
        """Its stores are always there."""

    def documents(self) -> list[Any]:
        return [
            SimpleNamespace(
                id=source,
                root="/handbook",
                source=source,
                title=title,
                content_hash=hashlib.sha256(text.encode()).hexdigest(),
                chunks=1,
                size=len(text),
                indexed_at=0.0,
                labels=Labels(),
            )
            for source, (title, text) in self.files.items()
        ]

    def change(self, **files: tuple[str, str]) -> None:
        """What a reindex does for a reader: other files and the next version."""
        self.files = dict(files)
        self.version += 1


@dataclass
class StandInInhouse:
    settings: Settings
    index: StandInIndex
    adapter: str = "shipped"
    asked: list[tuple[str, tuple[Message, ...], Decoding]] = field(default_factory=list)
    working: int = 0  # answers that are being made and were neither finished nor closed
    filters: list[Filters] = field(default_factory=list)  # of each search
    deadlines: list[Deadline] = field(default_factory=list)  # of each answer
    fault: Exception | None = None  # raised instead of an answer
    fault_in_stream: Exception | None = None  # raised after the first piece
    gate: threading.Event | None = None  # answers wait for it
    gate_in_stream: threading.Event | None = None  # waited for after the first piece
    closed: bool = False
    serial: int = field(default_factory=count().__next__)

    @property
    def answerer(self) -> StandInInhouse:
        return self

    @property
    def retriever(self) -> StandInInhouse:
        return self

    @property
    def embedder(self) -> FakeEmbedder:
        return FakeEmbedder()

    @property
    def reranker(self) -> StandInInhouse:
        return self

    def score(self, question: str, texts: Sequence[str]) -> list[float]:
        return [0.0 for _ in texts]

    @property
    def generator(self) -> Any:
        return SimpleNamespace(id=f"reader@{self.adapter}", prompt_hash="")

    @property
    def variants(self) -> list[str]:
        return ["base", "tuned"]

    def variant(self, model: str) -> StandInInhouse:
        if model not in self.variants:
            raise UnknownModelError(f"There is no adapter {model!r}.")
        return StandInInhouse(self.settings, self.index, adapter=model)

    @property
    def identity(self) -> str:
        return f"{self.index.version}|{self.adapter}"

    def search(self, query: str, k: int, filters: Filters = EVERYTHING) -> list[Hit]:
        self.filters.append(filters)
        if self.index.is_empty:
            raise IndexEmptyError("Nothing is indexed yet: run `inhouse reindex FOLDER`.")
        wanted = set(words_of(query))
        hits = [
            Hit(
                Chunk(source, source, source, title, ("Rules",), text, 0),
                len(wanted & set(words_of(f"{title} {text}"))) / max(1, len(wanted)),
            )
            for source, (title, text) in self.index.files.items()
        ]
        return sorted(hits, key=lambda hit: -hit.score)[:k]

    def answer(
        self,
        question: str,
        history: Sequence[Message] = (),
        decoding: Decoding | None = None,
        filters: Filters = EVERYTHING,
        deadline: Deadline | None = None,
    ) -> Answer:
        *_, last = self.stream(question, history, decoding, filters, deadline)
        assert isinstance(last, Answer)
        return last

    def stream(
        self,
        question: str,
        history: Sequence[Message] = (),
        decoding: Decoding | None = None,
        filters: Filters = EVERYTHING,
        deadline: Deadline | None = None,
    ) -> Iterator[str | Answer]:
        self.deadlines.append(deadline or Deadline())
        pieces = self._pieces(question, history, decoding, filters)
        self.working += 1
        try:
            yield from self.deadlines[-1].each("generate", pieces)
        finally:
            self.working -= 1

    def _pieces(
        self, question: str, history: Sequence[Message], decoding: Decoding | None, filters: Filters
    ) -> Iterator[str | Answer]:
        self.asked.append((question, tuple(history), decoding or Decoding()))
        if self.gate is not None:
            assert self.gate.wait(10)
        if self.fault is not None:
            raise self.fault
        if not question.strip():
            raise EmptyQuestionError("The question is empty.")
        if len(question) > self.settings.answering.max_question_chars:
            raise QuestionTooLongError("The question is too long.")
        best = self.search(question, 1, filters)[0]
        if best.score == 0:
            yield "That is outside what I am here for."
            yield Answer("That is outside what I am here for.", "off_topic", model=self.generator.id)
            return
        quote = best.chunk.text
        first, rest = quote[:10], quote[10:] + " [1]"
        yield first
        if self.gate_in_stream is not None:
            assert self.gate_in_stream.wait(10)
        if self.fault_in_stream is not None:
            raise self.fault_in_stream
        yield rest
        chunk = best.chunk
        yield Answer(
            answer=first + rest,
            answer_type="answer",
            citations=(Citation(1, chunk.source, chunk.title, chunk.heading, quote, best.score),),
            timings_ms={"retrieve": 1.0, "generate": 2.0},
            model=self.generator.id,
            question=question,
            hits=(best,),
            usage=Usage(12, 7),
        )

    def close(self) -> None:
        self.closed = True


@dataclass
class Standing:
    """A running application with its stand-in."""

    app: FastAPI
    inhouse: StandInInhouse
    client: TestClient

    def ask(self, question: str, **fields: Any) -> Any:
        body = {"messages": [{"role": "user", "content": question}], **fields}
        return self.client.post("/v1/chat/completions", json=body)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[str]:
    with postgres.cluster() as url:
        yield url


@pytest.fixture
def postgres_url(postgres_cluster: str) -> str:
    """Of an empty database in a real PostgreSQL."""
    return postgres.fresh_database(postgres_cluster)


@pytest.fixture(params=["sqlite", "postgres"])
def either_settings(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    """The same settings over SQLite and over PostgreSQL."""
    if request.param == "sqlite":
        return settings
    return settings.model_copy(update={"database_url": request.getfixturevalue("postgres_url")})


@pytest.fixture
def stand() -> Iterator[Callable[..., Standing]]:
    """Makes applications; each is shut down after the test."""
    clients: list[TestClient] = []

    def make(settings: Settings, **options: Any) -> Standing:
        inhouse = StandInInhouse(settings, StandInIndex())
        options = {"wire": lambda shared: inhouse, "warm_up": False, **options}
        app = create_app(settings, **options)
        client = TestClient(
            app,
            base_url="http://127.0.0.1:8000",
            client=("127.0.0.1", 50000),
            raise_server_exceptions=False,
        )
        client.__enter__()
        clients.append(client)
        return Standing(app, inhouse, client)

    yield make
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def standing(stand: Callable[..., Standing], settings: Settings) -> Standing:
    return stand(settings)
