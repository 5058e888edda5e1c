"""One exchange: cache, answering path, interaction log. The chat route only translates to and from HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.deadline import Deadline
from core.decoding import default_decoding
from core.interfaces import Cache, Decoding
from core.types import EVERYTHING, Answer, Filters, Message
from service.answer_cache import AnswerCache, Cached, Served
from service.auth import Caller
from service.background import BackgroundWriter
from service.interactions import Interactions, Maker, Row, interaction_row
from service.live import LiveInhouse

if TYPE_CHECKING:
    from core.settings import Settings


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    history: tuple[Message, ...] = ()
    decoding: Decoding = field(default_factory=Decoding)
    filters: Filters = EVERYTHING  # what the asker may see and wants to see
    caller: Caller = field(default_factory=Caller)
    conversation_id: str = ""  # of a conversation that the server keeps
    request_id: str = ""
    deadline: Deadline = field(default_factory=Deadline)
    model: str = ""  # as `LiveInhouse.named` takes it


@dataclass(frozen=True, slots=True)
class Reply:
    answer: Answer
    cached: Cached
    timings_ms: dict[str, float]
    interaction_id: str | None  # None where the exchange was not logged
    cached_question: str | None = None  # that a semantic answer was made for
    conversation_id: str | None = None  # of the conversation that now holds the exchange


class Conversing:
    """Answers questions by the shared parts, from the cache where it can. Thread-safe; calls block."""

    def __init__(
        self,
        settings: Settings,
        live: LiveInhouse,
        cache: Cache | None,
        log: Interactions | None,
        observe: Callable[[Question, Reply], None] | None = None,
    ) -> None:
        self._observe = observe
        self._live = live
        self.decoding = default_decoding(settings.decoding)  # where a request says nothing
        self.answers = AnswerCache(settings, cache)
        self._log = log
        self.later: BackgroundWriter[Row] | None = BackgroundWriter(log.write) if log else None

    def reply(self, question: Question) -> Reply:
        """Raises what the answering path raises: EmptyQuestionError, IndexEmptyError, ModelError, ..."""
        *_, last = self.stream(question)
        assert isinstance(last, Reply)
        return last

    def stream(self, question: Question) -> Iterator[str | Reply]:
        """The text piece by piece, and last the Reply. Raises as `reply` does."""
        started = time.perf_counter()
        inhouse = self._live.named(question.model)
        maker = Maker.of(inhouse)

        def compute() -> Iterator[str | Answer]:
            return inhouse.answerer.stream(
                question.text, question.history, question.decoding, question.filters, question.deadline
            )

        for piece in self.answers.stream(inhouse, question, compute):
            if isinstance(piece, Served):
                yield self._finish(question, piece, started, maker)
            else:
                yield piece

    def at_once(self, question: Question) -> Reply | None:
        """The Reply where it is at hand in memory, else None. Never blocks: for the event loop."""
        started = time.perf_counter()
        inhouse = self._live.settled() if not question.conversation_id else None
        if inhouse is None:
            return None
        maker = Maker.of(inhouse)
        served = self.answers.at_once(inhouse, maker.index_version, question)
        return None if served is None else self._finish(question, served, started, maker, later=True)

    def settle_log(self) -> None:
        """Waits until what is written later is written: before somebody asks for it."""
        if self.later is not None and self.later.waiting:
            self.later.flush()

    def close(self) -> None:
        """Writes what waits to be written."""
        if self.later is not None:
            self.later.close()

    def _finish(
        self, question: Question, served: Served, started: float, maker: Maker, *, later: bool = False
    ) -> Reply:
        answer = served.answer
        total = (time.perf_counter() - started) * 1000
        timings = {stage: round(ms, 2) for stage, ms in {**answer.timings_ms, "total": total}.items()}
        interaction = None
        if self._log is not None and self.later is not None:
            if later:
                row = interaction_row(question, answer, served.cached, timings, maker)
                interaction = str(row["id"]) if self.later.put(row) else None
            else:
                interaction = self._log.record(question, answer, served.cached, timings, maker)
        reply = Reply(answer, served.cached, timings, interaction, served.cached_question)
        if self._observe is not None:
            self._observe(question, reply)
        return reply
