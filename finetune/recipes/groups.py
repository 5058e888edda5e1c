"""What the reader is trained on: questions with texts that answer them and texts that do not; their order."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.settings import FinetuneSettings


@dataclass(frozen=True, slots=True)
class ReaderGroup:
    """One question; `positives` may be empty: then nothing here answers it."""

    question: str
    positives: tuple[str, ...]
    negatives: tuple[str, ...]  # hardest first


def batches(
    groups: Sequence[ReaderGroup], settings: FinetuneSettings, *, start: int, total: int
) -> Iterator[list[Sample]]:
    """The batches from step `start` on, over shuffled epochs, each of groups of like length.

    Each is a function of seed and step, so that a run that goes on sees what it would have seen.
    """
    size = settings.batch_questions
    step, epoch = 0, 0
    while step < total:
        for batch in _epoch(groups, size, random.Random(f"{settings.seed} epoch {epoch}")):
            if step >= start:
                rng = random.Random(f"{settings.seed} step {step}")
                yield [sample_of(group, settings.negatives, rng) for group in batch]
            step += 1
            if step == total:
                return
        epoch += 1


def _epoch(groups: Sequence[ReaderGroup], size: int, rng: random.Random) -> Iterator[list[ReaderGroup]]:
    order = list(groups)
    rng.shuffle(order)
    for block_start in range(0, len(order), size * 40):
        block = sorted(order[block_start : block_start + size * 40], key=_length)
        made = [block[start : start + size] for start in range(0, len(block), size)]
        rng.shuffle(made)
        yield from made


def _length(group: ReaderGroup) -> int:
    return len(group.question) + len((group.positives or group.negatives)[0])


@dataclass(frozen=True, slots=True)
class Sample:
    question: str
    texts: list[str]  # the positive first, where there is one
    has_positive: bool


def sample_of(group: ReaderGroup, negatives: int, rng: random.Random) -> Sample:
    """One positive and some negatives, the harder ones likelier; another draw each epoch."""
    weighted = sorted(
        range(len(group.negatives)), key=lambda rank: rng.random() ** (1 + rank / 6), reverse=True
    )
    chosen = [group.negatives[rank] for rank in weighted[:negatives]]
    first = [rng.choice(group.positives)] if group.positives else []
    return Sample(group.question, [*first, *chosen], bool(first))


def data_hash(groups: Sequence[ReaderGroup]) -> str:
    digest = hashlib.sha256()
    for group in groups:
        digest.update(json.dumps([group.question, group.positives, group.negatives]).encode())
    return digest.hexdigest()[:16]
