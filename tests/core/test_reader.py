"""The shipped reader itself, with the packaged MiniLM."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from core.errors import AdapterMismatchError, ModelError
from core.models.reader import SHIPPED_ADAPTER, Reader, base_hash, heading_line, unit_input
from core.types import Chunk
from core.units import split_units

PASSAGE = """Annual leave is 27 days a year. Unused days lapse on 30 June.

Overnight stays:

- Breakfast is paid up to €12
- Hotels in large cities up to €160

| Priority | First reply |
|---|---|
| Critical | 30 minutes |
| Low | 3 working days |
"""


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How much holiday do I get?", "27 days"),
        ("when do I lose the vacation I did not take", "30 June"),
        ("What may my hotel room cost?", "€160"),
        ("how fast do they react to urgent tickets", "30 minutes"),
    ],
)
def test_it_chooses_the_sentence_item_or_row_that_answers(reader: Reader, question: str, answer: str) -> None:
    chunk = Chunk("c", "d", "d.md", "Staff guide", (), PASSAGE, 0)
    units = split_units(PASSAGE)
    scores = reader.score(question, [unit_input(chunk, unit) for unit in units])
    assert answer in units[scores.index(max(scores))].text


def test_its_logits_do_not_depend_on_what_else_is_scored(reader: Reader) -> None:
    texts = [
        "Guide: Annual leave is 27 days.",
        "Guide: The canteen opens at noon, and closes at two o'clock.",
    ]
    together = reader.score("How much leave?", texts)
    alone = [reader.score("How much leave?", [text])[0] for text in texts]
    assert together == pytest.approx(alone, abs=0.15)  # bfloat16
    assert reader.score("How much leave?", []) == []


def test_a_heading_that_repeats_the_one_before_is_said_once() -> None:
    assert heading_line("Leave", ("LEAVE", "Parents")) == "Leave > Parents"
    chunk = Chunk("c", "d", "d.md", "Leave", ("Parents",), "**Sixteen** weeks.", 0)
    assert unit_input(chunk, split_units(chunk.text)[0]) == "Leave > Parents: Sixteen weeks."


def test_a_missing_adapter_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no reader adapter"):
        _ = Reader(tmp_path).id


def test_a_damaged_adapter_is_named(tmp_path: Path) -> None:
    damaged = tmp_path / "adapter"
    shutil.copytree(SHIPPED_ADAPTER, damaged)
    (damaged / "adapter_model.safetensors").write_bytes(b"not weights")
    with pytest.raises(ModelError, match="cannot be loaded"):
        Reader(damaged).score("a", ["b"])


def test_an_adapter_of_another_input_format_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "adapter"
    shutil.copytree(SHIPPED_ADAPTER, other)
    card = json.loads((other / "card.json").read_text(encoding="utf-8"))
    (other / "card.json").write_text(json.dumps({**card, "input_format": "older"}), encoding="utf-8")
    with pytest.raises(AdapterMismatchError, match="another input format"):
        Reader(other).score("a", ["b"])


def test_an_adapter_of_another_base_is_refused(tmp_path: Path) -> None:
    """Also where the name is the same: the hash is of weights and tokenizer."""
    other = tmp_path / "adapter"
    shutil.copytree(SHIPPED_ADAPTER, other)
    card = json.loads((other / "card.json").read_text(encoding="utf-8"))
    assert card["base_hash"] == base_hash()
    (other / "card.json").write_text(json.dumps({**card, "base_hash": "0" * 16}), encoding="utf-8")
    with pytest.raises(AdapterMismatchError, match="another base hash"):
        Reader(other).score("a", ["b"])
