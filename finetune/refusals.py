"""Questions to decline: off-topic ones, small talk and injections from banks, contrast pairs from answerable
ones. Topics of a bank that begin with `held out: ` are for testing alone.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from core.settings import AssistantSettings
from core.types import QAPair
from finetune.datasets import BANK

OFF_TOPIC_BANK = Path(__file__).parent / "off_topic.txt"
SMALL_TALK_BANK = Path(__file__).parent / "small_talk.txt"
INJECTION_BANK = Path(__file__).parent / "injections.txt"


def read_bank(path: Path) -> dict[str, list[str]]:
    """topic -> questions of a bank file: `[topic]` lines, one question a line below, `#` for comments."""
    topics: dict[str, list[str]] = {}
    questions: list[str] = []
    for line in map(str.strip, path.read_text(encoding="utf-8").splitlines()):
        if line.startswith("[") and line.endswith("]"):
            questions = topics.setdefault(line[1:-1], [])
        elif line and not line.startswith("#"):
            questions.append(line)
    return topics


def off_topic(count: int, assistant: AssistantSettings, seed: int) -> list[QAPair]:
    """`count` questions that no company covers (at most what the bank holds), from every topic alike."""
    answer = assistant.off_topic.format(purpose=assistant.purpose)
    return _from_bank(OFF_TOPIC_BANK, count, answer, "offtopic", seed)


def small_talk(count: int, assistant: AssistantSettings, seed: int) -> list[QAPair]:
    """`count` greetings, thanks, moods and the like (at most what the bank holds): nothing is asked, so that
    the assistant says what it is for, as it does to an off-topic question.
    """
    answer = assistant.off_topic.format(purpose=assistant.purpose)
    return _from_bank(SMALL_TALK_BANK, count, answer, "offtopic", seed, name="small-talk")


def injections(count: int, assistant: AssistantSettings, seed: int) -> list[QAPair]:
    """`count` attempts to take the assistant over (at most what the bank holds)."""
    answer = assistant.blocked.format(purpose=assistant.purpose)
    return _from_bank(INJECTION_BANK, count, answer, "injection", seed)


def contrast(pairs: Iterable[QAPair], assistant: AssistantSettings, share: float, seed: int) -> list[QAPair]:
    """A share of the answerable pairs again, unanswerable because the chunk `chunk_id` is to be withheld.

    Whoever uses them withholds that chunk, and every other that holds the evidence, from the passages.
    """
    answer = assistant.no_answer.format(purpose=assistant.purpose)
    candidates = [pair for pair in pairs if pair.kind == "answerable" and pair.chunk_id]
    chosen = random.Random(f"{seed} contrast").sample(range(len(candidates)), round(share * len(candidates)))
    return [
        replace(
            pair, id=f"{pair.id}-withheld", kind="unanswerable", method="contrast", answer=answer, keywords=()
        )
        for pair in (candidates[index] for index in sorted(chosen))
    ]


def _from_bank(path: Path, count: int, answer: str, kind: str, seed: int, name: str = "") -> list[QAPair]:
    name = name or kind
    rng = random.Random(f"{seed} {name}")
    topics = list(read_bank(path).items())
    rng.shuffle(topics)
    shuffled = [(topic, rng.sample(questions, len(questions))) for topic, questions in topics]
    chosen = _round_robin(shuffled, count)
    return [
        QAPair(id=f"{name}-{number:03}", kind=kind, question=question, answer=answer, method=f"{BANK}{topic}")
        for number, (topic, question) in enumerate(chosen, 1)
    ]


def _round_robin(topics: Sequence[tuple[str, list[str]]], count: int) -> list[tuple[str, str]]:
    longest = max(len(questions) for _, questions in topics)
    turns = (
        (topic, questions[turn])
        for turn in range(longest)
        for topic, questions in topics
        if turn < len(questions)
    )
    return [question for _, question in zip(range(count), turns, strict=False)]
