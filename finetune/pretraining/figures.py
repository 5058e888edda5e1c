"""What a model of our own can do, measured on nothing that it was taught, and written into its card.

    python -m finetune.pretraining.figures --model OUT/model --corpus FOLDER --xquad xquad.en.json

Answers are measured as they are served: what no passage bears out is not shown. XQuAD's question stands with
its own paragraph (to be answered), or with the next one of its article (to be declined).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from core.errors import InvalidInputError
from core.interfaces import Decoding, Draft
from core.models.generators import LocalGenerator, load_local
from core.models.reader import Reader
from core.progress import Progress, console, silent
from core.reading import read
from core.settings import AnsweringSettings, ModelSettings, Settings
from core.support import without_marks
from core.types import Chunk, Hit
from eval.matching import token_f1
from eval.reader_benchmark import Item, load_xquad
from finetune.pretraining.card import has_logs, write_card
from finetune.pretraining.corpus import documents
from finetune.pretraining.held_out import HeldOut, held_out_loss
from finetune.pretraining.lessons import bank_questions
from finetune.pretraining.recipe import pretrained_by
from finetune.pretraining.sections import chunks_of
from finetune.pretraining.shipping import RECIPE
from finetune.questions import model as asking
from finetune.questions.passage import Passage

T = TypeVar("T")
_PASSAGES = 200  # that questions are asked for
_SHOWN = 12  # questions in the card, to be read


@dataclass(frozen=True, slots=True)
class Answering:
    """Shares of the questions. `declined_*` are right where they are high."""

    questions: int
    sentence_right: float  # the first sentence quoted is the one with the answer
    f1: float  # with the answer's span, which is shorter than any sentence
    exact: float
    sentence_f1: float  # with the sentence that holds the answer
    sentence_exact: float
    wrongly_declined: float
    too_long: int  # questions whose passage does not fit, which count as declined
    declined_absent: float
    declined_off_topic: float
    off_topic_questions: int
    tokens_per_second: float  # prompt and answer together
    written_per_second: float  # tokens of the answer alone


@dataclass(frozen=True, slots=True)
class Asking:
    """Of passages that a question was asked for."""

    passages: int
    written: float  # share with a question
    verbatim: float  # share whose answer stands in the passage
    answerable: float  # share where the reader picks that answer of all that the passage holds
    sample: list[tuple[str, str]]  # (question, answer)


@dataclass(frozen=True, slots=True)
class Figures:
    held_out: HeldOut
    first_sentence: float  # share of XQuAD that always quoting the first sentence would get right
    free: Answering
    grounded: Answering
    asking: Asking


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True, help="a folder that `tune` shipped")
    parser.add_argument("--corpus", type=Path, required=True, help="a folder of *.jsonl.xz")
    parser.add_argument("--xquad", type=Path, required=True, help="xquad.en.json")
    parser.add_argument("--limit", type=int, default=0, help="about so many of everything; 0: all")
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    args = parser.parse_args(arguments)
    items = load_xquad(args.xquad)
    step = max(1, len(items) // args.limit) if args.limit else 1
    passages = min(args.limit or _PASSAGES, _PASSAGES)
    figures = measure(
        args.model, args.corpus, items, step=step, passages=passages, threads=args.threads,
        progress=console(),
    )  # fmt: skip
    if has_logs(args.model):
        write_card(args.model, asdict(figures))
    print(json.dumps(asdict(figures)))
    return 0


def measure(
    model: Path,
    corpus: Path,
    items: Sequence[Item],
    *,
    step: int = 1,
    passages: int = _PASSAGES,
    threads: int = 0,
    progress: Progress = silent,
) -> Figures:
    """Every `step`th question. Raises InvalidInputError and ModelError."""
    recipe = pretrained_by(model / RECIPE)
    held_out = [document for document in documents(corpus, recipe.corpus) if document.held_out]
    free, grounded = (_generator(model, threads, grounded=grounded) for grounded in (False, True))
    chunks = [chunk for document in held_out for chunk in chunks_of(document.path, document.text)]
    return Figures(
        held_out_loss(free.local, [document.text for document in held_out], recipe.pretraining.window),
        _mean(item.gold == 0 for item in items[::step]),
        _answering(free, items, step, progress, "answer freely"),
        _answering(grounded, items, step, progress, "answer in grounded decoding"),
        _asking(free, _spread(chunks, passages), progress),
    )


def _generator(model: Path, threads: int, *, grounded: bool) -> LocalGenerator:
    settings = Settings(
        generator="transformers",
        models=ModelSettings(model=str(model), threads=threads),
        answering=AnsweringSettings(grounded=grounded),
    )
    return LocalGenerator(settings, load_local(settings))


class _Unscored:
    """In place of the reader, which must not help: every sentence is worth the same."""

    def score(self, question: str, texts: Sequence[str]) -> list[float]:
        return [0.0] * len(texts)


def _answer(generator: LocalGenerator, question: str, item: Item) -> Draft | None:
    """None where the paragraph does not fit."""
    chunk = Chunk("passage", "article", "article", item.title, (), item.context, 0)
    reading = read(question, (Hit(chunk, 1.0),), _Unscored())
    try:
        *_, draft = generator.stream(question, reading, (), Decoding())
    except InvalidInputError:
        return None
    return draft


def _answering(
    generator: LocalGenerator, items: Sequence[Item], step: int, progress: Progress, stage: str
) -> Answering:
    asked = items[::step]
    absent = _absent(items)
    off_topic = _spread(bank_questions(held_out=True), len(asked))
    total, done, too_long, started = 2 * len(asked) + len(off_topic), 0, 0, time.perf_counter()

    def drafts(cases: Iterable[tuple[str, Item]]) -> list[Draft]:
        nonlocal done, too_long
        found = []
        for question, item in cases:
            draft = _answer(generator, question, item)
            found.append(draft or Draft())
            too_long += draft is None
            done += 1
            progress(stage, done, total)
        return found

    answered = drafts((item.question, item) for item in asked)
    withheld = drafts((item.question, absent[item.context]) for item in asked if item.context in absent)
    outside = drafts((question, items[(7 * n) % len(items)]) for n, question in enumerate(off_topic))
    seconds = time.perf_counter() - started
    usages = [draft.usage for draft in (*answered, *withheld, *outside)]
    written = sum(usage.completion_tokens for usage in usages)
    texts = [without_marks(draft.text) for draft in answered]
    pairs = list(zip(texts, asked, strict=True))
    return Answering(
        questions=len(asked),
        sentence_right=_mean(_quotes(draft, item) for draft, item in zip(answered, asked, strict=True)),
        f1=_mean(max(token_f1(text, answer) for answer in item.answers) for text, item in pairs),
        exact=_mean(any(token_f1(text, one) == 1 for one in item.answers) for text, item in pairs),
        sentence_f1=_mean(token_f1(text, item.sentences[item.gold]) for text, item in pairs),
        sentence_exact=_mean(text.strip() == item.sentences[item.gold].strip() for text, item in pairs),
        wrongly_declined=_mean(not text.strip() for text in texts),
        too_long=too_long,
        declined_absent=_mean(not draft.text.strip() for draft in withheld),
        declined_off_topic=_mean(not draft.text.strip() for draft in outside),
        off_topic_questions=len(outside),
        tokens_per_second=round((written + sum(usage.prompt_tokens for usage in usages)) / seconds, 1),
        written_per_second=round(written / seconds, 1),
    )


def _absent(items: Sequence[Item]) -> dict[str, Item]:
    """Paragraph -> the next one of its article (the first behind the last), which answers other questions."""
    by_article: dict[str, dict[str, Item]] = {}
    for item in items:
        by_article.setdefault(item.title, {}).setdefault(item.context, item)
    found: dict[str, Item] = {}
    for paragraphs in by_article.values():
        ring = list(paragraphs.values())
        if len(ring) > 1:
            found |= {one.context: other for one, other in zip(ring, [*ring[1:], ring[0]], strict=True)}
    return found


def _quotes(draft: Draft, item: Item) -> bool:
    if not draft.quotes:
        return False
    quoted, gold = draft.quotes[0].unit.text, item.sentences[item.gold]
    return quoted in gold or gold in quoted


def _asking(generator: LocalGenerator, chunks: Sequence[Chunk], progress: Progress) -> Asking:
    reader, purpose = Reader(), Settings().assistant.purpose
    found, verbatim, answerable = [], 0, 0
    for done, chunk in enumerate(chunks, 1):
        passage = Passage.of(chunk)
        for candidate in asking.questions(passage, generator.write, 1, purpose):
            found.append((candidate.question, candidate.answer))
            if candidate.evidence:
                verbatim += 1
                best = read(candidate.question, (Hit(chunk, 1.0),), reader).units
                answerable += bool(best) and best[0].unit.text == candidate.evidence[0]
        progress("ask", done, len(chunks))
    count = max(1, len(chunks))
    return Asking(
        len(chunks),
        round(len(found) / count, 4),
        round(verbatim / count, 4),
        round(answerable / count, 4),
        _spread(found, _SHOWN),
    )


def _spread(found: Sequence[T], count: int) -> list[T]:
    """At most `count`, evenly spread."""
    return list(found[:: max(1, len(found) // count)][:count])


def _mean(values: Iterable[float]) -> float:
    found = [float(value) for value in values]
    return round(sum(found) / len(found), 4) if found else 0.0


if __name__ == "__main__":
    sys.exit(main())
