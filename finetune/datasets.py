"""Datasets of question-answer pairs on disk, and how they are split without leakage."""

from __future__ import annotations

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.errors import InvalidInputError
from core.types import QAPair
from finetune.similarity import near_duplicates, words

KINDS = ("answerable", "multi", "followup", "unanswerable", "offtopic", "injection")
ANSWERABLE_KINDS = ("answerable", "multi", "followup")
LEARNED = "learned.jsonl"  # in an adapter's folder: the pairs that it was tuned on
BANK = "bank: "  # how the method of a question out of a bank begins; its topic follows
HELD_OUT_TOPIC = "held out: "  # how the name of a topic begins that is for testing alone


def save(path: Path, pairs: Iterable[QAPair]) -> None:
    """One JSON object a line, in the question-file format."""
    write_rows(path, (pair.to_json() for pair in pairs))


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """One JSON object a line. A reader sees the old file or the new one."""
    write_atomically(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def write_atomically(path: Path, text: str) -> None:
    """A reader sees the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8", newline="")
    os.replace(temporary, path)


def load(path: Path) -> list[QAPair]:
    """Raises InvalidInputError that names the line and what is wrong with it."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InvalidInputError(
            f"There is no dataset at {path}. Make one with `inhouse generate-qa`."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{path} cannot be read as UTF-8 text: {error}") from error
    numbered = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    pairs = [_parse(line, f"{path}, line {number}") for number, line in numbered]
    if not pairs:
        raise InvalidInputError(f"{path} holds no questions.")
    return pairs


def _parse(line: str, where: str) -> QAPair:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise InvalidInputError(f"{where}: not valid JSON ({error.msg}).") from error
    return from_row(row, where)


def from_row(row: Any, where: str) -> QAPair:
    """The pair of a row in the question-file format. Raises InvalidInputError that says where and why not."""
    try:
        if not isinstance(row, dict):
            raise TypeError("not a JSON object")
        pair = QAPair.from_json(row)
    except KeyError as error:
        raise InvalidInputError(f"{where}: the field {error} is missing.") from error
    except (TypeError, AttributeError) as error:
        raise InvalidInputError(f"{where}: {error}.") from error
    if not isinstance(pair.question, str) or not pair.question.strip():
        raise InvalidInputError(f"{where}: the question is empty.")
    if pair.kind not in KINDS:
        raise InvalidInputError(f"{where}: the kind {pair.kind!r} is none of {', '.join(KINDS)}.")
    return pair


def shown(pair: QAPair) -> dict[str, Any]:
    """A pair of a sample, as the JSON of a command shows it."""
    return {
        "kind": pair.kind,
        "question": pair.question,
        "answer": pair.answer,
        "method": pair.method,
        "source": pair.evidence[0].source if pair.evidence else "",
        "evidence": [item.quote for item in pair.evidence],
    }


def data_hash(pairs: Iterable[QAPair]) -> str:
    """Identifies the content of a dataset, whatever its order."""
    rows = sorted(json.dumps(pair.to_json(), sort_keys=True) for pair in pairs)
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:16]


def group_of(pair: QAPair) -> str:
    """What stays on one side of a split: the document, the topic of a question out of a bank, else the
    question alone.
    """
    if pair.document_id:
        return pair.document_id
    if pair.evidence:
        return pair.evidence[0].source
    return f"{pair.kind}: {pair.method if pair.method.startswith(BANK) else pair.id}"


def documents_of(pair: QAPair) -> set[str]:
    """Every document that the pair is about, by its id and by its path."""
    return {name for name in (pair.document_id, *(item.source for item in pair.evidence)) if name}


def is_grounded(pair: QAPair) -> bool:
    """False for a question to be answered of which no evidence is known: nothing that answers from passages
    can learn from it, nor can its answer be checked.
    """
    return bool(pair.evidence) or pair.kind not in ANSWERABLE_KINDS


def split_by_document(pairs: Sequence[QAPair], share: float, seed: int) -> tuple[list[QAPair], list[QAPair]]:
    """(train, test): whole documents and topics, about `share` of each sort of question in test.

    Documents that share a near-duplicate question or a piece of evidence stay together. Topics of the banks
    that are held out are always in test, and then they are the test of their sort. Raises
    InvalidInputError where the pairs cannot be split so that both sides hold answerable questions.
    """
    clusters = _clusters(pairs)
    by_sort: dict[str, list[list[int]]] = defaultdict(list)
    for members in clusters:
        by_sort[_sort_of([pairs[index] for index in members])].append(members)
    test: set[int] = set()
    for sort in sorted(by_sort):
        reserved = [
            members for members in by_sort[sort] if any(_is_held_out(pairs[index]) for index in members)
        ]
        test |= {index for members in reserved for index in members}
        if not reserved or sort == "answerable":
            test |= _choose(by_sort[sort], share, lambda members: _place(pairs, members, seed))
    held_out = [pair for index, pair in enumerate(pairs) if index in test]
    train = [pair for index, pair in enumerate(pairs) if index not in test]
    for name, side in (("training", train), ("test", held_out)):
        if not any(pair.kind in ANSWERABLE_KINDS for pair in side):
            raise InvalidInputError(
                f"The questions cannot be split by document: the {name} part would have none to answer. "
                "Index more documents, or documents that repeat each other less."
            )
    check_disjoint(train, held_out)
    return train, held_out


def check_disjoint(train: Sequence[QAPair], test: Sequence[QAPair]) -> None:
    """Raises InvalidInputError naming a document, evidence or near-duplicate question on both sides."""
    shared = _groups(train) & _groups(test)
    if shared:
        raise InvalidInputError(
            f"Leakage: {min(shared)!r} has questions in the training and in the test part."
        )
    evidence = _evidence(train) & _evidence(test)
    if evidence:
        raise InvalidInputError(
            f"Leakage: the evidence {min(evidence)[:120]!r} is in the training and in the test part."
        )
    for pair in train:
        if _is_held_out(pair):
            raise InvalidInputError(
                f"Leakage: {pair.question!r} in the training part is of a topic that is held out for testing."
            )
    for left, right in near_duplicates([pair.question for pair in (*train, *test)]):
        if left < len(train) <= right:
            question, other = train[left].question, test[right - len(train)].question
            raise InvalidInputError(
                f"Leakage: {other!r} in the test part is nearly {question!r} in the training part."
            )


def _groups(pairs: Iterable[QAPair]) -> set[str]:
    return {name for pair in pairs for name in (group_of(pair), *documents_of(pair))}


def _is_held_out(pair: QAPair) -> bool:
    return pair.method.startswith(BANK + HELD_OUT_TOPIC)


def _evidence(pairs: Iterable[QAPair]) -> set[str]:
    return {_folded(item.quote) for pair in pairs for item in pair.evidence}


def _folded(quote: str) -> str:
    return " ".join(words(quote))


def _sort_of(members: Sequence[QAPair]) -> str:
    """Answerable questions, off-topic ones and injections are shared out each by themselves."""
    kinds = {pair.kind for pair in members}
    return "answerable" if kinds & set(ANSWERABLE_KINDS) else min(kinds)


def _place(pairs: Sequence[QAPair], members: Sequence[int], seed: int) -> str:
    """Where a cluster stands in the order of the draw: by its name alone, so that documents which are added
    hardly move the others to another side.
    """
    name = min(group_of(pairs[index]) for index in members)
    return hashlib.sha256(f"{seed} {name}".encode()).hexdigest()


def _choose(clusters: list[list[int]], share: float, place: Callable[[list[int]], str]) -> set[int]:
    """Clusters in their order until about `share` of the questions are chosen; never all of them."""
    clusters = sorted(clusters, key=place)
    wanted = share * sum(map(len, clusters))
    chosen: set[int] = set()
    for members in clusters:
        if len(chosen) + len(members) / 2 <= wanted:
            chosen |= set(members)
    if not chosen and len(clusters) > 1:
        smallest = min(clusters, key=len)
        chosen = set(smallest)
    return chosen


def _clusters(pairs: Sequence[QAPair]) -> list[list[int]]:
    """Indices joined by a common document, evidence or near-duplicate question (union-find)."""
    parent = list(range(len(pairs)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    first: dict[str, int] = {}
    for index, pair in enumerate(pairs):
        quotes = (f"quote {_folded(item.quote)}" for item in pair.evidence)
        for key in (f"group {group_of(pair)}", *documents_of(pair), *quotes):
            parent[root(index)] = root(first.setdefault(key, index))
    for left, right in near_duplicates([pair.question for pair in pairs]):
        parent[root(right)] = root(left)
    clusters: dict[int, list[int]] = defaultdict(list)
    for index in range(len(pairs)):
        clusters[root(index)].append(index)
    return list(clusters.values())
