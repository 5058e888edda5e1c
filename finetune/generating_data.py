"""Question-answer pairs -> what generating models learn from: the prompt that would be served, and what to
write behind it.

Passages come from our own retrieval at serving-time k, so that the others are hard distractors (RAFT,
arXiv 2403.10131). A pair of kind `unanswerable` is asked while the chunks with its evidence are
withheld.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from core.errors import InvalidInputError
from core.followup import standalone
from core.interfaces import Reading
from core.models.encoding import PromptEncoder, fit
from core.progress import Progress, silent
from core.prompts import NOT_COVERED, Asked
from core.reading import first_hits, fold, read
from core.support import Beginning, Sentence
from core.types import Chunk, Hit, QAPair
from finetune.datasets import ANSWERABLE_KINDS
from finetune.promotion import without_its_passage
from finetune.reader_data import evidence_units
from finetune.recipes.recipe import Recipe
from finetune.refusals import contrast

if TYPE_CHECKING:
    from core.bootstrap import Inhouse


@dataclass(frozen=True, slots=True)
class Example:
    """Token ids of the prompt, as the service would give it, and of the completion, end mark included."""

    prompt: tuple[int, ...]
    completion: tuple[int, ...]
    kind: Literal["answer", "refusal"]
    target: str  # the completion's text

    @property
    def length(self) -> int:
        return len(self.prompt) + len(self.completion)


@dataclass(frozen=True, slots=True)
class Examples:
    examples: list[Example]
    dropped: dict[str, int] = field(default_factory=dict)  # reason -> pairs


def mix(pairs: Sequence[QAPair], inhouse: Inhouse, recipe: Recipe) -> list[QAPair]:
    """The pairs to learn from, in the recipe's shares: answered, without their passage, off-topic.

    Where the pairs hold too few contrasts, answerable ones are asked again without their passage. Injections
    never reach a model, and are left out.
    """
    rng = random.Random(f"{recipe.seed} mix")
    answerable = [pair for pair in pairs if pair.kind in ANSWERABLE_KINDS]
    answered_share = 1 - recipe.withheld_share - recipe.off_topic_share
    total = min(recipe.examples, round(len(answerable) / answered_share))
    wanted = round(recipe.withheld_share * total)
    withheld = [pair for pair in pairs if pair.kind == "unanswerable"]
    if len(withheld) < wanted:
        known = {pair.id for pair in withheld}
        more = contrast(answerable, inhouse.settings.assistant, 1.0, recipe.seed)
        withheld += [pair for pair in more if pair.id not in known]
    off_topic = [pair for pair in pairs if pair.kind == "offtopic"]
    chosen = [
        *_some(answerable, round(answered_share * total), rng),
        *_some(withheld, wanted, rng),
        *_some(off_topic, round(recipe.off_topic_share * total), rng),
    ]
    rng.shuffle(chosen)
    return chosen


def _some(pairs: Sequence[QAPair], count: int, rng: random.Random) -> list[QAPair]:
    return rng.sample(list(pairs), min(count, len(pairs)))


@dataclass
class ExampleMaker:
    """Asks as the service asks: retrieval, reader, prompt, token ids."""

    inhouse: Inhouse
    encoder: PromptEncoder
    recipe: Recipe
    window: int  # tokens that the model can read
    _by_source: dict[str, list[Chunk]] = field(default_factory=dict)

    def make(
        self, pairs: Sequence[QAPair], progress: Progress = silent, stage: str = "collect passages"
    ) -> Examples:
        """An example a pair, where one can be made. Raises IndexEmptyError."""
        made: list[Example] = []
        dropped: Counter[str] = Counter()
        for done, pair in enumerate(pairs, 1):
            found = self.example(pair)
            if isinstance(found, Example):
                made.append(found)
            else:
                dropped[found] += 1
            progress(stage, done, len(pairs))
        return Examples(made, dict(sorted(dropped.items())))

    def example(self, pair: QAPair) -> Example | str:
        """The example, or why there is none."""
        question, reading = self._read(pair)
        asked = Asked(question, reading.hits, pair.history, self.inhouse.settings.assistant.purpose)
        answerable = pair.kind in ANSWERABLE_KINDS
        answer = self._answer(pair, reading) if answerable else (self._refusal(pair), 0)
        if answer is None:
            return "evidence not among the passages"
        target, passages = answer
        completion = self.encoder.completion_ids(target)
        try:
            fitting = fit(asked, lambda some: len(self.encoder.ids(some)), self._room(len(completion)))
        except InvalidInputError:
            return "question too long"
        if len(fitting.hits) < passages:
            return "its passage does not fit"
        kind: Literal["answer", "refusal"] = "answer" if answerable else "refusal"
        return Example(tuple(self.encoder.ids(fitting)), tuple(completion), kind, target)

    def _room(self, completion: int) -> int:
        """Tokens for the prompt: no more than serving leaves, and than the recipe allows."""
        if self.encoder.encoder_decoder:
            return min(self.window, self.recipe.max_tokens)
        reserved = min(self.inhouse.settings.decoding.max_tokens, self.window // 2)
        return min(self.window - max(reserved, completion), self.recipe.max_tokens - completion)

    def _read(self, pair: QAPair) -> tuple[str, Reading]:
        """(question as it is searched for, what the model would be shown)."""
        retriever = without_its_passage(self.inhouse.retriever, pair)
        question = retriever.understood(standalone(pair.question, pair.history))
        k = self.inhouse.settings.answering.context_chunks
        reading = first_hits(retriever.read(question, retriever.fuse(question)), k)
        if pair.kind not in ANSWERABLE_KINDS or _holding(reading, pair):
            return question, reading
        missed = [Hit(chunk, reading.hits[-1].score) for chunk in self._gold(pair)] if reading.hits else []
        hits = [*reading.hits[: max(1, k - len(missed))], *missed]
        return question, read(question, hits, self.inhouse.reranker)

    def _gold(self, pair: QAPair) -> list[Chunk]:
        """A chunk for each piece of evidence, which retrieval missed."""
        if not self._by_source:
            grouped: dict[str, list[Chunk]] = defaultdict(list)
            for chunk in self.inhouse.index.all_chunks():
                grouped[chunk.source].append(chunk)
            self._by_source = grouped
        found: dict[str, Chunk] = {}
        for evidence in pair.evidence:
            for chunk in self._by_source.get(evidence.source, []):
                if fold(evidence.quote) in fold(chunk.text):
                    found[chunk.id] = chunk
                    break
        return list(found.values())

    def _answer(self, pair: QAPair, reading: Reading) -> tuple[str, int] | None:
        """(the text to learn, passages that it needs): the pair's own answer where serving would bear it out,
        else the evidence word for word, each sentence with the number of its passage.
        """
        holding = _holding(reading, pair)
        if not holding:
            return None
        if not self.inhouse.settings.answering.grounded and pair.answer:
            beginning = Beginning(reading)
            sentences = beginning.of(pair.answer, ended=True)
            sentences = [] if beginning.over else sentences
            cited = {unit.hit for sentence in sentences for unit in sentence.units}
            if sentences and cited <= {reading.units[number].hit for number in holding}:
                return " ".join(_marked(sentence) for sentence in sentences), max(cited) + 1
        most = self.inhouse.settings.answering.max_sentences
        units = [reading.units[number] for number in sorted(holding)][:most]
        texts = [
            f"{self.encoder.prompt.safe(scored.unit.in_context())} [{scored.hit + 1}]" for scored in units
        ]
        return " ".join(texts), max(scored.hit for scored in units) + 1

    def _refusal(self, pair: QAPair) -> str:
        assistant = self.inhouse.settings.assistant
        worded = pair.answer or assistant.no_answer.format(purpose=assistant.purpose)
        return NOT_COVERED if self.recipe.refusal == "marker" else worded


def _marked(sentence: Sentence) -> str:
    passages = sorted({unit.hit + 1 for unit in sentence.units})
    return f"{sentence.text} {''.join(f'[{number}]' for number in passages)}"


def _holding(reading: Reading, pair: QAPair) -> set[int]:
    """Places in `reading.units` of those that hold the evidence."""
    return evidence_units(pair, [scored.unit for scored in reading.units])


def token_f1(text: str, target: str) -> float:
    """Of the words that both hold, citation marks left out; 1 is the same words."""
    said, wanted = Counter(_words(text)), Counter(_words(target))
    shared = sum((said & wanted).values())
    return 2 * shared / (sum(said.values()) + sum(wanted.values())) if shared else 0.0


def _words(text: str) -> list[str]:
    return fold(re.sub(r"\[\d+\]", " ", text)).split()


def score(text: str, example: Example) -> float:
    """0 to 1: whether a refusal is one; how far an answer is the words to learn."""
    declined = NOT_COVERED in text or (example.kind == "refusal" and fold(text) == fold(example.target))
    if example.kind == "refusal":
        return float(declined)
    return 0.0 if declined else token_f1(text, example.target)
