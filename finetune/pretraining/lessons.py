"""Items -> lessons with token ids, in the shares of the recipe, rendered as they are served.

Several questions are asked about the same passages: of some the answer stands in them, of others it does not,
and is then the marker of what is not covered. The passages are of the same document and of other ones (RAFT,
arXiv 2403.10131).
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from core.errors import InvalidInputError
from core.models.encoding import PromptEncoder
from core.prompts import NOT_COVERED, Asked, passage_text, question_request, unit_text
from core.reading import fold
from core.settings import AssistantSettings
from core.types import Chunk, Hit
from core.units import Unit, split_units
from finetune.datasets import HELD_OUT_TOPIC
from finetune.generating_data import Example
from finetune.pretraining.followups import followup
from finetune.pretraining.items import Item
from finetune.pretraining.recipe import TuningRecipe
from finetune.refusals import OFF_TOPIC_BANK, SMALL_TALK_BANK, read_bank
from finetune.similarity import content_words, overlap

_TASKS = Path(__file__).parent / "templates" / "tasks.yaml"
_PURPOSES = (
    "questions about our products",
    "questions about how we work",
    "questions about our manuals",
)
_EMPTY = 100  # tries in a row that gave no lesson
_KEYWORDS = (2, 6)  # fewest and most words of a search
_PUNCTUATION = ".,;:!?()[]\"'*`"
_NO_SENTENCE = ("row", "code")
_ABOUT = 0.8  # of the words of a question

Lesson = tuple[Example, ...]  # whose prompts begin alike


def bank_questions(*, held_out: bool) -> list[str]:
    """Off-topic questions and small talk: those of the topics that are held out, or of the others."""
    banks = [*read_bank(OFF_TOPIC_BANK).items(), *read_bank(SMALL_TALK_BANK).items()]
    return [
        question
        for topic, questions in banks
        if topic.startswith(HELD_OUT_TOPIC) == held_out
        for question in questions
    ]


@dataclass(frozen=True, slots=True)
class _Sentence:
    unit: Unit
    number: int  # of its passage in the prompt, from 1
    folded: str


@dataclass
class LessonMaker:
    """`items` by source, none of them held out where one teaches. The same seed makes the same lessons.

    Raises InvalidInputError where the recipe's sources hold no question.
    """

    items: dict[str, list[Item]]
    encoder: PromptEncoder
    recipe: TuningRecipe
    off_topic: list[str]

    def __post_init__(self) -> None:
        self._tasks: dict[str, Any] = yaml.safe_load(_TASKS.read_text(encoding="utf-8"))
        self._sources = {name: share for name, share in self.recipe.sources.items() if self.items.get(name)}
        if not self._sources:
            raise InvalidInputError(
                f"There are no questions of {', '.join(self.recipe.sources)} to teach with."
            )
        self._of_source: dict[str, list[tuple[Item, str]]] = defaultdict(list)  # with the folded quote
        for item in (item for found in self.items.values() for item in found):
            self._of_source[item.gold.source].append((item, fold(item.quote)))

    def make(self, seed: str) -> Iterator[Lesson]:
        """Without end. Raises InvalidInputError where the recipe leaves no lesson."""
        rng = random.Random(seed)
        tasks, shares = list(self.recipe.shares), list(self.recipe.shares.values())
        empty = 0
        while empty < _EMPTY:
            lesson = getattr(self, f"_{rng.choices(tasks, shares)[0]}")(rng)
            empty = 0 if lesson else empty + 1
            if lesson:
                yield lesson
        raise InvalidInputError(
            f"No lesson of {', '.join(tasks)} fits into tuning.window, {self.recipe.window} tokens. Give it "
            "more, or other shares."
        )

    def _item(self, rng: random.Random) -> Item:
        source = rng.choices(list(self._sources), list(self._sources.values()))[0]
        return rng.choice(self.items[source])

    def _asked(self, rng: random.Random) -> Lesson:
        """All its questions or, where they do not fit, those about a passage less."""
        item, purpose = self._item(rng), _purpose(rng)
        passages = self._passages(item, rng)
        while True:
            questions = self._questions(item, passages, rng)
            examples = [self._example(question, passages, purpose, text) for question, text in questions]
            found = tuple(example for example in examples if example)
            if len(found) == len(examples):
                return found
            others = [chunk for chunk in passages if chunk != item.gold]
            if not others:
                return ()
            passages.remove(rng.choice(others))

    def _passages(self, item: Item, rng: random.Random) -> list[Chunk]:
        """Its own somewhere among others, half of which are of the same document."""
        count = rng.randint(0, self.recipe.distractors)
        others = [chunk for chunk in item.others if item.quote not in chunk.text]
        near = rng.sample(others, min(len(others), -(-count // 2)))
        far = [self._item(rng).gold for _ in range(count - len(near))]
        found = list({chunk.id: chunk for chunk in (item.gold, *near, *far)}.values())
        return rng.sample(found, len(found))

    def _questions(self, item: Item, passages: Sequence[Chunk], rng: random.Random) -> list[tuple[str, str]]:
        """(question, what to write), each question once, in the shares of the recipe."""
        sentences = _sentences(passages)
        near = [
            one
            for source in dict.fromkeys(each.source for each in passages)
            for one in self._of_source[source]
        ]
        answered: dict[str, str] = {}
        absent: list[str] = []
        for one, quote in near:
            if holding := _holding(quote, sentences):
                answered.setdefault(one.question, self._cited(holding))
            else:
                absent.append(one.question)
        found = {item.question: answered[item.question]} if item.question in answered else {}
        kinds, shares = list(self.recipe.asking), list(self.recipe.asking.values())
        for kind in rng.choices(kinds, shares, k=self.recipe.questions - len(found)):
            if kind == "answered" and answered:
                question = rng.choice(list(answered))
                found[question] = answered[question]
            elif kind == "keywords" and (searched := self._searched(sentences, rng)):
                found.update([searched])
            elif kind == "withheld":
                asked = rng.choice([*absent, self._item(rng).question])
                if asked not in answered and not _likely_answered(asked, sentences):
                    found.setdefault(asked, NOT_COVERED)
            elif kind == "off_topic":
                found.setdefault(rng.choice(self.off_topic), NOT_COVERED)
        return list(found.items())

    def _searched(self, sentences: Sequence[_Sentence], rng: random.Random) -> tuple[str, str] | None:
        """Words of a sentence as one would type them to find it, where no other one holds them all."""
        running = [each for each in sentences if each.unit.kind not in _NO_SENTENCE]
        if not running:
            return None
        sentence = rng.choice(running)
        words = [word.strip(_PUNCTUATION) for word in unit_text(sentence.unit).split() if content_words(word)]
        fewest, most = _KEYWORDS
        if len(words) <= fewest:
            return None
        places = sorted(rng.sample(range(len(words)), rng.randint(fewest, min(most, len(words)))))
        searched = [words[place] for place in places]
        holding = [each for each in sentences if all(fold(word) in each.folded for word in searched)]
        return (" ".join(searched), self._cited(sentence)) if holding == [sentence] else None

    def _cited(self, sentence: _Sentence) -> str:
        return f"{self.encoder.prompt.safe(sentence.unit.in_context())} [{sentence.number}]"

    def _question(self, rng: random.Random) -> Lesson:
        """Written as `generate-qa` asks a model for it, behind a blank line: the request ends a text."""
        gold = self._item(rng).gold
        sentences = _sentences([gold])
        prompt = self.encoder.message_ids(question_request(gold, 1, _purpose(rng)))
        answered = {
            one.question: unit_text(holding.unit)
            for one, quote in self._of_source[gold.source]
            if (holding := _holding(quote, sentences))
        }
        chosen = rng.sample(list(answered), min(len(answered), self.recipe.questions))
        found = [self._of_text(prompt, f"\n\nQ: {question}\nA: {answered[question]}") for question in chosen]
        return tuple(example for example in found if example)

    def _title(self, rng: random.Random) -> Lesson:
        if not self.items.get("documentation"):
            return ()
        chunk = rng.choice(self.items["documentation"]).gold
        if not chunk.headings:
            return ()
        return self._task("title", f" {chunk.headings[-1]}", passage=passage_text(chunk))

    def _standalone(self, rng: random.Random) -> Lesson:
        if not self.items.get("encyclopedia"):
            return ()
        item = rng.choice(self.items["encyclopedia"])
        for other, _ in self._of_source[item.gold.source]:
            if other.question != item.question and (found := followup(other.question, item.question)):
                earlier, short, whole = found
                return self._task("standalone", f" {whole}", earlier=earlier, question=short)
        return ()

    def _task(self, name: str, completion: str, **values: str) -> Lesson:
        text = self._tasks[name]["prompt"].format(**values)
        example = self._of_text(self.encoder.tokenizer(text)["input_ids"], completion)
        return (example,) if example else ()

    def _example(self, question: str, chunks: Sequence[Chunk], purpose: str, target: str) -> Example | None:
        """None where it is longer than the recipe allows."""
        hits = tuple(Hit(chunk, 1.0) for chunk in chunks)
        prompt = self.encoder.ids(Asked(question, hits, (), purpose))
        completion = self.encoder.completion_ids(target)
        fits = len(prompt) + len(completion) <= self.recipe.window
        kind: Any = "refusal" if target == NOT_COVERED else "answer"
        return Example(tuple(prompt), tuple(completion), kind, target) if fits else None

    def _of_text(self, prompt: Sequence[int], completion: str) -> Example | None:
        """Of a text that the model goes on writing."""
        tokenizer = self.encoder.tokenizer
        ids = [*tokenizer(completion)["input_ids"], tokenizer.eos_token_id]
        fits = len(prompt) + len(ids) <= self.recipe.window
        return Example(tuple(prompt), tuple(ids), "answer", completion.strip()) if fits else None


def _purpose(rng: random.Random) -> str:
    """That of the settings half of the time."""
    return rng.choice((AssistantSettings().purpose,) * len(_PURPOSES) + _PURPOSES)


def _sentences(passages: Sequence[Chunk]) -> list[_Sentence]:
    return [
        _Sentence(unit, number, fold(unit.text))
        for number, chunk in enumerate(passages, 1)
        for unit in split_units(chunk.text)
    ]


def _holding(quote: str, sentences: Sequence[_Sentence]) -> _Sentence | None:
    """The first one that holds the folded quote, or that it spans."""
    if not quote:
        return None
    spanned = (each for each in sentences if each.folded in quote and len(each.folded.split()) >= 3)
    return next((each for each in sentences if quote in each.folded), None) or next(spanned, None)


def _likely_answered(question: str, sentences: Sequence[_Sentence]) -> bool:
    """Where nearly all that is asked about stands in one sentence, it may well answer."""
    return any(overlap(question, each.unit.text) >= _ABOUT for each in sentences)
