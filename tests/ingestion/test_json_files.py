"""JSON and JSON Lines as what a person would write down of them, and files that only mean harm."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ingestion.loaders.json_files import JSONLoader
from tests.ingestion.making import loaded, refusal


def text(value: object, name: str = "site-list.json") -> str:
    return JSONLoader(name, json.dumps(value).encode()).load()[0].page_content


def test_like_objects_are_a_table() -> None:
    value = [
        {"site": "Berlin", "max_temp": 40, "open": True},
        {"site": "Paris", "max_temp": 1.5, "fax": None},
    ]
    assert text(value) == (
        "# Site list\n\n| site | max temp | open |\n| --- | --- | --- |\n"
        "| Berlin | 40 | yes |\n| Paris | 1.5 |  |"
    )


def test_questions_and_answers_are_sections() -> None:
    value = [
        {"id": "q1", "question": "Who pays?", "answer": "<p>The <b>company</b>.</p><ul><li>always</li></ul>"},
        {"id": "q2", "question": "When?", "answer": "Soon."},
    ]
    assert text(value) == (
        "# Site list\n\n## Who pays?\n\nThe company.\n\n- always\n\n- id: q1\n\n## When?\n\nSoon.\n\n- id: q2"
    )


def test_objects_with_long_texts_are_sections_under_their_names() -> None:
    value = [
        {"name": "Split", "body": "Text. " * 110, "by": "IT"},
        {"name": "Full", "body": "# no heading", "by": "IT"},
    ]
    assert text(value) == (
        f"# Site list\n\n## Split\n\n{'Text. ' * 109}Text.\n\n- by: IT\n\n"
        "## Full\n\n\\# no heading\n\n- by: IT"
    )


def test_a_nested_object_is_sections_then_lists(tmp_path: Path) -> None:
    value = {
        "title": "Gate",
        "policy": {"logs": {"kept": {"days": 30, "where": {"city": "Berlin", "racks": [1, [2]]}}}},
        "colours": ["red", "green"],
        "note": "Long. " * 40,
    }
    document = loaded(tmp_path, "gate.json", json.dumps(value))
    assert document.title == "Gate"
    assert document.text == (
        f"# Gate\n\n- colours: red, green\n\nnote:\n\n{'Long. ' * 39}Long.\n\n"
        "## policy\n\n### logs\n\n#### kept\n\n"
        "- days: 30\n\n- where:\n  - city: Berlin\n  - racks:\n    - 1\n    - 2"
    )


def test_unlike_objects_are_sections() -> None:
    value = [{"name": "A", "deep": [{"k": 1}, {"k": 2}]}, {"title": "B", "x": "y"}, {"z": 1}]
    assert text(value) == (
        "# Site list\n\n## A\n\n### deep\n\n| k |\n| --- |\n| 1 |\n| 2 |\n\n"
        "## B\n\n- x: y\n\n## Record 3\n\n- z: 1"
    )


def test_an_object_that_only_has_a_name_is_kept() -> None:
    assert text({"team": [{"name": "Alice"}]}) == "# Site list\n\n## team\n\n### Alice\n\n- name: Alice"
    assert text([{"name": "Alice", "deep": [{"k": [1]}]}, {"name": "Bob"}]) == (
        "# Site list\n\n## Alice\n\n### deep\n\n#### Record 1\n\n- k: 1\n\n## Bob\n\n- name: Bob"
    )
    assert text({"title": "Parking is free."}) == "# Parking is free.\n\n- title: Parking is free."


def test_numbers_stay_as_they_are_written(tmp_path: Path) -> None:
    content = '{"price": 1.50, "big": 123456789012345678901234567890, "rate": 1e3}'
    expected = "# A\n\n- price: 1.50\n- big: 123456789012345678901234567890\n- rate: 1e3"
    assert loaded(tmp_path, "a.json", content).text == expected


def test_names_that_read_the_same_keep_both_values() -> None:
    assert text({"max_temp": 1, "max temp": 2}) == "# Site list\n\n- max temp: 1\n- max temp: 2"


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.json"])
def test_lines_of_objects_are_one_list(tmp_path: Path, name: str) -> None:
    content = '{"k": "a", "n": 1}\n\n{"k": "b", "n": 2}\n'
    assert loaded(tmp_path, name, content).text == "# A\n\n| k | n |\n| --- | --- |\n| a | 1 |\n| b | 2 |"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.json", '{"a": ', "It is not readable JSON (line 1: Expecting value)."),
        ("a.json", '{\n"a": 1,\n}', "It is not readable JSON (line 3:"),
        ("a.jsonl", '{"a": 1}\n{"a"\n', "It is not readable JSON (line 2:"),
        ("a.json", "{}", "It holds no text."),
        ("a.json", '[null, "", []]', "It holds no text."),
        ("a.json", b"\x00\x01\x02", "It is a binary file, not text."),
        ("a.json", '["\\ud800"', "It is not readable JSON"),
    ],
)
def test_what_is_no_json_is_named(tmp_path: Path, name: str, content: bytes | str, reason: str) -> None:
    assert refusal(tmp_path, name, content).startswith(reason)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("depth", [101, 900, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_nesting_over_the_limit_is_named(tmp_path: Path, depth: int, opening: str, closing: str) -> None:
    expected = "It is nested too deeply; the limit is 100 levels (INHOUSE_INGESTION__MAX_NESTING)."
    assert refusal(tmp_path, "a.json", opening * depth + '"x"' + closing * depth) == expected


def test_nesting_up_to_the_limit_is_read(tmp_path: Path) -> None:
    assert "x" in loaded(tmp_path, "a.json", '{"a":' * 100 + '"x"' + "}" * 100).text


def test_records_over_the_limit_are_named(tmp_path: Path) -> None:
    rows = [{"k": number} for number in range(11)]
    assert "MAX_ROWS" in refusal(tmp_path, "a.json", json.dumps(rows), max_rows=10)
    lines = "\n".join(map(json.dumps, rows))
    assert "MAX_ROWS" in refusal(tmp_path, "a.jsonl", lines, max_rows=10)
    assert loaded(tmp_path, "b.jsonl", lines, max_rows=11).text.endswith("| 10 |")


def test_control_characters_are_left_out() -> None:
    assert text({"a": "x\x00\x1b[31my", "b": "\x07"}) == "# Site list\n\n- a: x[31my"
