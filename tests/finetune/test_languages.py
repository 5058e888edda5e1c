from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.units import split_units
from finetune.languages import differ, language_of

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("How many days of leave do I get?", "en"),
        ("can i bring my dog", "en"),
        ("Wie viele Urlaubstage habe ich im Jahr?", "de"),
        ("Die Kündigungsfrist beträgt drei Monate zum Ende des Quartals.", "de"),
        ("Combien de jours de congé ai-je ?", "fr"),
        ("¿Cuántos días de vacaciones tengo al año?", "es"),
        ("Quanti giorni di ferie ho all'anno e come li chiedo?", "it"),
        ("Quantos dias de férias tenho e como os peço?", "pt"),
        ("Hoeveel dagen verlof heb ik en hoe vraag ik dat aan?", "nl"),
        ("Ile dni urlopu jest w roku i jak je wziąć?", "pl"),
        ("Сколько дней отпуска?", "Cyrillic"),
        ("有給休暇は何日ありますか", "Japanese"),
        ("年假有几天？", "Han"),
        ("휴가는 며칠입니까?", "Korean"),
        ("H02 Clock wrong", ""),
        ("| Dinner | €35 |", ""),
        ("", ""),
    ],
)
def test_a_language_is_told_by_script_and_little_words_or_not_at_all(text: str, language: str) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize(
    ("label", "language"), [("de", "de"), ("de-AT", "de"), ("ru", "Cyrillic"), ("fi", "fi")]
)
def test_the_label_of_a_document_decides(label: str, language: str) -> None:
    assert language_of("H02", label) == language


@pytest.mark.parametrize(
    ("question", "evidence", "label", "expected"),
    [
        ("What is the Kündigungsfrist?", "Die Kündigungsfrist beträgt drei Monate für alle.", "", True),
        ("What is the Kündigungsfrist?", "| Kündigungsfrist | 3 |", "", False),
        ("What is the Kündigungsfrist?", "| Kündigungsfrist | 3 |", "de", True),
        ("Wie lang ist die Kündigungsfrist?", "Die Kündigungsfrist ist drei Monate.", "", False),
        ("What is the Отпуск?", "Отпуск составляет 28 дней.", "", True),
        ("有給", "有給休暇は二十日です。", "", False),
    ],
)
def test_question_and_evidence_differ_where_both_tell(
    question: str, evidence: str, label: str, expected: bool
) -> None:
    assert differ(question, evidence, label) is expected


def test_no_english_question_of_people_is_taken_for_another_language_than_its_evidence() -> None:
    files = [*ROOT.glob("finetune/practice/*/questions.jsonl"), ROOT / "examples" / "questions.jsonl"]
    rows = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    asked = [(row["question"], item["quote"]) for row in rows for item in row.get("evidence", ())]
    wrong = [pair for pair in asked if differ(*pair)]
    assert len(asked) > 2000
    assert len(wrong) <= len(asked) / 1000


def test_units_of_english_documents_are_english_or_untold() -> None:
    texts = [
        path.read_text(encoding="utf-8")
        for path in sorted(ROOT.glob("finetune/practice/charity/docs/**/*.md"))
    ]
    told = [language_of(unit.readable()) for text in texts for unit in split_units(text)]
    assert len(told) > 300
    assert sum(language not in ("", "en") for language in told) <= len(told) / 200
