"""How alike answer and reference are in meaning: the cosine of their embeddings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from core.interfaces import Embedder
from core.types import QAPair
from eval.results import ArmResult

_MARK = re.compile(r"\s*\[\d{1,3}\]")


def with_similarity(result: ArmResult, questions: Sequence[QAPair], embedder: Embedder) -> ArmResult:
    """Of every question that has a reference answer and was to be answered; 0 where the arm declined."""
    asked = zip(questions, result.answers, result.samples, strict=True)
    to_answer = [(q, answer, s) for q, answer, s in asked if s.answered is not None and q.answer]
    said = [(q, answer) for q, answer, s in to_answer if answer is not None and s.answered]
    texts = [_MARK.sub("", answer.answer) for _, answer in said]
    vectors = (
        embedder.embed([*texts, *(question.answer for question, _ in said)]) if said else np.empty((0, 1))
    )
    cosines = (vectors[: len(said)] * vectors[len(said) :]).sum(axis=1)
    values = {question.id: 0.0 for question, _, _ in to_answer}
    values |= {question.id: float(cosine) for (question, _), cosine in zip(said, cosines, strict=True)}
    samples = (replace(sample, similarity=values.get(sample.id)) for sample in result.samples)
    return replace(result, samples=tuple(samples))
