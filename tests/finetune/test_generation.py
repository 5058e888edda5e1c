"""Generation over a real index of a small handbook, with word overlap in place of the models."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from core.errors import IndexEmptyError, InvalidInputError
from core.settings import FinetuneSettings
from finetune import datasets
from finetune.generation import GenerateReport, candidates, generate_qa
from tests.fakes import FakeEmbedder
from tests.finetune.building import chunk, handbook, small_inhouse


@pytest.fixture
def report(tmp_path: Path) -> GenerateReport:
    with small_inhouse(tmp_path, handbook()) as inhouse:
        return generate_qa(inhouse)


def test_every_answerable_pair_has_verbatim_evidence_in_its_chunk(report: GenerateReport) -> None:
    chunks = {item.id: item for item in handbook()}
    answerable = [pair for pair in datasets.load(report.dataset) if pair.kind == "answerable"]
    assert len(answerable) == report.pairs >= 15
    for pair in answerable:
        source = chunks[pair.chunk_id]
        assert pair.evidence
        assert all(item.quote in source.text and item.source == source.source for item in pair.evidence)
        assert pair.document_id == source.document_id
        assert pair.answer


def test_the_methods_fit_the_text_and_are_counted(report: GenerateReport) -> None:
    assert {"faq", "table", "list"} <= set(report.methods)
    assert sum(report.methods.values()) == report.pairs


def test_refusals_come_with_it_in_proportion(report: GenerateReport) -> None:
    pairs = datasets.load(report.dataset)
    kinds = Counter(pair.kind for pair in pairs)
    assert kinds["unanswerable"] == round(0.4 * report.pairs)
    assert kinds["offtopic"] >= 20
    assert kinds["injection"] >= 5
    assert report.refusals == len(pairs) - report.pairs
    assert report.kinds == {kind: kinds[kind] for kind in ("injection", "offtopic", "unanswerable")}
    assert sum(pair.id.startswith("small-talk") for pair in pairs) == 10


def test_training_never_sees_the_topics_that_are_held_out(report: GenerateReport) -> None:
    train, test = datasets.split_by_document(datasets.load(report.dataset), 0.3, seed=5)
    kept = [pair for pair in test if pair.method.startswith("bank: held out: ")]
    assert {"offtopic", "injection"} <= {pair.kind for pair in kept}
    assert not any("held out" in pair.method for pair in train)


def test_ids_are_unique_and_the_report_speaks_the_contract(report: GenerateReport) -> None:
    pairs = datasets.load(report.dataset)
    assert len({pair.id for pair in pairs}) == len(pairs)
    shown = report.to_json()
    assert {"dataset", "pairs", "refusals", "dropped"} <= set(shown)
    assert shown["dataset"].endswith("datasets/generated.jsonl")
    assert 0 < len(shown["sample"]) <= 12


def test_the_same_index_and_seed_make_the_same_dataset(tmp_path: Path) -> None:
    files = []
    for name in ("one", "two"):
        with small_inhouse(tmp_path / name, handbook()) as inhouse:
            files.append(generate_qa(inhouse).dataset.read_text())
    assert files[0] == files[1]


def test_another_seed_words_them_differently() -> None:
    wordings = [[made.candidate.question for made in candidates(handbook(), seed)] for seed in (1, 2)]
    assert wordings[0] != wordings[1]


def test_no_document_has_more_than_its_quota(tmp_path: Path) -> None:
    with small_inhouse(tmp_path, handbook(), finetune=FinetuneSettings(pairs_per_document=2)) as inhouse:
        report = generate_qa(inhouse)
    pairs = [pair for pair in datasets.load(report.dataset) if pair.kind == "answerable"]
    assert max(Counter(pair.document_id for pair in pairs).values()) == 2
    assert report.dropped["over the quota of its document"] > 0


def test_progress_is_told_by_stage(tmp_path: Path) -> None:
    told: list[str] = []
    with small_inhouse(tmp_path, handbook()) as inhouse:
        generate_qa(inhouse, progress=lambda stage, done, total: told.append(stage))
    assert list(dict.fromkeys(told)) == ["write questions", "check questions by retrieval"]


def test_a_question_is_searched_as_answering_understands_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeEmbedder, "count_tokens", lambda self, text: 2)  # no word is a common one
    leave = chunk("**How much PTO do I get a year?** Paid time off (PTO) comes to five weeks for everybody.")
    with small_inhouse(tmp_path, [leave, *handbook()]) as inhouse:
        assert "paid time off" in inhouse.retriever.understood("How much PTO do I get a year?").lower()
        report = generate_qa(inhouse)
    assert any("pto" in pair.question.lower() for pair in datasets.load(report.dataset))


def test_an_empty_index_is_named(tmp_path: Path) -> None:
    with small_inhouse(tmp_path, []) as inhouse, pytest.raises(IndexEmptyError):
        generate_qa(inhouse)


def test_documents_without_anything_to_ask_are_named(tmp_path: Path) -> None:
    with (
        small_inhouse(tmp_path, [chunk("Hello and welcome.")]) as inhouse,
        pytest.raises(InvalidInputError, match="No question could be made"),
    ):
        generate_qa(inhouse)
