"""The baseline that shows leakage: copying the answer of the most similar training question."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from core.errors import InvalidInputError, ModelError
from core.followup import standalone
from core.interfaces import Embedder, FloatMatrix
from core.settings import Settings
from core.types import Answer, AnswerType, Message, QAPair
from eval.questions import load_questions

_TYPES: dict[str, AnswerType] = {"unanswerable": "no_answer", "offtopic": "off_topic", "injection": "blocked"}


@dataclass
class NearestAnswers:
    """Questions with answers, searched by the cosine of the questions."""

    pairs: Sequence[QAPair]
    embedder: Embedder

    @cached_property
    def _vectors(self) -> FloatMatrix:
        return self.embedder.embed([standalone(pair.question, pair.history) for pair in self.pairs])

    def answer(self, question: str, history: Sequence[Message]) -> Answer:
        started = time.perf_counter()
        asked = standalone(question, history)
        cosines = self._vectors @ self.embedder.embed([asked])[0]
        nearest = self.pairs[int(np.argmax(cosines))]
        return Answer(
            nearest.answer,
            _TYPES.get(nearest.kind, "answer"),
            timings_ms={"retrieve": (time.perf_counter() - started) * 1000},
            model="nearest training answer",
            question=asked,
            reason=f"the answer to {nearest.question!r}, cosine {float(cosines.max()):.2f}",
        )


def training_file(settings: Settings, named: Path | None) -> Path:
    """The file that was named, or the newest dataset of this installation.

    Raises ModelError where there is none.
    """
    if named:
        return named
    made = sorted(settings.datasets_dir.glob("*.jsonl"), key=lambda path: path.stat().st_mtime)
    if not made:
        raise ModelError(
            "There are no training questions: name a file with --training, or make one with "
            "`inhouse generate-qa`."
        )
    return made[-1]


def nearest_answers(
    settings: Settings, named: Path | None, off_topic: Sequence[str], embedder: Embedder
) -> tuple[Callable[[str, Sequence[Message]], Answer], str, str]:
    """(how it answers, what it is, its identity). `off_topic`: how answers that decline begin.

    Raises ModelError where there is nothing to copy from.
    """
    try:
        file = load_questions(training_file(settings, named), settings.assistant, off_topic)
    except InvalidInputError as error:
        raise ModelError(error.message) from error
    pairs = [pair for pair in file.questions if pair.answer]
    if not pairs:
        raise ModelError(f"No question of {file.path} has an answer to copy.")
    texts = "\0".join(f"{pair.kind}\0{pair.question}\0{pair.answer}" for pair in pairs)
    identity = hashlib.sha256(f"{embedder.name}\0{texts}".encode()).hexdigest()[:24]
    what = f"copies the answer of the most similar of {len(pairs)} questions of {file.path.name}"
    return NearestAnswers(pairs, embedder).answer, what, identity
