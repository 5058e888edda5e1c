"""The log of a small real index asked again, while the assistant and the documents change."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from core.bootstrap import Inhouse
from core.errors import InvalidInputError
from core.settings import Settings
from core.types import Answer, Message
from eval.arms import Arm, Bench, adapter_of
from eval.stored import load_report
from finetune.registry import Registry
from service import replaying, retention
from service.jobs.kinds import KINDS, SCHEDULED
from service.replaying import Replay
from tests.finetune.building import handbook, small_inhouse
from tests.service.test_exporting import DAYS, LEAVE, REFUSED, Log

LOST = "Who must be told of a lost device?"
ASKED = (LEAVE, LOST, "What is the limit for dinner?", "How much notice after 10 or more years?")


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    with small_inhouse(tmp_path, handbook()) as inhouse:
        yield Log(inhouse)


def ask(log: Log) -> None:
    for question in ASKED:
        assert log.ask(question, 1).answer_type == "answer"


def replay(log: Log, declines: Sequence[str] = (), **options: Any) -> Replay:
    """By the assistant as it is, except that it declines some questions now."""

    def reply(text: str, history: Sequence[Message]) -> Answer:
        return REFUSED if text in declines else log.inhouse.answerer.answer(text, history)

    return replaying.replay(log.inhouse, bench=Bench((Arm("base", reply),), {}), **options)


def test_an_assistant_that_did_not_change_answers_as_the_log_does(log: Log) -> None:
    ask(log)
    done = replay(log)
    logged, now = done.report.results
    assert (logged.name, now.name) == ("logged", "base")
    assert [s.outcome for s in now.samples] == [s.outcome for s in logged.samples] == ["right"] * len(ASKED)
    assert done.since_last is None
    assert done.report.facts["command"] == "inhouse evaluate --replay"
    stored = load_report(done.report.report)
    assert stored.results[0].answers[0].citations[0].quote == DAYS  # type: ignore[union-attr]
    assert stored.results[0].answers[0].hits  # type: ignore[union-attr]


def test_what_is_answered_no_more_is_listed(log: Log) -> None:
    ask(log)
    done = replay(log, declines=[LOST])
    stored = json.loads((done.report.report / "report.json").read_text())
    (change,) = stored["changed"]
    assert (change["question"], change["before"], change["after"]) == (LOST, "right", "wrongly_refused")


def test_an_answer_that_was_corrected_was_not_right_then(log: Log) -> None:
    log.write(LEAVE, REFUSED, -1, DAYS)
    logged, now = replay(log).report.results
    assert (logged.samples[0].outcome, now.samples[0].outcome) == ("wrongly_refused", "right")


def test_the_last_replay_is_compared_with_and_older_ones_go(log: Log) -> None:
    ask(log)
    first = replay(log)
    second = replay(log, declines=[LEAVE, LOST])
    assert second.since_last is not None
    primary = second.since_last.comparison("base after", "right")
    assert primary is not None
    assert (primary.wins, primary.losses) == (0, 2)
    assert second.to_json()["since_last"]["report"] == str(first.report.report)
    assert (
        f"Since the replay of {first.report.facts['created']}"
        in (second.report.report / "report.md").read_text()
    )
    third = replay(log)
    kept = [path.name for path in replaying.replays_dir(log.settings).iterdir() if path.is_dir()]
    assert sorted(kept) == sorted([second.report.report.name, third.report.report.name])


def test_a_gate_over_a_replay_judges_by_the_log(log: Log) -> None:
    ask(log)
    done = replay(log, tolerances={"right": 0.1}, arms=("base", "tuned"))
    assert done.report.facts["command"] == "inhouse evaluate --replay --arms base,tuned"
    passed = done.gate
    failed = replay(log, declines=[LEAVE], tolerances={"right": 0.1}).gate
    assert passed is not None
    assert passed.passed
    assert failed is not None
    assert failed.reasons[0] == (
        "base, questions right: 75.0% instead of 100.0% (-25.0 points, where 10 may be lost)."
    )


def test_the_arm_that_serves_is_the_one_that_is_asked(tmp_path: Path) -> None:
    def serving(**settings: Any) -> str:
        return replaying.serving_arm(Inhouse(Settings(data_dir=tmp_path, **settings)))

    assert serving() == "base"
    for kind in ("reader", "causal"):
        (tmp_path / "made").mkdir()
        (tmp_path / "made" / "weights").write_bytes(b"x")
        registry = Registry(tmp_path / "adapters")
        registry.activate(registry.add(tmp_path / "made", kind=kind, base="b"))
    assert serving() == "tuned"
    assert serving(generator="openai") == "base"  # its adapters are chosen at its endpoint
    named = {"reader_adapter": str(tmp_path / "mine")}
    assert serving(models=named) == "base"
    assert adapter_of(Settings(models=named), "base")[0] == tmp_path / "mine"


def test_an_empty_log_is_refused(log: Log) -> None:
    with pytest.raises(InvalidInputError, match="The log holds no interactions"):
        replay(log)


def test_purging_the_log_deletes_what_was_replayed_of_it(log: Log) -> None:
    ask(log)
    replay(log)
    retention.purge_log(log.settings, key_id="somebody")
    assert not replaying.replays_dir(log.settings).exists()


def test_it_is_a_job_that_can_be_scheduled() -> None:
    assert SCHEDULED.keys() <= KINDS.keys()
    assert KINDS["replay"].repeatable
