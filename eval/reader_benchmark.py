"""How often the reader chooses the sentence that holds the answer, beside MiniLM's cosine, on XQuAD.

    python -m eval.reader_benchmark --xquad xquad.en.json [--adapter FOLDER]

XQuAD's paragraphs and questions are never trained on. A choice is right where the answer begins in the
chosen sentence.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from core.interfaces import Embedder, Reranker
from core.models.embedder import SentenceEmbedder
from core.models.reader import SHIPPED_ADAPTER, Reader
from core.progress import Progress, console, silent
from core.units import split_sentences


@dataclass(frozen=True, slots=True)
class Item:
    question: str
    sentences: tuple[str, ...]
    gold: int  # number of the sentence in which the answer begins
    title: str = ""  # of the article
    context: str = ""  # the paragraph
    answers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BenchmarkResult:
    questions: int
    reader: float  # share of the questions answered by the right sentence
    cosine: float
    first_sentence: float  # what always taking the first would give
    reader_ms: float  # mean milliseconds a question


def load_xquad(path: Path) -> list[Item]:
    """One item a question of a file in SQuAD's format."""
    items = []
    for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            sentences = split_sentences(paragraph["context"])
            starts = sentence_starts(paragraph["context"], sentences)
            for question in paragraph["qas"]:
                at = question["answers"][0]["answer_start"]
                gold = max(number for number, start in enumerate(starts) if start <= at)
                answers = tuple(answer["text"] for answer in question["answers"])
                title = article.get("title", "").replace("_", " ")
                items.append(
                    Item(question["question"], tuple(sentences), gold, title, paragraph["context"], answers)
                )
    return items


def sentence_starts(text: str, sentences: Sequence[str]) -> list[int]:
    starts, position = [], 0
    for sentence in sentences:
        position = text.index(sentence, position)
        starts.append(position)
        position += len(sentence)
    return starts


def measure(
    items: Sequence[Item], reader: Reranker, embedder: Embedder, progress: Progress = silent
) -> BenchmarkResult:
    right = cosine_right = first = 0
    spent = 0.0
    for done, item in enumerate(items, 1):
        started = time.perf_counter()
        scores = reader.score(item.question, item.sentences)
        spent += time.perf_counter() - started
        vectors = embedder.embed([item.question, *item.sentences])
        right += int(np.argmax(scores)) == item.gold
        cosine_right += int(np.argmax(vectors[1:] @ vectors[0])) == item.gold
        first += item.gold == 0
        progress("questions", done, len(items))
    count = len(items)
    return BenchmarkResult(
        count,
        round(right / count, 4),
        round(cosine_right / count, 4),
        round(first / count, 4),
        round(spent / count * 1000, 1),
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--xquad", type=Path, required=True, help="xquad.en.json")
    parser.add_argument("--adapter", type=Path, default=SHIPPED_ADAPTER)
    parser.add_argument(
        "--limit", type=int, default=0, help="every nth question, so that about this many are asked"
    )
    args = parser.parse_args()
    items = load_xquad(args.xquad)
    if args.limit:
        items = items[:: max(1, len(items) // args.limit)]
    result = measure(items, Reader(args.adapter), SentenceEmbedder(), console())
    print(
        f"right sentence: reader {result.reader:.1%}, MiniLM cosine {result.cosine:.1%}, always the first "
        f"{result.first_sentence:.1%} of {result.questions} questions; {result.reader_ms:.0f} ms a question"
    )
    print(json.dumps(asdict(result)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
