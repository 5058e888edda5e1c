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

from core.types import Chunk, Evidence, QAPair
from core.units import Unit, split_units
from finetune.base_reader import HELD_OUT
from finetune.datasets import ANSWERABLE_KINDS, load
from finetune.generation import candidates
from finetune.pretraining.casing import Casing
from finetune.pretraining.corpus import Document, share_of
from finetune.pretraining.sections import chunks_of
from finetune.reader_data import detokenize, evidence_units, practice_handbooks

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

    def unit(self) -> Unit | None:
        """That holds the quote."""
        units = split_units(self.gold.text)
        pair = QAPair("", "answerable", self.question, evidence=(Evidence(self.gold.source, self.quote),))
        return next((units[number] for number in sorted(evidence_units(pair, units))), None)


def nqg_items(path: Path, casing: Casing, seed: int) -> list[Item]:
    """Passages are made of sentences that stand near each other. Every second item stays in lower case, as
    people type; the others get capitals.
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
    for line, question, sentence in rows:
        at, cased = place[sentence], rng.random() < 0.5
        write = casing.sentence if cased else str
        source = f"nqg {part} {line // _ARTICLE}"
        around = [number for number in range(at - _NEAR, at + _NEAR + 1) if 0 <= number < len(distinct)]
        first = rng.randint(max(around[0], at - 3), at)
        gold = [number for number in around if first <= number <= rng.randint(at, at + 3)]
        rest = [number for number in around if number not in gold]
        groups = [rest[start : start + 3] for start in range(0, len(rest), 3)]
        if at not in gold:
            continue
        made = [
            Chunk(f"{source} {line} {number}", source, source, _TITLE, (), text, number)
            for number, text in enumerate(
                " ".join(write(distinct[each]) for each in group) for group in [gold, *groups]
            )
        ]
        yield Item(
            write(question), made[0], write(sentence), tuple(made[1:]), share_of(source) < _NQG_HELD_OUT
        )


def documentation_items(found: Iterable[Document], seed: int) -> list[Item]:
    """Questions that the makers of `generate-qa` make of the documents' sections."""
    items = []
    for document in found:
        chunks = chunks_of(document.path, document.text)
        by_id = {chunk.id: chunk for chunk in chunks}
        for made in candidates(chunks, seed):
            if made.candidate.evidence:
                gold = by_id[made.chunk.id]
                others = tuple(chunk for chunk in chunks if chunk.id != gold.id)
                quote = made.candidate.evidence[0]
                items.append(Item(made.candidate.question, gold, quote, others, document.held_out))
    return items


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
