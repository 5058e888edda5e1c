"""A small handbook as chunks, an index over it, and an assistant with stand-ins for the models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.answering import Answerer
from core.bootstrap import Inhouse
from core.decision import Decision, Logistic
from core.index.index import Index
from core.interfaces import Reranker
from core.reading import ReaderGenerator
from core.retrieval import Retriever
from core.settings import Settings
from core.types import Chunk, Document, Evidence, QAPair
from tests.fakes import FakeEmbedder, FakeReranker

HANDBOOK = {
    "time-off.md": (
        "Time off",
        ("Annual leave",),
        "Everyone who works full time receives 27 days of paid annual leave per calendar year. "
        "You may take up to 6 unused days into the next year.\n\n"
        "If you fall ill during a holiday, report it and the days go back on your balance.",
    ),
    "travel.md": (
        "Travel expenses",
        ("Meals",),
        "| Meal | Limit | Condition |\n|---|---|---|\n| Breakfast | €12 | before 07:00 |\n"
        "| Lunch | €18 | away from your site |\n| Dinner | €35 | back after 20:00 |",
    ),
    "it.md": (
        "Laptops and phones",
        ("Lost devices",),
        "Report a lost device to security@acme.example within 2 hours. "
        "Do not let family members use the laptop.",
    ),
    "office.md": (
        "Office guide",
        ("Questions and answers",),
        "**Can I bring my dog to the office?** Yes, on Fridays, if nobody in the room objects.\n\n"
        "- **Bicycles:** the shed behind the building opens with your badge.\n"
        "- **Parking:** 14 places, booked in Roster.",
    ),
    "leaving.md": (
        "Leaving",
        ("Notice",),
        "| Years of service | Notice |\n|---|---|\n| 0 to 4 | 1 month |\n| 5 to 9 | 2 months |\n"
        "| 10 or more | 3 months |",
    ),
    "errors.md": (
        "Error codes",
        ("Hub",),
        "| Code | Meaning | What to do |\n|---|---|---|\n| H01 | No network | check the cable |\n"
        "| H02 | Clock wrong | restart the hub |",
    ),
}


def chunk(
    text: str, *, source: str = "a.md", title: str = "Guide", headings: Sequence[str] = (), ordinal: int = 0
) -> Chunk:
    name = source.removesuffix(".md")
    return Chunk(f"{name}-{ordinal}", name, source, title, tuple(headings), text, ordinal)


def handbook() -> list[Chunk]:
    return [
        chunk(text, source=source, title=title, headings=headings)
        for source, (title, headings, text) in HANDBOOK.items()
    ]


def pair(
    identifier: str, question: str = "", *, document: str = "a", kind: str = "answerable", **values: Any
) -> QAPair:
    quote = values.pop("quote", f"The evidence of {identifier}.")
    evidence = (Evidence(f"{document}.md", quote),) if kind == "answerable" else ()
    document_id = document if kind in ("answerable", "unanswerable") else ""
    return QAPair(
        identifier,
        kind,
        question or f"Question about {identifier}?",
        evidence=values.pop("evidence", evidence),
        document_id=document_id,
        **values,
    )


@dataclass(frozen=True)
class Passed:
    passed: bool = True
    reason: str = ""


class OpenGuards:
    """Lets everything through, without the seconds that importing the real ones takes."""

    def check_question(self, text: str) -> Passed:
        return Passed()

    def check_history(self, text: str) -> Passed:
        return Passed()

    def check_answer(self, text: str, quotes: Sequence[str], sources: Sequence[str]) -> Passed:
        return Passed()


class SmallInhouse(Inhouse):
    """The real wiring with word overlap in place of the models."""

    def __init__(self, settings: Settings, reader: Reranker | None = None) -> None:
        super().__init__(settings)
        self.__dict__.update(embedder=FakeEmbedder(), reranker=reader or FakeReranker(), guards=OpenGuards())
        self.__dict__["off_topic_bank"] = np.zeros((1, FakeEmbedder.dimension), dtype=np.float32)
        self.__dict__["adapter"] = settings.data_dir / "start"

    def answerer_with(self, reader: Reranker) -> Answerer:
        """Answers wherever the best unit shares a third of the question's words."""
        answers = Decision(Logistic(1.5, {"unit_best": 1.0}), Logistic(9.0, {}), 0.5, 0.5)
        return Answerer(
            settings=self.settings,
            retriever=Retriever(self.index, self.embedder, reader, self.settings.retrieval),
            generator=ReaderGenerator("fake-reader", self.settings.answering),
            guards=self.guards,
            decision=answers,
            embedder=self.embedder,
            off_topic_bank=self.off_topic_bank,
        )


@contextmanager
def small_inhouse(folder: Path, chunks: Sequence[Chunk], **settings: Any) -> Iterator[SmallInhouse]:
    inhouse = SmallInhouse(Settings(data_dir=folder, **settings))
    inhouse.__dict__["index"] = index = Index.open(
        inhouse.settings, embedder_name="fake-embedder", dimension=64
    )
    inhouse.__dict__["answerer"] = inhouse.answerer_with(inhouse.reranker)
    if chunks:
        _fill(index, chunks)
    yield inhouse
    inhouse.close()


def _fill(index: Index, chunks: Sequence[Chunk]) -> None:
    with index.writer() as writer:
        for document_id in dict.fromkeys(item.document_id for item in chunks):
            own = [item for item in chunks if item.document_id == document_id]
            text = "\n\n".join(item.text for item in own)
            document = Document(document_id, own[0].source, own[0].title, text, content_hash=document_id)
            vectors = FakeEmbedder().embed([f"{item.title} {item.heading} {item.text}" for item in own])
            writer.put(document, own, vectors)
        writer.commit()
