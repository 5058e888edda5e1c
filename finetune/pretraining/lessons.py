"""Items -> examples with token ids, in the shares of the recipe, rendered as they are served.

A question is asked with its passage among others of its document and of other ones (RAFT, arXiv 2403.10131),
or with the others alone; then the answer is the marker of what is not covered.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from core.models.encoding import PromptEncoder
from core.prompts import NOT_COVERED, Asked, passage_text, question_request
from core.settings import AssistantSettings
from core.types import Chunk, Hit
from finetune.datasets import HELD_OUT_TOPIC
from finetune.generating_data import Example
from finetune.pretraining.followups import followup
from finetune.pretraining.items import Item
from finetune.pretraining.recipe import TuningRecipe
from finetune.refusals import OFF_TOPIC_BANK, SMALL_TALK_BANK, read_bank

_TASKS = Path(__file__).parent / "templates" / "tasks.yaml"
_PURPOSES = (
    "questions about our products",
    "questions about how we work",
    "questions about our manuals",
)
_TRIES = 4  # with fewer distractors each time


def bank_questions(*, held_out: bool) -> list[str]:
    """Off-topic questions and small talk: those of the topics that are held out, or of the others."""
    banks = [*read_bank(OFF_TOPIC_BANK).items(), *read_bank(SMALL_TALK_BANK).items()]
    return [
        question
        for topic, questions in banks
        if topic.startswith(HELD_OUT_TOPIC) == held_out
        for question in questions
    ]


@dataclass
class LessonMaker:
    """`items` by source, none of them held out where one teaches. The same seed makes the same examples."""

    items: dict[str, list[Item]]
    encoder: PromptEncoder
    recipe: TuningRecipe
    off_topic: list[str]
    seed: int

    def __post_init__(self) -> None:
        self._rng = random.Random(f"{self.seed} lessons")
        self._tasks: dict[str, Any] = yaml.safe_load(_TASKS.read_text(encoding="utf-8"))
        self._order = {name: self._rng.sample(found, len(found)) for name, found in self.items.items()}
        self._taken = dict.fromkeys(self.items, 0)
        self._articles: dict[str, list[Item]] = defaultdict(list)
        for item in self.items.get("encyclopedia", []):
            self._articles[item.gold.source].append(item)

    def make(self) -> Iterator[Example]:
        """Without end, as long as there are items."""
        tasks, shares = list(self.recipe.shares), list(self.recipe.shares.values())
        while True:
            if example := getattr(self, f"_{self._rng.choices(tasks, shares)[0]}")():
                yield example

    def _next(self, source: str | None = None) -> Item:
        """The next one of the source, or of one drawn by the recipe's shares: all before any comes again."""
        if source is None:
            sources = {name: share for name, share in self.recipe.sources.items() if self.items.get(name)}
            source = self._rng.choices(list(sources), list(sources.values()))[0]
        place = self._taken[source] % len(self._order[source])
        self._taken[source] += 1
        return self._order[source][place]

    def _answered(self) -> Example | None:
        item = self._next()
        unit = item.unit()
        if unit is None:
            return None
        text = self.encoder.prompt.safe(unit.in_context())
        for fewer in range(_TRIES):
            others = self._distractors(item, max(0, self._rng.randint(0, self.recipe.distractors) - fewer))
            place = self._rng.randint(0, len(others))
            hits = [*others[:place], item.gold, *others[place:]]
            if example := self._asked(item.question, hits, f"{text} [{place + 1}]", "answer"):
                return example
        return None

    def _withheld(self) -> Example | None:
        item = self._next()
        others = self._distractors(item, self._rng.randint(1, self.recipe.distractors))
        return self._asked(item.question, others, NOT_COVERED, "refusal") if others else None

    def _off_topic(self) -> Example | None:
        hits = [self._next().gold for _ in range(self._rng.randint(1, self.recipe.distractors))]
        return self._asked(self._rng.choice(self.off_topic), hits, NOT_COVERED, "refusal")

    def _question(self) -> Example | None:
        """Written as `generate-qa` asks a model for it, behind a blank line: the request ends a text."""
        item = self._next()
        unit = item.unit()
        if unit is None:
            return None
        prompt = self.encoder.message_ids(question_request(item.gold, 1, self._purpose()))
        return self._example(prompt, f"\n\nQ: {item.question}\nA: {' '.join(unit.readable().split())}")

    def _title(self) -> Example | None:
        chunk = self._next("documentation").gold if self.items.get("documentation") else None
        if chunk is None or not chunk.headings:
            return None
        return self._task("title", f" {chunk.headings[-1]}", passage=passage_text(chunk))

    def _standalone(self) -> Example | None:
        if not self.items.get("encyclopedia"):
            return None
        item = self._next("encyclopedia")
        for other in self._articles[item.gold.source]:
            if other.question != item.question and (found := followup(other.question, item.question)):
                earlier, short, whole = found
                return self._task("standalone", f" {whole}", earlier=earlier, question=short)
        return None

    def _task(self, name: str, completion: str, **values: str) -> Example | None:
        text = self._tasks[name]["prompt"].format(**values)
        return self._example(self.encoder.tokenizer(text)["input_ids"], completion)

    def _distractors(self, item: Item, count: int) -> list[Chunk]:
        """Half from the same document, the rest from others of the source, none of which holds the quote."""
        near = [chunk for chunk in item.others if item.quote not in chunk.text]
        chosen = self._rng.sample(near, min(len(near), -(-count // 2)))
        while len(chosen) < count:
            chosen.append(self._next().gold)
        kept = [chunk for chunk in chosen if item.quote not in chunk.text]
        return self._rng.sample(kept, len(kept))

    def _asked(self, question: str, chunks: Sequence[Chunk], target: str, kind: Any) -> Example | None:
        """None where it is longer than the recipe allows."""
        hits = tuple(Hit(chunk, 1.0) for chunk in chunks)
        prompt = self.encoder.ids(Asked(question, hits, (), self._purpose()))
        completion = self.encoder.completion_ids(target)
        whole = len(prompt) + len(completion)
        fits = whole <= self.recipe.max_tokens
        return Example(tuple(prompt), tuple(completion), kind, target) if fits else None

    def _example(self, prompt: Sequence[int], completion: str) -> Example | None:
        """Of a text that the model goes on writing."""
        tokenizer = self.encoder.tokenizer
        ids = [*tokenizer(completion)["input_ids"], tokenizer.eos_token_id]
        fits = len(prompt) + len(ids) <= self.recipe.max_tokens
        return Example(tuple(prompt), tuple(ids), "answer", completion.strip()) if fits else None

    def _purpose(self) -> str:
        """That of the settings half of the time."""
        return self._rng.choice((AssistantSettings().purpose,) * len(_PURPOSES) + _PURPOSES)
