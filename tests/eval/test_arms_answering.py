"""The arms over a small real index, with the shipped reader and a generating model that was never taught."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from core.bootstrap import Inhouse
from core.models.reader import SHIPPED_ADAPTER
from core.settings import Settings
from core.types import Answer, Evidence, Message, QAPair
from eval.arms import Arm, Bench, open_arms
from eval.asking import answer_all, side_by_side
from eval.evaluation import run
from eval.journal import FOLDER, Journal
from eval.questions import QuestionFile
from eval.sharing import Traced
from finetune.registry import Registry
from ingestion.indexing import reindex
from tests.eval.building import question, write_lines
from tests.tiny_models import PASSAGES, QUESTIONS, make_llama, make_tokenizer, save

LEAVE = "How many days of annual leave does a full-time employee get?"
SICK = "Whom do I call when I am ill?"
ASKED = (
    question(
        "leave",
        question=LEAVE,
        answer="27 days.",
        keywords=("27",),
        evidence=(
            Evidence("leave.md", "Every full-time employee gets 27 days of paid annual leave a year."),
        ),
    ),
    question(
        "sick",
        question=SICK,
        answer="Your manager.",
        keywords=("manager",),
        evidence=(Evidence("leave.md", "Call your manager before nine in the morning when you are ill."),),
    ),
    question("cup", "offtopic", question="Who won the football world cup in 1998?"),
)


@pytest.fixture(scope="module")
def inhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inhouse]:
    folder = tmp_path_factory.mktemp("arms")
    docs = folder / "docs"
    docs.mkdir()
    (docs / "leave.md").write_text(
        "# Leave\n\n## Annual leave\n\nEvery full-time employee gets 27 days of paid annual leave a year.\n\n"
        "## Sick leave\n\nCall your manager before nine in the morning when you are ill.\n",
        encoding="utf-8",
    )
    (docs / "canteen.md").write_text("# Canteen\n\nThe canteen opens at eight.\n", encoding="utf-8")
    made = Inhouse(Settings(data_dir=folder / "data"))
    reindex(made.settings, [docs], embedder=made.embedder)
    yield made
    made.close()


def arms_of(inhouse: Inhouse, *names: str) -> dict[str, Arm]:
    bench = open_arms(inhouse, names, ASKED)
    assert bench.skipped == {}
    return {arm.name: arm for arm in bench.arms}


def ask(arm: Arm, asked: QAPair) -> Traced:
    answer = arm.answer(asked.question, asked.history)
    assert isinstance(answer, Traced)
    return answer


def test_an_arm_answers_as_the_service_does_and_arms_search_and_read_once(inhouse: Inhouse) -> None:
    served = Inhouse(inhouse.settings, reader_adapter=SHIPPED_ADAPTER, shared=inhouse).answerer.answer(LEAVE)
    arms = arms_of(inhouse, "base", "base+answering.max_sentences=1")
    first, second = (ask(arm, ASKED[0]) for arm in arms.values())
    assert (first.answer, first.citations, first.hits) == (served.answer, served.citations, served.hits)
    assert first.reused_ms == 0
    assert second.reused_ms > 0.5 * first.timings_ms["read"]
    assert second.timings_ms["embed"] >= 0.5 * first.timings_ms["embed"]
    assert second.ranked == first.ranked
    assert first.ranked[: len(first.hits)] == first.hits
    assert (len(first.fused), first.read) == (len(first.ranked), len(first.fused))


def test_what_half_a_question_found_counts_as_read(inhouse: Inhouse) -> None:
    asked = question(
        "both", "multi", question="How many days of annual leave do I get and when does the canteen open?"
    )
    name = "base+retrieval.rerank_top=1"
    answer = ask(arms_of(inhouse, name)[name], asked)
    assert {hit.chunk.source for hit in answer.fused[: answer.read]} == {"leave.md", "canteen.md"}
    assert answer.ranked[: len(answer.hits)] == answer.hits
    assert sorted(hit.chunk.id for hit in answer.fused) == sorted(hit.chunk.id for hit in answer.ranked)
    assert "27 days" in answer.answer
    assert "opens at eight" in answer.answer


def test_an_oracle_reads_the_evidence_alone_and_searches_where_there_is_none(inhouse: Inhouse) -> None:
    arms = arms_of(inhouse, "base", "oracle")
    given = ask(arms["oracle"], ASKED[1])
    assert [hit.chunk.source for hit in given.fused] == ["leave.md"]
    assert "Call your manager" in given.fused[0].chunk.text
    assert given.answer.startswith("Call your manager")
    assert ask(arms["oracle"], ASKED[2]).fused == ask(arms["base"], ASKED[2]).fused
    assert "the evidence of 2 questions" in arms["oracle"].description


def test_evidence_that_retrieval_misses_reaches_the_oracle(inhouse: Inhouse) -> None:
    hard = replace(
        ASKED[0], question="Canteen?", evidence=(Evidence("leave.md", "Call your manager before"),)
    )
    few = inhouse.settings.model_copy(
        update={"retrieval": inhouse.settings.retrieval.model_copy(update={"candidates": 1})}
    )
    bench = open_arms(Inhouse(few, shared=inhouse), ["base", "oracle"], [hard])
    base, oracle = (ask(arm, hard) for arm in bench.arms)
    assert "leave.md" not in {hit.chunk.source for hit in base.fused}
    assert [hit.chunk.source for hit in oracle.fused] == ["leave.md"]
    assert 0 < oracle.fused[0].dense < base.fused[0].dense


def test_nearest_copies_the_answer_of_the_most_similar_training_question(
    inhouse: Inhouse, tmp_path: Path
) -> None:
    rows = [
        {
            "id": "1",
            "kind": "answerable",
            "question": "How much annual leave is there?",
            "answer": "30 days.",
        },
        {"id": "2", "kind": "offtopic", "question": "Who won the tennis cup?", "answer": "Not my job."},
        {"id": "3", "kind": "answerable", "question": "Where is the canteen?"},
        {"question": "Whom do I call when ill?", "answer": "Stay on the subject, please."},
    ]
    file = write_lines(tmp_path / "train.jsonl", rows)
    (arm,) = open_arms(inhouse, ["nearest"], ASKED, training=file, off_topic=["Stay on the subject"]).arms
    assert ask(arm, ASKED[1]).answer_type == "off_topic"
    assert (ask(arm, ASKED[0]).answer, ask(arm, ASKED[0]).answer_type) == ("30 days.", "answer")
    assert ask(arm, ASKED[2]).answer_type == "off_topic"
    assert "of 3 questions of train.jsonl" in arm.description


def test_without_training_questions_nearest_is_skipped_and_so_is_a_reader_without_passages(
    inhouse: Inhouse,
) -> None:
    bench = open_arms(inhouse, ["nearest", "base-closed", "base"])
    assert [arm.name for arm in bench.arms] == ["base"]
    assert "--training" in bench.skipped["nearest"]
    assert "can do nothing but decline" in bench.skipped["base-closed"]


def test_a_generating_model_with_an_adapter_without_retrieval_and_with_another_prompt(
    inhouse: Inhouse, tmp_path: Path
) -> None:
    tokenizer = make_tokenizer([text for _, text in PASSAGES] + list(QUESTIONS))
    network = make_llama(tokenizer, window=2048)
    folder = tmp_path / "model"
    save(network, tokenizer, folder)
    models = inhouse.settings.models.model_copy(update={"model": str(folder), "shots": 0})
    decoding = inhouse.settings.decoding.model_copy(update={"max_tokens": 8})
    settings = inhouse.settings.model_copy(update={"models": models, "decoding": decoding})
    writing = "+generator=transformers"
    names = [f"base{writing}", f"base-closed{writing}", f"base{writing}+prompt=alpaca+shots=1"]
    bench = open_arms(Inhouse(settings, shared=inhouse), [*names, f"tuned{writing}"], ASKED)
    assert "no tuned causal yet" in bench.skipped[f"tuned{writing}"]
    plain, closed, other = bench.arms
    assert closed.identity is not None
    assert all(arm.generator for arm in bench.arms)
    said = ask(closed, ASKED[0])
    assert said.model.endswith("without retrieval")
    assert (said.hits, said.citations) == ((), ())
    assert 0 < said.usage.completion_tokens <= 8
    assert ask(plain, ASKED[0]).fused == ask(other, ASKED[0]).fused
    assert len({arm.identity() for arm in bench.arms if arm.identity}) == 3


def test_an_evaluation_that_was_stopped_goes_on_and_keeps_nothing_afterwards(
    inhouse: Inhouse, tmp_path: Path
) -> None:
    asked: list[str] = []
    base = arms_of(inhouse, "base")["base"]

    def counting(stop: str) -> Arm:
        def answer(text: str, history: Sequence[Message]) -> Answer:
            if text == stop:
                raise KeyboardInterrupt
            asked.append(text)
            return base.answer(text, history)

        return replace(base, answer=answer)

    file = QuestionFile(Path("q.jsonl"), "0" * 64, ASKED)
    with pytest.raises(KeyboardInterrupt):
        run(file, Bench((counting(ASKED[2].question),), {}), folder=tmp_path, inhouse=inhouse)
    assert asked[1:] == [LEAVE, SICK]
    whole = run(file, Bench((base,), {}), folder=tmp_path / "whole", inhouse=inhouse)
    asked.clear()
    told: list[tuple[str, int, int]] = []
    report = run(
        file,
        Bench((counting(""),), {}),
        folder=tmp_path,
        inhouse=inhouse,
        progress=lambda *step: told.append(step),
    )
    assert asked[1:] == [ASKED[2].question]
    assert told[0] == ("evaluate base", 2, 3)
    assert [sample.outcome for sample in report.results[0].samples] == ["right"] * 3
    for resumed, once in zip(report.results[0].answers, whole.results[0].answers, strict=True):
        assert resumed is not None
        assert once is not None
        assert replace(resumed, timings_ms={}, reused_ms=0.0) == replace(once, timings_ms={}, reused_ms=0.0)
    assert list((tmp_path / FOLDER).iterdir()) == []


def test_answers_to_other_questions_or_of_another_index_are_not_used(
    inhouse: Inhouse, tmp_path: Path
) -> None:
    files = {
        Journal.of(tmp_path, identity, questions, inhouse.index.chunks).file
        for identity in ("index 1 reader", "index 2 reader")
        for questions in (ASKED, ASKED[:2])
    }
    assert len(files) == 4


def test_a_last_line_that_was_cut_off_is_asked_again(inhouse: Inhouse, tmp_path: Path) -> None:
    base = arms_of(inhouse, "base")["base"]
    journal = Journal(tmp_path / "a.jsonl", inhouse.index.chunks)
    answer_all(base, ASKED, journal=journal, workers=2)
    text = journal.file.read_text(encoding="utf-8")
    journal.file.write_text(text[:-40], encoding="utf-8")
    assert len(journal.read()) == 2
    answer_all(base, ASKED, journal=journal)
    assert set(journal.read()) == {"leave", "sick", "cup"}


def test_readers_answer_side_by_side_and_a_model_that_writes_alone(inhouse: Inhouse) -> None:
    arms = list(arms_of(inhouse, "base").values())
    before, cores = torch.get_num_threads(), len(os.sched_getaffinity(0))
    with side_by_side(arms, 0) as workers:
        assert (workers, torch.get_num_threads()) == (cores, 1)
    with side_by_side([replace(arms[0], generator=lambda: None)], 0) as workers:  # type: ignore[arg-type]
        assert (workers, torch.get_num_threads()) == (1, before)
    assert torch.get_num_threads() == before


def test_any_adapter_of_the_registry_is_an_arm(inhouse: Inhouse, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(SHIPPED_ADAPTER, tmp_path / "copy"))
    adapter = Registry(inhouse.settings.adapters_dir).add(copy, kind="reader", base="shipped")
    arms = arms_of(inhouse, "base", adapter, f"oracle:{adapter}")
    assert ask(arms[adapter], ASKED[0]).answer == ask(arms["base"], ASKED[0]).answer
    assert adapter in arms[f"oracle:{adapter}"].description
