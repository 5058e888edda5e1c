"""Groups to train the reader on: from question-answer pairs over an index, and from question-sentence pairs
(NQG).
"""

from __future__ import annotations

import json
import random
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.followup import standalone
from core.interfaces import Embedder
from core.models.reader import unit_input
from core.progress import Progress, silent
from core.reading import fold
from core.settings import Settings
from core.types import Chunk, Hit, QAPair
from core.units import Unit, split_units
from finetune.recipes.reader import ReaderGroup
from finetune.similarity import content_words

if TYPE_CHECKING:
    from core.bootstrap import Inhouse

PRACTICE = Path(__file__).parent / "practice"
_PASSAGES = 8  # retrieved chunks a question's texts are taken from, as at serving time
_NEGATIVES = 24  # units kept of them, hardest first
_ANSWERABLE = ("answerable", "multi", "followup")
_NEAR, _SIMILAR = 8, 10  # NQG: neighbouring and similar sentences kept as negatives
_SIMILAR_WITHIN = 150  # lines of NQG before and after, which is about an article


def groups_from_pairs(
    pairs: Sequence[QAPair], inhouse: Inhouse, *, seed: int, progress: Progress = silent
) -> list[ReaderGroup]:
    """A group a pair over the units of the retrieved chunks.

    Positives are the units that hold the evidence; an unanswerable or off-topic pair has none, and
    a pair made by contrast does not see the chunk that is withheld from it. Negatives come from the same
    retrieval as at serving time, those first that share most of the question's words and stand in the best
    hit. The reader scores such ones as high as those of the highest cosine (a mean logit of -2.2 against
    -2.1, at random -3.6, over 30 questions of `examples/`), and finding them takes a two-hundredth of the
    time.
    """
    groups: list[ReaderGroup] = []
    by_source = _chunks_by_source(inhouse) if pairs else {}
    questions = [standalone(pair.question, pair.history) for pair in pairs]
    vectors = inhouse.embedder.embed(questions) if questions else np.empty((0, 0), dtype=np.float32)
    for done, (pair, question, vector) in enumerate(zip(pairs, questions, vectors, strict=True), 1):
        hits = inhouse.retriever.fuse(question, vector=vector)
        score = {hit.chunk.id: hit.score for hit in hits}
        groups += _unit_group(pair, question, _passages(pair, hits, by_source), score)
        progress("collect passages", done, len(pairs))
    random.Random(seed).shuffle(groups)
    return groups


def _chunks_by_source(inhouse: Inhouse) -> dict[str, list[Chunk]]:
    found: dict[str, list[Chunk]] = defaultdict(list)
    for chunk in inhouse.index.all_chunks():
        found[chunk.source].append(chunk)
    return found


def _passages(pair: QAPair, hits: Sequence[Hit], by_source: dict[str, list[Chunk]]) -> list[Chunk]:
    """The first chunks of a search, with those that hold the evidence put in where it missed them."""
    if pair.kind == "unanswerable" and pair.evidence:
        kept = [
            hit.chunk for hit in hits if hit.chunk.id != pair.chunk_id and not _holds(hit.chunk.text, pair)
        ]
        return kept[:_PASSAGES]
    chunks = [hit.chunk for hit in hits[:_PASSAGES]]
    known = {chunk.id for chunk in chunks}
    for evidence in pair.evidence:
        missed = [
            chunk for chunk in by_source.get(evidence.source, []) if fold(evidence.quote) in fold(chunk.text)
        ]
        chunks += [chunk for chunk in missed[:1] if chunk.id not in known]
    return chunks


def _holds(text: str, pair: QAPair) -> bool:
    folded = fold(text)
    return any(fold(evidence.quote) in folded for evidence in pair.evidence)


def _unit_group(
    pair: QAPair, question: str, chunks: Sequence[Chunk], score: Mapping[str, float]
) -> Iterator[ReaderGroup]:
    """None where an answerable question's evidence is not to be found among the units."""
    units = [(chunk, unit) for chunk in chunks for unit in split_units(chunk.text)]
    answerable = pair.kind in _ANSWERABLE
    positive = evidence_units(pair, [unit for _, unit in units]) if answerable else set()
    if not positive and answerable:
        return
    inputs = [unit_input(chunk, unit) for chunk, unit in units]
    asked = content_words(question)
    hardness = {
        inputs[number]: len(asked & content_words(unit.in_context())) / max(1, len(asked))
        + score.get(chunk.id, 0.0)
        for number, (chunk, unit) in enumerate(units)
        if number not in positive and not (answerable and _also_answers(unit, pair))
    }
    right = tuple(inputs[number] for number in sorted(positive))
    hardest = sorted(hardness, key=lambda text: -hardness[text])[:_NEGATIVES]
    yield ReaderGroup(question, right, tuple(hardest))


def evidence_units(pair: QAPair, units: Sequence[Unit]) -> set[int]:
    """Numbers of the units that hold a quote of the pair, or that a quote spans; of these the ones with a
    keyword, if any.
    """
    quotes = [fold(evidence.quote) for evidence in pair.evidence]
    found = set()
    for number, unit in enumerate(units):
        text = fold(unit.text)
        if any(quote in text or (len(text.split()) >= 3 and text in quote) for quote in quotes if quote):
            found.add(number)
    keyed = {number for number in found if any(_has(units[number], keyword) for keyword in pair.keywords)}
    return keyed or found


def _also_answers(unit: Unit, pair: QAPair) -> bool:
    """True where a unit elsewhere holds every keyword: it may well be right, so it is no negative."""
    return bool(pair.keywords) and all(len(keyword) > 3 and _has(unit, keyword) for keyword in pair.keywords)


def _has(unit: Unit, keyword: str) -> bool:
    return fold(keyword) in fold(unit.in_context())


def practice_groups(
    *, without: Sequence[str] = (), seed: int = 13, progress: Progress = silent
) -> list[ReaderGroup]:
    """Groups over the invented handbooks of `finetune/practice`, each indexed by itself.

    `without` names handbooks that are kept for measuring.
    """
    from finetune.datasets import load

    groups: list[ReaderGroup] = []
    for folder in practice_handbooks():
        if folder.name in without:
            continue
        with practice_assistant(folder) as inhouse:
            pairs = load(folder / "questions.jsonl")
            groups += groups_from_pairs(pairs, inhouse, seed=seed, progress=progress)
    random.Random(seed).shuffle(groups)
    return groups


def practice_handbooks() -> list[Path]:
    return sorted(path.parent for path in PRACTICE.glob("*/questions.jsonl"))


@contextmanager
def practice_assistant(
    folder: Path, reader_adapter: Path | None = None, beside: Sequence[Path] = (), progress: Progress = silent
) -> Iterator[Inhouse]:
    """An assistant over one practice handbook, in a data folder that is removed at the end.

    `beside` are folders of other documents that are indexed with it.
    """
    from core.bootstrap import Inhouse
    from ingestion.indexing import reindex

    with tempfile.TemporaryDirectory(prefix="inhouse-practice-") as temporary:
        settings = Settings(data_dir=Path(temporary))
        inhouse = Inhouse(settings, reader_adapter=reader_adapter)
        reindex(settings, [folder / "docs", *beside], embedder=inhouse.embedder, progress=progress)
        try:
            yield inhouse
        finally:
            inhouse.close()


@contextmanager
def kept_assistant(
    folder: Path, data_dir: Path, beside: Inhouse, reader_adapter: Path, progress: Progress = silent
) -> Iterator[Inhouse]:
    """An assistant over one practice handbook whose index stays in `data_dir`, with the settings, embedder
    and guards of `beside`.
    """
    from core.bootstrap import Inhouse
    from ingestion.indexing import reindex

    embedded = {"data_dir": data_dir, "chroma_url": "", "database_url": "", "generator": "reader"}
    settings = beside.settings.model_copy(update=embedded)
    inhouse = Inhouse(settings, reader_adapter=reader_adapter)
    inhouse.embedder, inhouse.guards = beside.embedder, beside.guards
    inhouse.off_topic_bank = beside.off_topic_bank
    reindex(settings, [folder / "docs"], embedder=inhouse.embedder, progress=progress)
    try:
        yield inhouse
    finally:
        inhouse.close()


def nqg_groups(path: Path, embedder: Embedder, *, seed: int = 13) -> list[ReaderGroup]:
    """One group a question of `question_sentence_pairs.jsonl`: its sentence against neighbours and similar
    ones.
    """
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    parts: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        parts[row["part"]].append(row)
    groups = [group for part in parts.values() for group in _part_groups(part, embedder)]
    random.Random(seed).shuffle(groups)
    return groups


def _part_groups(rows: list[dict[str, Any]], embedder: Embedder) -> Iterator[ReaderGroup]:
    rows = sorted(rows, key=lambda row: row["line"])
    sentences = [detokenize(row["sentence"]) for row in rows]
    questions = [detokenize(row["question"]) for row in rows]
    distinct = sorted(set(sentences))
    number_of = {sentence: number for number, sentence in enumerate(distinct)}
    sentence_vectors, question_vectors = embedder.embed(distinct), embedder.embed(questions)
    at = np.array([number_of[sentence] for sentence in sentences])
    for position, question in enumerate(questions):
        gold = int(at[position])
        near = _nearest(at, position, gold)
        window = at[max(0, position - _SIMILAR_WITHIN) : position + _SIMILAR_WITHIN]
        pool = np.array(sorted(set(window.tolist()) - {gold}))
        similarity = sentence_vectors[pool] @ question_vectors[position]
        similar = [int(pool[rank]) for rank in np.argsort(-similarity)[:_SIMILAR]]
        mixed = [number for number in chain(*zip_longest(near, similar)) if number is not None]
        yield ReaderGroup(
            question, (distinct[gold],), tuple(distinct[number] for number in dict.fromkeys(mixed))
        )


def _nearest(at: np.ndarray[Any, Any], position: int, gold: int) -> list[int]:
    found: dict[int, None] = {}
    for distance in range(1, 60):
        for other in (position - distance, position + distance):
            if 0 <= other < len(at) and at[other] != gold:
                found.setdefault(int(at[other]))
        if len(found) >= _NEAR:
            break
    return list(found)[:_NEAR]


def detokenize(text: str) -> str:
    """Undoes the Treebank tokens of NQG: `levi 's stadium ( 2016 )` becomes `levi's stadium (2016)`."""
    text = text.replace("` ` ", '"').replace(" ''", '"')
    text = re.sub(r" ([,.;:?!%)\]'])", r"\1", text)
    text = re.sub(r"([(\[$£€]) ", r"\1", text)
    text = re.sub(r" (n't|'(?:s|re|ve|ll|d|m))\b", r"\1", text)
    return re.sub(r"(\d) - (\d)", r"\1-\2", text).strip()
