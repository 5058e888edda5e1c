"""One exchange: cache, answering path, interaction log. The chat route only translates to and from HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from core.deadline import Deadline
from core.interfaces import Cache, Decoding
from core.types import EVERYTHING, Answer, Filters, Message
from service.auth import Caller
from service.caching import answer_key, dump_answer, load_answer
from service.interactions import Interactions, Maker
from service.live import LiveInhouse

if TYPE_CHECKING:
    from core.bootstrap import Inhouse
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
    cached: Literal["none", "exact"]
    timings_ms: dict[str, float]
    interaction_id: str | None  # None where the exchange was not logged
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
        self._cache = cache
        self._log = log
        self._ttl_s = settings.service.cache_ttl_s

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
        key = self._key(inhouse, question)
        if (answer := self._cached(key)) is not None:
            yield answer.answer
            yield self._finish(question, answer, "exact", started, maker)
            return
        for piece in inhouse.answerer.stream(
            question.text, question.history, question.decoding, question.filters, question.deadline
        ):
            if isinstance(piece, Answer):
                self._remember(key, piece)
                yield self._finish(question, piece, "none", started, maker)
            else:
                yield piece

    def _key(self, inhouse: Inhouse, question: Question) -> str | None:
        """Taken before the answer is made, so that no answer from an older index stands under a newer key."""
        if self._cache is None:
            return None
        identity = f"{inhouse.answerer.identity}|{self._live.corpus()}"
        return answer_key(
            identity, question.text, question.history, question.decoding, scope=repr(question.filters)
        )

    def _cached(self, key: str | None) -> Answer | None:
        if self._cache is None or key is None:
            return None
        value = self._cache.get(key)
        return None if value is None else load_answer(value)

    def _remember(self, key: str | None, answer: Answer) -> None:
        if self._cache is not None and key is not None:
            self._cache.set(key, dump_answer(answer), self._ttl_s)

    def _finish(
        self,
        question: Question,
        answer: Answer,
        cached: Literal["none", "exact"],
        started: float,
        maker: Maker,
    ) -> Reply:
        total = (time.perf_counter() - started) * 1000
        timings = {stage: round(ms, 2) for stage, ms in {**answer.timings_ms, "total": total}.items()}
        interaction = None
        if self._log is not None:
            interaction = self._log.record(question, answer, cached, timings, maker)
        reply = Reply(answer, cached, timings, interaction)
        if self._observe is not None:
            self._observe(question, reply)
        return reply
