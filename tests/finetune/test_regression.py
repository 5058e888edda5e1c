"""What is asked about another handbook, and that a reader is asked it once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from core.progress import silent
from finetune import datasets, regression
from finetune.decision import fitted_on
from finetune.promotion import ask_all
from finetune.reader_data import kept_assistant
from tests.fakes import FakeReranker
from tests.finetune.building import SmallInhouse, handbook, pair, small_inhouse


def test_the_questions_are_none_that_the_decision_was_fitted_on() -> None:
    asked = regression.questions()
    fitted = {pair.question for pair in fitted_on(datasets.load(regression.HANDBOOK / "questions.jsonl"))}
    assert fitted.isdisjoint({pair.question for pair in asked})
    assert {kind: sum(pair.kind == kind for pair in asked) for kind in regression.ASKED} == regression.ASKED
    assert asked == regression.questions()


def test_a_reader_that_was_asked_before_is_not_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Tuned(FakeReranker):
        id = "tuned-reader"

    def counted(answerer: Any, pairs: Any, name: str, progress: Any) -> Any:
        asked.append(name)
        return ask_all(answerer, pairs, name, progress)

    with small_inhouse(tmp_path, handbook()) as inhouse:

        @contextmanager
        def lent(folder: Path, data_dir: Path, beside: Any, adapter: Path, progress: Any) -> Iterator[Any]:
            reader = Tuned() if adapter.name == "tuned" else FakeReranker()
            yield _Answers(inhouse, reader)

        monkeypatch.setattr(regression, "kept_assistant", lent)
        monkeypatch.setattr(regression, "ask_all", counted)
        monkeypatch.setattr(regression, "questions", lambda: [pair("q", "what is the limit for breakfast")])
        first = regression.both(inhouse, tmp_path / "tuned", silent)
        assert [name.split()[0] for name in asked] == ["current", "tuned"]
        assert regression.both(inhouse, tmp_path / "tuned", silent) == first
        assert len(asked) == 2


def test_the_other_handbook_is_indexed_once_with_the_settings_in_use(tmp_path: Path) -> None:
    stages: list[str] = []

    def told(stage: str, done: int, total: int, note: str = "") -> None:
        stages.append(stage)

    with small_inhouse(tmp_path / "data", handbook(), retrieval={"rerank_top": 3}) as inhouse:
        for _ in range(2):
            arguments = (regression.HANDBOOK, tmp_path / "kept", inhouse, tmp_path / "tuned", told)
            with kept_assistant(*arguments) as assistant:
                assert assistant.index.count_chunks() > 100
                assert assistant.index.version == 1
                assert assistant.settings.retrieval.rerank_top == 3
                assert assistant.adapter == tmp_path / "tuned"
                assert assistant.embedder is inhouse.embedder
        assert inhouse.index.count_chunks() == len(handbook())  # nothing of it is in the company's own
    assert "indexing" in stages


class _Answers:
    def __init__(self, inhouse: SmallInhouse, reader: FakeReranker) -> None:
        self.answerer = inhouse.answerer_with(reader)
