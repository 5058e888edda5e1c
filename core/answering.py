"""Question -> Answer: the one path that the service serves and the evaluation measures.

guard -> condense -> retrieve -> read -> decide -> generate -> guard -> cite
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np

from core.deadline import Deadline
from core.decision import Decision, features
from core.errors import EmptyQuestionError, QuestionTooLongError
from core.followup import standalone
from core.interfaces import Decoding, Draft, Embedder, FloatMatrix, Generator, Reading
from core.reading import first_hits, sigmoid
from core.retrieval import FIRST, Retriever
from core.settings import AnsweringSettings, Settings
from core.types import EVERYTHING, Answer, AnswerType, Chunk, Citation, Filters, Message
from core.units import Unit, plain

_CORE = Path(__file__).parent
_CITED = r".*?\[\d+\];?\s*|.+"  # a piece of an answer: up to its mark
_MOST_TURNS = 40  # messages of a history that are read


class GuardResult(Protocol):
    @property
    def passed(self) -> bool: ...

    @property
    def reason(self) -> str: ...


class Guards(Protocol):
    """What answering needs of `core.guards.Guards`."""

    def check_question(self, text: str) -> GuardResult: ...

    def check_history(self, text: str) -> GuardResult: ...

    def check_answer(self, text: str, quotes: Sequence[str], sources: Sequence[str]) -> GuardResult: ...


@dataclass
class Stopwatch:
    """Milliseconds by stage, in the order in which the stages ran, and the deadline that they keep."""

    timings_ms: dict[str, float]
    deadline: Deadline = field(default_factory=Deadline)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            with self.deadline.stage(name):
                yield
        finally:
            self.timings_ms[name] = self.timings_ms.get(name, 0.0) + (time.perf_counter() - started) * 1000


@dataclass(frozen=True)
class Answerer:
    settings: Settings
    retriever: Retriever
    generator: Generator
    guards: Guards
    decision: Decision
    embedder: Embedder
    off_topic_bank: FloatMatrix  # (n, dimension): embedded questions that no company's documents answer

    @property
    def identity(self) -> str:
        """Changes with everything that an answer depends on beside question and history: for cache keys."""
        parts = (
            self.retriever.index.version,
            self.generator.id,
            self.generator.prompt_hash,
            getattr(self.retriever.reader, "id", ""),  # it ranks and decides, whoever writes
            self.settings.models.context_tokens,
            self.settings.assistant,
            self.settings.retrieval,
            self.settings.answering,
            self.decision,
            self.settings.guards,
            code_digest(),
        )
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:24]

    def answer(
        self,
        question: str,
        history: Sequence[Message] = (),
        decoding: Decoding | None = None,
        filters: Filters = EVERYTHING,
        deadline: Deadline | None = None,
    ) -> Answer:
        """Raises EmptyQuestionError, QuestionTooLongError, IndexEmptyError, ModelError; with a deadline also
        StageTimeoutError and AbandonedError.
        """
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
        """The text piece by piece and, last, the whole Answer. Raises as `answer` does, before the first
        piece.

        A piece is handed out once the output guard has seen the text up to its end. Where that or the
        passages do not bear a sentence out, the text ends before it.
        """
        question = checked(question, self.settings.answering)
        watch = Stopwatch({}, deadline or Deadline())
        with watch.stage("guard"):
            guard = self.guards.check_question(question)
            history = self._trusted(history) if guard.passed else ()
            alone = standalone(question, history)
            if guard.passed and alone != question:  # an attempt may be split over the turns
                guard = self.guards.check_question(alone)
        if not guard.passed:
            yield from self._decline("blocked", question, watch, reason=guard.reason)
            return
        with watch.stage("condense"):
            asked = self.retriever.understood(alone, filters)
        with watch.stage("embed"):
            vector = self.embedder.embed([asked])[0]
        with watch.stage("retrieve"):
            hits = self.retriever.fuse(asked, filters, vector)
        with watch.stage("read"):
            reading = first_hits(self.retriever.read(asked, hits), self.settings.answering.context_chunks)
        with watch.stage("decide"):
            values = features(
                hits,
                reading,
                off_topic=float(np.max(self.off_topic_bank @ vector)),
                chunks=self.retriever.index.count_chunks(),
            )
            verdict, confidence = self.decision.verdict(values, self.settings.answering.min_confidence)
        if verdict != "answer":
            yield from self._decline(verdict, asked, watch, reading, confidence, "decision")
            return
        with watch.stage("read"):
            kept = self.settings.answering.context_chunks
            reading = self.retriever.read_parts(asked, reading, filters, min(FIRST, kept))
            reading = first_hits(reading, kept)
        yield from self._generate(asked, reading, history, decoding or Decoding(), watch, confidence)

    def _generate(
        self,
        asked: str,
        reading: Reading,
        history: Sequence[Message],
        decoding: Decoding,
        watch: Stopwatch,
        confidence: float,
    ) -> Iterator[str | Answer]:
        draft, reason = Draft(), "nothing in the documents supports the draft"
        drafts = self.generator.stream(asked, reading, history, decoding)
        with closing(watch.deadline.each("generate", drafts)) as written:
            while True:
                with watch.stage("generate"):
                    longer = next(written, None)
                if longer is None:
                    break
                if not longer.quotes:
                    continue
                if longer.text != draft.text:  # most tokens of a model make no sentence whole
                    with watch.stage("verify"):
                        verdict = self._verified(longer, reading)
                    if not verdict.passed:
                        reason, draft = verdict.reason, replace(draft, finish_reason="content_filter")
                        break
                    yield from re.findall(_CITED, longer.text[len(draft.text) :], flags=re.DOTALL)
                draft = longer
        if not draft.quotes:
            yield from self._decline("no_answer", asked, watch, reading, confidence, reason)
            return
        yield Answer(
            answer=draft.text,
            answer_type="answer",
            citations=_citations(draft, reading),
            timings_ms=watch.timings_ms,
            model=self.generator.id,
            question=asked,
            hits=reading.hits,
            confidence=confidence,
            usage=draft.usage,
            finish_reason=draft.finish_reason,
        )

    def _verified(self, draft: Draft, reading: Reading) -> GuardResult:
        quotes = [scored.unit.text for scored in draft.quotes]
        return self.guards.check_answer(draft.text, quotes, [hit.chunk.text for hit in reading.hits])

    def _decline(
        self,
        kind: AnswerType,
        asked: str,
        watch: Stopwatch,
        reading: Reading | None = None,
        confidence: float = 0.0,
        reason: str = "",
    ) -> Iterator[str | Answer]:
        wording = self.settings.assistant
        template = {"no_answer": wording.no_answer, "off_topic": wording.off_topic}.get(kind, wording.blocked)
        text = template.format(purpose=wording.purpose)
        yield text
        yield Answer(
            answer=text,
            answer_type=kind,
            timings_ms=watch.timings_ms,
            model=self.generator.id,
            question=asked,
            hits=reading.hits if reading else (),
            confidence=confidence,
            reason=reason,
        )

    def _trusted(self, history: Sequence[Message]) -> tuple[Message, ...]:
        """The last turns without those that the input guard refuses, so that none is condensed into the
        question or shown to a model.
        """
        recent = history[-_MOST_TURNS:]
        return tuple(turn for turn in recent if self.guards.check_history(turn.content).passed)


@cache
def code_digest(folder: Path = _CORE) -> str:
    """Of the rules and code that answer: a cache that outlives an upgrade must not answer by older ones."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".py", ".json", ".txt", ".yaml"):
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def checked(question: str, settings: AnsweringSettings) -> str:
    """The question without blanks around it. Raises EmptyQuestionError and QuestionTooLongError."""
    question = question.strip()
    longest = settings.max_question_chars
    if not question:
        raise EmptyQuestionError("The question is empty. Write what you would like to know.")
    if len(question) > longest:
        raise QuestionTooLongError(
            f"The question has {len(question)} characters; at most {longest} are read. Shorten it."
        )
    return question


def _citations(draft: Draft, reading: Reading) -> tuple[Citation, ...]:
    found = []
    for number, scored in enumerate(draft.quotes, 1):
        hit = reading.hits[scored.hit]
        chunk = hit.chunk
        heading = " > ".join(plain(name) for name in chunk.headings)
        found.append(
            Citation(
                number,
                chunk.source,
                chunk.title,
                heading,
                _own_words(scored.unit, chunk),
                round(sigmoid(scored.logit), 4),
                tuple(twin.source for twin in hit.twins if scored.unit.text in twin.text),
                chunk.page_at(scored.unit.start),
            )
        )
    return tuple(found)


def _own_words(unit: Unit, chunk: Chunk) -> str:
    """The unit as it stands in the file: of a row that was an HTML table's, its longest cell or list item."""
    if unit.kind != "row" or not chunk.metadata.get("rewritten"):
        return unit.text
    parts = re.split(r"(?<!\\)\||;\s", unit.text)
    return max((part.strip() for part in parts), key=len)
