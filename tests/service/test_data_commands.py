"""`import-qa` as it is typed, and how it and `generate-qa` tell what they did."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.types import Evidence, QAPair
from finetune import formats
from finetune.generation import GenerateReport
from service import cli, presenting


def write(path: Path, *said: tuple[str, str]) -> str:
    path.write_text("".join(json.dumps({"input": asked, "output": answer}) + "\n" for asked, answer in said))
    return str(path)


def test_import_qa_tells_what_it_took_what_it_dropped_and_shows_a_sample(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = write(tmp_path / "a.jsonl", ("Where is the kiln?", "In hall 9, " + "behind the door " * 40))
    second = write(tmp_path / "b.jsonl", ("Why?", ""), ("Who sweeps?", "Ann sweeps."))
    command = ["import-qa", first, second, "--data-dir", str(tmp_path / "data")]
    assert cli.main(command) == 0
    shown = capsys.readouterr().out
    assert "2 pairs of 3 rows (2 input-output) written to" in shown
    assert "0 answers stand in the documents. 2 do not: `retrain` leaves them out." in shown
    assert f"Dropped, and why:\n  1  {formats.EMPTY}" in shown
    assert "  Q  Who sweeps?\n  A  Ann sweeps.\n     (import)" in shown
    assert "…" in shown
    assert max(map(len, shown.split("\n\n"))) < 400
    assert cli.main([*command, "--json", "--grounded-only"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "invalid_input"
    out = tmp_path / "chat.jsonl"
    assert cli.main([*command, "--json", "--format", "messages", "--out", str(out)]) == 0
    assert json.loads(capsys.readouterr().out)["dataset"] == str(out)
    assert [list(json.loads(line)) for line in out.read_text().splitlines()] == [["messages"]] * 2


def test_wrong_usage_of_import_qa_exits_2(tmp_path: Path) -> None:
    assert cli.main(["import-qa"]) == 2
    assert cli.main(["import-qa", "a.jsonl", "--format", "poem"]) == 2


def test_the_formats_that_the_command_offers_are_those_that_there_are() -> None:
    assert cli.FORMATS == formats.FORMATS


def test_generate_qa_tells_how_questions_were_made_why_others_were_dropped_and_shows_a_sample() -> None:
    evidence = (Evidence("leave.md", "Everyone has 27 days."),)
    pair = QAPair("q", "answerable", "how much leave", "Everyone has 27 days.", evidence, method="fact")
    report = GenerateReport(
        Path("data.jsonl"),
        12,
        5,
        {"near-duplicate": 3, "over the quota": 110},
        {"fact": 12},
        {"offtopic": 5},
        [pair],
    )
    assert presenting.generated(report.to_json()) == (
        "12 questions and 5 refusals written to data.jsonl.\n\n"
        "Kept, by how they were made:\n  12  fact\n\n"
        "To decline:\n  5  offtopic\n\n"
        "Dropped, and why:\n  110  over the quota\n    3  near-duplicate\n\n"
        "A sample to read:\n\n"
        "  Q  how much leave\n  A  Everyone has 27 days.\n     (fact, leave.md)"
    )
