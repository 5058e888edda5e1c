from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.deadline import Deadline
from core.errors import AbandonedError, StageTimeoutError


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_without_limits_nothing_is_late(clock: Clock) -> None:
    deadline = Deadline(clock=clock)
    with deadline.stage("read"):
        clock.now += 1e6
    deadline.check()


def test_a_stage_that_passed_its_limit_is_named(clock: Clock) -> None:
    deadline = Deadline({"read": 2, "retrieve": 9}, clock=clock)
    with deadline.stage("retrieve"):
        clock.now += 8
    with pytest.raises(StageTimeoutError, match=r"'read' passed its limit of 2 s"), deadline.stage("read"):
        clock.now += 2


def test_all_stages_together_have_a_limit_of_their_own(clock: Clock) -> None:
    deadline = Deadline({"read": 9}, total_s=10, clock=clock)
    with deadline.stage("retrieve"):
        clock.now += 9
    with (
        pytest.raises(StageTimeoutError, match=r"'total' passed its limit of 10 s in the stage 'read'"),
        deadline.stage("read"),
    ):
        clock.now += 1
    with pytest.raises(StageTimeoutError), deadline.stage("decide"):
        pytest.fail("a stage began after the end")


def test_a_generator_is_stopped_at_the_piece_that_comes_too_late(clock: Clock) -> None:
    closed = []

    def slow() -> Iterator[str]:
        try:
            for piece in "abcdef":
                clock.now += 1
                yield piece
        finally:
            closed.append(True)

    pieces = Deadline({"generate": 3}, clock=clock).each("generate", slow())
    assert [next(pieces), next(pieces)] == ["a", "b"]
    with pytest.raises(StageTimeoutError, match="'generate'"):
        next(pieces)
    assert closed == [True]


def test_a_fault_of_the_stage_is_not_hidden_by_its_lateness(clock: Clock) -> None:
    def fail_late() -> None:
        with Deadline({"read": 1}, clock=clock).stage("read"):
            clock.now += 2
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        fail_late()


def test_an_abandoned_answer_stops_at_the_next_check(clock: Clock) -> None:
    deadline = Deadline(clock=clock)
    pieces = deadline.each("generate", iter("abc"))
    assert next(pieces) == "a"
    deadline.abandon()
    with pytest.raises(AbandonedError):
        next(pieces)
