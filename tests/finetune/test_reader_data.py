from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.types import Evidence, QAPair
from core.units import split_units
from finetune.reader_data import detokenize, evidence_units, nqg_groups, practice_handbooks
from tests.fakes import FakeEmbedder

PASSAGE = "Leave is 27 days. Ask Ann first.\n\n| Site | Days |\n|---|---|\n| Lyon | 25 |\n| Bonn | 30 |\n"


def pair(quote: str, *keywords: str) -> QAPair:
    return QAPair("1", "answerable", "?", evidence=(Evidence("a.md", quote),), keywords=keywords)


@pytest.mark.parametrize(
    ("quote", "keywords", "found"),
    [
        ("Leave is 27 days.", ("27",), [0]),
        ("| Lyon | 25 |", ("25",), [2]),
        ("Leave is 27 days. Ask Ann first.", ("Ann",), [1]),
        ("Leave is 27 days. Ask Ann first.", (), [0, 1]),
        ("There is no leave.", ("no",), []),
    ],
)
def test_the_units_of_the_evidence_are_found(quote: str, keywords: tuple[str, ...], found: list[int]) -> None:
    assert sorted(evidence_units(pair(quote, *keywords), split_units(PASSAGE))) == found


def test_a_sentence_is_set_against_its_neighbours_and_never_against_itself(tmp_path: Path) -> None:
    rows = [
        {
            "question": f"what is {word} ?",
            "sentence": f"the {word} is number {line} .",
            "part": "dev",
            "line": line,
        }
        for line, word in enumerate(("one", "one", "two", "three", "four"))
    ]
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    groups = nqg_groups(path, FakeEmbedder())
    assert len(groups) == 5
    for group in groups:
        assert set(group.positives).isdisjoint(group.negatives)
        assert len(group.negatives) == 4


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ("levi 's stadium ( 2016 ) , 24 - 10", "levi's stadium (2016), 24-10"),
        ("it is n't ` ` golden '' .", 'it isn\'t "golden".'),
    ],
)
def test_treebank_tokens_are_undone(tokens: str, text: str) -> None:
    assert detokenize(tokens) == text


def test_the_practice_handbooks_are_there_with_questions_whose_quotes_stand_in_them() -> None:
    from finetune.datasets import load

    folders = practice_handbooks()
    assert len(folders) == 5
    for folder in folders:
        pairs = load(folder / "questions.jsonl")
        assert len(pairs) > 500
        assert all((folder / "docs" / item.source).is_file() for pair in pairs for item in pair.evidence)
