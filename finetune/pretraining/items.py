"""Questions with the passage that answers them, to teach from: encyclopedia (NQG), documentation, practice.

Of each source a part is held out by name, for choosing the checkpoint and for the figures.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.reading import fold
from core.types import Chunk
from finetune.base_reader import HELD_OUT
from finetune.datasets import ANSWERABLE_KINDS, load
from finetune.generation import candidates
from finetune.pretraining.casing import Casing
from finetune.pretraining.corpus import Document, share_of
from finetune.pretraining.sections import chunks_of
from finetune.reader_data import detokenize, practice_handbooks

_ARTICLE = 150  # lines of NQG that are about an article, as in finetune/reader_data.py
_NEAR = 12  # distinct sentences before and after that passages are made of
_NQG_HELD_OUT = 0.03  # of the articles
_TITLE = "Article"


@dataclass(frozen=True, slots=True)
class Item:
    question: str
    gold: Chunk
    quote: str  # verbatim in `gold`
    others: tuple[Chunk, ...]  # of the same article or document: hard distractors
    held_out: bool = False


def nqg_items(path: Path, casing: Casing, seed: int) -> list[Item]:
    """Passages are made of sentences that stand near each other, with capitals, by which sentences are told
    apart. Every second question stays in lower case, as people type.
    """
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    parts: dict[str, list[tuple[int, str, str]]] = defaultdict(list)
    for row in rows:
        parts[row["part"]].append((row["line"], detokenize(row["question"]), detokenize(row["sentence"])))
    return [
        item
        for part, found in sorted(parts.items())
        for item in _nqg_part(part, sorted(found), casing, random.Random(f"{seed} {part}"))
    ]


def _nqg_part(
    part: str, rows: Sequence[tuple[int, str, str]], casing: Casing, rng: random.Random
) -> Iterator[Item]:
    distinct = list(dict.fromkeys(sentence for _, _, sentence in rows))
    place = {sentence: number for number, sentence in enumerate(distinct)}
    article = [0] * len(distinct)
    for line, _, sentence in reversed(rows):
        article[place[sentence]] = line // _ARTICLE  # of the first line with it
    for line, question, sentence in rows:
        at, typed = place[sentence], rng.choice((casing.sentence, str))
        source = f"nqg {part} {article[at]}"
        near = range(max(0, at - _NEAR), min(len(distinct), at + _NEAR + 1))
        around = [number for number in near if article[number] == article[at]]
        first = rng.randint(max(around[0], at - 3), at)
        gold = [number for number in around if first <= number <= rng.randint(at, at + 3)]
        rest = [number for number in around if number not in gold]
        groups = [rest[start : start + 3] for start in range(0, len(rest), 3)]
        if at not in gold:
            continue
        made = [
            Chunk(f"{source} {line} {number}", source, source, _TITLE, (), text, number)
            for number, text in enumerate(
                " ".join(casing.sentence(distinct[each]) for each in group) for group in [gold, *groups]
            )
        ]
        held_out = share_of(source) < _NQG_HELD_OUT
        yield Item(typed(question), made[0], casing.sentence(sentence), tuple(made[1:]), held_out)


def documentation_items(found: Iterable[Document], seed: int) -> list[Item]:
    """Questions that the makers of `generate-qa` make of the documents' sections, but those that they make
    of several documents, since these do not tell which passage answers them.
    """
    items: list[Item] = []
    for document in found:
        chunks = chunks_of(document.path, document.text)
        by_id = {chunk.id: chunk for chunk in chunks}
        for made in candidates(chunks, seed):
            if made.candidate.evidence:
                gold = by_id[made.chunk.id]
                others = tuple(chunk for chunk in chunks if chunk.id != gold.id)
                quote = made.candidate.evidence[0]
                items.append(Item(made.candidate.question, gold, quote, others, document.held_out))
    of_documents: dict[str, set[str]] = defaultdict(set)
    for item in items:
        of_documents[fold(item.question)].add(item.gold.source)
    return [item for item in items if len(of_documents[fold(item.question)]) == 1]


def practice_items() -> list[Item]:
    """People's questions over the invented handbooks; one handbook is held out."""
    items = []
    for folder in practice_handbooks():
        chunks: dict[str, list[Chunk]] = {}
        for pair in load(folder / "questions.jsonl"):
            if pair.kind not in ANSWERABLE_KINDS or pair.history or len(pair.evidence) != 1:
                continue
            source, quote = pair.evidence[0].source, pair.evidence[0].quote
            if source not in chunks:
                chunks[source] = chunks_of(source, (folder / "docs" / source).read_text(encoding="utf-8"))
            gold = next((chunk for chunk in chunks[source] if quote in chunk.text), None)
            if gold is not None:
                others = tuple(chunk for chunk in chunks[source] if quote not in chunk.text)
                items.append(Item(pair.question, gold, quote, others, folder.name == HELD_OUT))
    return items
