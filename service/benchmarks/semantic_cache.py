"""`python -m service.benchmarks.semantic_cache`: false and true hits of the semantic cache's rules.

The pairs of `question_pairs.jsonl` are paraphrases (`same`) and near misses; rules and threshold were chosen
on the half `tuned`, and `held_out` says what they are worth. With question files as arguments, every pair of
questions of one file is judged too: agreeing with other evidence is a false hit. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from core.interfaces import Embedder, FloatMatrix
from core.settings import CacheSettings
from service.likeness import sense_of

PAIRS = Path(__file__).parent / "question_pairs.jsonl"
THRESHOLDS = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98)


@dataclass(frozen=True, slots=True)
class Judged:
    first: str
    second: str
    same: bool
    kind: str
    half: str
    cosine: float
    agrees: bool  # by their words

    def hits(self, similarity: float, *, words: bool = True) -> bool:
        return self.cosine >= similarity and (self.agrees or not words)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("questions", nargs="*", type=Path, help="question files in the evaluation's format")
    parser.add_argument("--similarity", type=float, default=CacheSettings().similarity)
    parser.add_argument("--show", action="store_true", help="print the pairs that are judged wrongly")
    arguments = parser.parse_args()
    from core.models.embedder import SentenceEmbedder

    embedder = SentenceEmbedder()
    pairs = judge(read_rows(PAIRS), embedder)
    report = summary(pairs, arguments.similarity)
    for path in arguments.questions:
        hits = list(agreeing(read_rows(path), arguments.similarity, embedder))
        false = [hit for hit in hits if not hit[2]]
        report[path.parent.name + "/" + path.name] = {
            "questions": sum(1 for _ in read_rows(path)), "hits": len(hits), "other_evidence": len(false)
        }  # fmt: skip
        show([f"other evidence: {one} | {other}" for one, other, _ in false], arguments.show)
    wrong = [pair for pair in pairs if pair.hits(arguments.similarity) != pair.same]
    show([f"{pair.kind} {pair.cosine:.2f}: {pair.first} | {pair.second}" for pair in wrong], arguments.show)
    print(json.dumps(report, indent=1))


def summary(pairs: Sequence[Judged], similarity: float) -> dict[str, Any]:
    """Of each half: hits among near misses (false) and paraphrases (true); what likeness alone would do."""
    report: dict[str, Any] = {"similarity": similarity}
    for half in ("tuned", "held_out"):
        mine = [pair for pair in pairs if pair.half == half]
        misses, same = [p for p in mine if not p.same], [p for p in mine if p.same]
        kinds: dict[str, list[bool]] = defaultdict(list)
        for pair in same:
            kinds[pair.kind].append(pair.hits(similarity))
        report[half] = {
            "near_misses": len(misses),
            "false_hits": sum(pair.hits(similarity) for pair in misses),
            "paraphrases": len(same),
            "true_hits": sum(pair.hits(similarity) for pair in same),
            "true_hits_by_kind": {kind: f"{sum(found)}/{len(found)}" for kind, found in kinds.items()},
            "by_similarity": {
                str(at): {
                    "words": [sum(p.hits(at) for p in misses), sum(p.hits(at) for p in same)],
                    "likeness_alone": [sum(p.hits(at, words=False) for p in part) for part in (misses, same)],
                }
                for at in THRESHOLDS
            },
        }
    return report


def judge(rows: Iterable[dict[str, Any]], embedder: Embedder) -> list[Judged]:
    rows = list(rows)
    first, second = (embedder.embed([row[side] for row in rows]) for side in ("first", "second"))
    cosines = (first * second).sum(axis=1)
    return [
        Judged(**row, cosine=float(cosine), agrees=sense_of(row["first"]).agrees(sense_of(row["second"])))
        for row, cosine in zip(rows, cosines, strict=True)
    ]


def agreeing(
    rows: Iterable[dict[str, Any]], similarity: float, embedder: Embedder
) -> Iterator[tuple[str, str, bool]]:
    """Pairs of questions of one file that would share an answer, and whether they share evidence."""
    alone = [row for row in rows if not row.get("history")]
    senses = [sense_of(row["question"]) for row in alone]
    groups: dict[object, list[int]] = defaultdict(list)
    for number, sense in enumerate(senses):  # only these can agree
        groups[frozenset(word.text for word in sense.words)].append(number)
    for numbers in groups.values():
        for one, other in combinations(numbers, 2):
            texts = alone[one]["question"], alone[other]["question"]
            if texts[0] == texts[1] or not senses[one].agrees(senses[other]):
                continue
            vectors: FloatMatrix = embedder.embed(texts)
            if float(vectors[0] @ vectors[1]) >= similarity:
                evidence = [
                    {item["quote"] for item in alone[number].get("evidence", ())} for number in (one, other)
                ]
                yield (*texts, evidence[0] == evidence[1] or bool(evidence[0] & evidence[1]))


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def show(lines: Iterable[str], wanted: bool) -> None:
    if wanted:
        for line in lines:
            print(line, file=sys.stderr)


if __name__ == "__main__":
    main()
