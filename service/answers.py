"""What the routes answer with, as the OpenAPI page shows it; contract: docs/api.md.

Nothing is validated by these while requests are served: the routes answer with plain dictionaries, and
`tests/service/test_contract.py` holds them to it.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field


class Fault(BaseModel):
    message: str = Field(description="what to do, in a sentence")
    type: str
    code: str = Field(description="stable; the table in docs/api.md lists them")


class ErrorBody(BaseModel):
    """Every fault of every route."""

    error: Fault


class CitationOut(BaseModel):
    id: int = Field(ge=1, description="as printed in the answer")
    source: str
    title: str
    heading: str
    quote: str = Field(description="verbatim from the source")
    score: float
    also_in: list[str]
    page: int | None


class AnswerMessage(BaseModel):
    role: Literal["assistant"]
    content: str
    refusal: None


class Choice(BaseModel):
    index: Literal[0]
    message: AnswerMessage
    finish_reason: Literal["stop", "length", "content_filter"]
    logprobs: None


class TokenUsage(BaseModel):
    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)
    total_tokens: int = Field(ge=0)


class ChatCompletion(BaseModel):
    """OpenAI's object with our fields beside its own."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice] = Field(min_length=1, max_length=1)
    usage: TokenUsage
    answer_type: Literal["answer", "no_answer", "off_topic", "blocked"]
    citations: list[CitationOut]
    cached: Literal["none", "exact", "semantic"]
    cached_question: str | None
    timings_ms: dict[str, float]
    interaction_id: str | None
    conversation_id: str | None


class ServedModel(BaseModel):
    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class ServedModels(BaseModel):
    object: Literal["list"]
    data: list[ServedModel]


class ConversationOut(BaseModel):
    id: str
    title: str
    created: str
    updated: str


class ConversationList(BaseModel):
    conversations: list[ConversationOut]


class TurnOut(BaseModel):
    role: Literal["user", "assistant"]
    content: str
    time: str
    answer_type: str
    citations: list[CitationOut]
    interaction_id: str


class ConversationWithTurns(ConversationOut):
    turns: list[TurnOut]


class ConversationDeleted(BaseModel):
    id: str
    deleted: Literal[True]


class ConversationsDeleted(BaseModel):
    deleted: int = Field(ge=0)


class HitOut(BaseModel):
    source: str
    title: str
    heading: str
    text: str
    score: float
    also_in: list[str] = Field(default=[], description="where there are copies")
    page: int = Field(default=1, description="where the source has pages")
    section: str = Field(default="", description="where it was asked for by `widen`")


class SearchResult(BaseModel):
    hits: list[HitOut]
    timings_ms: dict[str, float]


class SectionOut(BaseModel):
    heading: str
    text: str = Field(description="Markdown")
    page: int | None


class DocumentText(BaseModel):
    id: str
    source: str
    title: str
    sections: list[SectionOut]


class DocumentTexts(BaseModel):
    documents: list[DocumentText]


class FeedbackKept(BaseModel):
    interaction_id: str
    rating: Literal[1, -1]


class LabelsOut(BaseModel):
    collection: str
    tags: list[str]
    language: str
    groups: list[str]


class IndexedDocument(BaseModel):
    id: str
    root: str
    source: str
    title: str
    content_hash: str
    chunks: int
    size: int
    labels: LabelsOut
    indexed_at: str


class IndexedDocuments(BaseModel):
    documents: list[IndexedDocument]
    index_version: int


class DocumentsDeleted(BaseModel):
    deleted: list[str]
    index_version: int


class JobStarted(BaseModel):
    job_id: str


class Progress(BaseModel):
    done: int
    total: int
    unit: str
    text: str
    seconds_left: float | None


class JobOut(BaseModel):
    id: str
    kind: Literal["reindex", "retrain", "replay"]
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    arguments: dict[str, Any]
    progress: Progress | None
    result: dict[str, Any] | None
    error: str
    cancel_asked: bool
    created: str
    started: str | None
    ended: str | None


class JobList(BaseModel):
    jobs: list[JobOut]


class JobLine(BaseModel):
    time: str
    line: str


class JobWithLines(JobOut):
    lines: list[JobLine]


class Adapter(BaseModel):
    id: str
    base: str
    kind: str
    active: bool
    created: str
    metrics: dict[str, Any]
    base_hash: str
    prompt_hash: str
    data_hash: str
    recipe: dict[str, Any]
    environment: dict[str, str]


class Adapters(BaseModel):
    models: list[Adapter]


class Alive(BaseModel):
    status: Literal["ok"]


class Ready(Alive):
    index_version: int
    model: str
