"""The values that flow between the stages. All frozen: a stage returns new ones.

Document -> Chunk -> Hit -> Answer (with Citations)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from core.units import composed, plain

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

AnswerType = Literal["answer", "no_answer", "off_topic", "blocked"]
Role = Literal["system", "user", "assistant"]
# It ended by itself, the room for its tokens did, or what followed was held back.
FinishReason = Literal["stop", "length", "content_filter"]


def as_row(record: DataclassInstance) -> dict[str, Any]:
    """A flat dataclass by its fields: as `asdict`, which copies deeply and takes twenty times as long."""
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class Labels:
    """What a folder's `.inhouse.toml` says of the documents in it; it travels to every chunk."""

    collection: str = ""
    tags: tuple[str, ...] = ()
    language: str = ""
    groups: tuple[str, ...] = ()  # who may see them; empty: everybody

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Labels:
        return cls(row["collection"], tuple(row["tags"]), row["language"], tuple(row["groups"]))


@dataclass(frozen=True, slots=True)
class Filters:
    """Which passages a search may find: those that agree with every field that is set.

    `groups` are the asker's; None stands for somebody who may see everything, such as who runs the command
    line.
    """

    collection: str = ""
    tags: tuple[str, ...] = ()  # any of them
    language: str = ""
    groups: tuple[str, ...] | None = None

    def allow(self, labels: Labels) -> bool:
        return (
            (not self.collection or self.collection == labels.collection)
            and (not self.tags or not set(self.tags).isdisjoint(labels.tags))
            and (not self.language or self.language == labels.language)
            and (self.groups is None or not labels.groups or not set(self.groups).isdisjoint(labels.groups))
        )


EVERYTHING = Filters()


@dataclass(frozen=True, slots=True)
class Document:
    """One loaded file, or one row of a database table.

    `text` is Markdown whatever the format was (headings as `#`, tables as `|` rows, lists as `-` or `1.`),
    so that one chunker serves all formats; a Markdown file's text is the file's own, without front matter.
    `id` is stable for a path; `content_hash` is the SHA-256 of the file's bytes or the row's values.
    """

    id: str
    source: str  # POSIX path relative to the indexed folder
    title: str
    text: str
    content_hash: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    labels: Labels = Labels()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage of one document. Every line of `text` stands verbatim in `Document.text`."""

    id: str
    document_id: str
    source: str
    title: str
    headings: tuple[str, ...]  # heading path within the document, outermost first, without the title
    text: str
    ordinal: int  # position within the document, from 0
    tokens: int = 0  # by the embedder's tokenizer, headings included
    metadata: Mapping[str, Any] = field(default_factory=dict)
    labels: Labels = Labels()

    @property
    def heading(self) -> str:
        """The heading path as people read it: `Leave > Parental leave`."""
        return " > ".join(self.headings)

    def page_at(self, position: int) -> int | None:
        """The page, from 1, that a position in the text is on; None where the source has no pages."""
        page: int | None = self.metadata.get("page")
        for start, following in self.metadata.get("page_breaks", ()):
            if start <= position:
                page = following
        return page

    @property
    def searched(self) -> str:
        """What stands for the chunk in both searches: title, headings and text, without Markdown marks."""
        return "\n".join(part for part in (composed(self.title), self.heading, plain(self.text)) if part)


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that retrieval found. `score` is what the hits are ordered by, higher is better."""

    chunk: Chunk
    score: float
    dense: float = 0.0  # cosine similarity of question and chunk
    lexical: float = 0.0  # BM25 score divided by the best one of this query, 0 where BM25 did not find it
    rerank: float | None = None  # the reader's probability of its best unit, where the reader read it
    twins: tuple[Chunk, ...] = ()  # chunks of nearly the same words, which are not hits of their own

    def with_rerank(self, rerank: float, score: float) -> Hit:
        return replace(self, rerank=rerank, score=score)


@dataclass(frozen=True, slots=True)
class Message:
    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a piece of the answer stands: `quote` is verbatim from the source."""

    id: int  # as printed in the answer, from 1
    source: str
    title: str
    heading: str
    quote: str
    score: float
    also_in: tuple[str, ...] = ()  # other sources that hold the same quote
    page: int | None = None  # from 1, of a source that has pages


@dataclass(frozen=True, slots=True)
class Usage:
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the answering path returns for one question."""

    answer: str
    answer_type: AnswerType
    citations: tuple[Citation, ...] = ()
    timings_ms: Mapping[str, float] = field(default_factory=dict)  # stage -> milliseconds
    model: str = ""
    question: str = ""  # the standalone question that was searched for
    hits: tuple[Hit, ...] = ()
    confidence: float = 0.0  # calibrated probability that the documents hold the answer
    usage: Usage = field(default_factory=Usage)
    reason: str = ""  # why it declined or was blocked: a guard's name or a decision
    finish_reason: FinishReason = "stop"

    def to_json(self) -> dict[str, Any]:
        """The Answer of the command-line and HTTP contracts."""
        return {
            "answer": self.answer,
            "answer_type": self.answer_type,
            "citations": [as_row(citation) for citation in self.citations],
            "timings_ms": {stage: round(ms, 2) for stage, ms in self.timings_ms.items()},
            "model": self.model,
        }


@dataclass(frozen=True, slots=True)
class Evidence:
    source: str
    quote: str


@dataclass(frozen=True, slots=True)
class QAPair:
    """A question with its answer and the verbatim evidence for it, for tuning or for measuring.

    `kind` is that of the question files: answerable, multi, followup, unanswerable, offtopic, injection.
    """

    id: str
    kind: str
    question: str
    answer: str = ""
    evidence: tuple[Evidence, ...] = ()
    keywords: tuple[str, ...] = ()
    history: tuple[Message, ...] = ()
    document_id: str = ""
    chunk_id: str = ""
    method: str = ""  # how it was made: faq, table, list, definition, ... or `file`

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> QAPair:
        """Raises KeyError or TypeError where the row is not of the question-file format."""
        return cls(
            id=str(row["id"]),
            kind=row["kind"],
            question=row["question"],
            answer=row.get("answer", ""),
            evidence=tuple(Evidence(item["source"], item["quote"]) for item in row.get("evidence", ())),
            keywords=tuple(row.get("keywords", ())),
            history=tuple(Message(item["role"], item["content"]) for item in row.get("history", ())),
            document_id=row.get("document_id", ""),
            chunk_id=row.get("chunk_id", ""),
            method=row.get("method", "file"),
        )
