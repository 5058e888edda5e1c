"""Answering without retrieval: what a generating model knows by itself.

The text is not held against passages, for there are none, and it cites nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing

from core.answering import Answerer, checked
from core.decoding import Decoding
from core.errors import ModelError
from core.models.generators import EndpointGenerator, LocalGenerator
from core.prompts import NOT_COVERED, Asked
from core.types import Answer, AnswerType, Message, Usage

NEEDS_PASSAGES = (
    "A reader only quotes passages: without retrieval it can do nothing but decline, so there is nothing to "
    "measure. Name a generating model, as in base-closed+generator=transformers+model=FOLDER."
)


def answer_closed(
    answerer: Callable[[], Answerer], decoding: Decoding
) -> Callable[[str, Sequence[Message]], Answer]:
    """Guards the question as serving does, then lets the model write. Raises ModelError for a reader."""

    def answer(question: str, history: Sequence[Message]) -> Answer:
        plain = answerer()
        wording = plain.settings.assistant
        question = checked(question, plain.settings.answering)
        guard = plain.guards.check_question(question)
        started = time.perf_counter()
        text, usage = "", Usage()
        if guard.passed:
            asked = Asked(question, (), tuple(history), wording.purpose)
            text, usage = _write(plain, asked, decoding)
            text = text.partition(NOT_COVERED)[0].strip()
        kind: AnswerType = "answer" if text else "no_answer" if guard.passed else "blocked"
        declined = wording.no_answer if guard.passed else wording.blocked
        return Answer(
            text or declined.format(purpose=wording.purpose),
            kind,
            timings_ms={"generate": (time.perf_counter() - started) * 1000},
            model=f"{plain.generator.id} without retrieval",
            question=question,
            usage=usage,
            reason=guard.reason,
        )

    return answer


def _write(answerer: Answerer, asked: Asked, decoding: Decoding) -> tuple[str, Usage]:
    generator = answerer.generator
    if isinstance(generator, EndpointGenerator):
        return generator.write(generator.prompt.render(asked)), Usage()
    if not isinstance(generator, LocalGenerator):
        raise ModelError(NEEDS_PASSAGES)
    ids, _, room = generator.fitted(asked, decoding)
    local = generator.local
    with closing(local.write(ids, decoding, max_tokens=room, adapter=generator.adapter)) as steps:
        written = [token for tokens in steps for token in tokens]
    text: str = local.tokenizer.decode(written, skip_special_tokens=True)
    return text, Usage(len(ids), len(written))
