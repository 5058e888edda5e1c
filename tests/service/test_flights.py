from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.flights import Flights


class Source:
    """Three pieces, each let out by the test; counts how often it was started and closed."""

    def __init__(self) -> None:
        self.started = self.closed = 0
        self.gate = threading.Semaphore(0)
        self.fault: Exception | None = None
        self.fetching = threading.Event()
        self.on_start: Callable[[], None] = lambda: None

    def __call__(self) -> Iterator[str]:
        self.started += 1
        if self.started > 1:
            self.on_start()
        return self._pieces()

    def _pieces(self) -> Iterator[str]:
        try:
            for piece in "abc":
                self.fetching.set()
                assert self.gate.acquire(timeout=10)
                if self.fault is not None:
                    raise self.fault
                yield piece
        finally:
            self.closed += 1


@pytest.fixture
def flights() -> Flights[str]:
    return Flights()


@pytest.fixture
def source() -> Source:
    return Source()


def boarded(flights: Flights[str], riders: int) -> bool:
    return sum(flight.riders for flight in flights._flights.values()) == riders


def wait_for(condition: Callable[[], bool]) -> None:
    ticking = threading.Event()
    for _ in range(1000):
        if condition():
            return
        ticking.wait(0.01)
    raise AssertionError("it did not come to that")


def test_identical_questions_are_computed_once_and_all_get_every_piece(
    flights: Flights[str], source: Source
) -> None:
    with ThreadPoolExecutor(8) as pool:
        rides = [pool.submit(lambda: list(flights.share("key", source))) for _ in range(8)]
        wait_for(lambda: boarded(flights, 8))
        source.gate.release(3)
        pieces = [ride.result(10) for ride in rides]
    assert source.started == source.closed == 1
    assert {"".join(piece for piece, _ in ride) for ride in pieces} == {"abc"}
    assert sorted(ride[0][1] for ride in pieces) == [False] + [True] * 7
    assert flights.joined == 7


def test_other_keys_are_computed_by_themselves(flights: Flights[str], source: Source) -> None:
    source.gate.release(6)
    list(flights.share("one", source))
    list(flights.share("other", source))
    assert source.started == 2


def test_a_leader_that_goes_away_leaves_the_others_their_pieces(
    flights: Flights[str], source: Source
) -> None:
    source.gate.release()
    leader = flights.share("key", source)
    assert next(leader) == ("a", False)
    follower = flights.share("key", source)
    assert next(follower) == ("a", True)
    leader.close()  # type: ignore[attr-defined]
    source.gate.release(2)
    assert [piece for piece, _ in follower] == ["b", "c"]
    assert source.started == 1


def test_when_the_last_one_leaves_the_source_is_closed(flights: Flights[str], source: Source) -> None:
    source.gate.release()
    riders = [flights.share("key", source) for _ in range(2)]
    for rider in riders:
        next(rider)
    riders[0].close()  # type: ignore[attr-defined]
    assert source.closed == 0
    riders[1].close()  # type: ignore[attr-defined]
    assert source.closed == 1
    assert flights._flights == {}


def test_a_fault_meets_the_one_who_fetched_and_the_others_ask_anew(
    flights: Flights[str], source: Source
) -> None:
    fault = source.fault = RuntimeError("the leader's client went away")
    with ThreadPoolExecutor(2) as pool:
        leader = pool.submit(lambda: list(flights.share("key", source)))
        assert source.fetching.wait(10)
        follower = pool.submit(lambda: list(flights.share("key", source)))
        wait_for(lambda: boarded(flights, 2))
        source.fetching.clear()
        source.gate.release()
        assert leader.exception(10) is fault
        assert source.fetching.wait(10)
        source.fault = None
        source.gate.release(3)
        assert "".join(piece for piece, _ in follower.result(10)) == "abc"
    assert source.started == 2


def test_a_follower_goes_on_behind_its_pieces_where_the_source_of_the_leader_breaks_off(
    flights: Flights[str], source: Source
) -> None:
    source.gate.release()
    leader, follower = (flights.share("key", source) for _ in range(2))
    assert (next(leader), next(follower)) == (("a", False), ("a", True))
    leader.close()  # type: ignore[attr-defined]
    source.fault = RuntimeError("the leader went away")  # as a deadline of the leader's would make it

    def whole() -> None:
        source.fault = None

    source.gate.release()
    source.on_start = whole
    source.gate.release(3)
    assert [piece for piece, _ in follower] == ["b", "c"]
    assert source.started == 2


def test_a_follower_gets_the_fault_where_another_attempt_begins_otherwise(flights: Flights[str]) -> None:
    texts = iter(("abc", "xyz"))

    def source() -> Iterator[str]:
        for piece in next(texts):
            if piece == "b":
                raise RuntimeError("broken")
            yield piece

    leader, follower = (flights.share("key", source) for _ in range(2))
    assert (next(leader), next(follower)) == (("a", False), ("a", True))
    for rider in (leader, follower):
        with pytest.raises(RuntimeError, match="broken"):
            next(rider)


def test_a_source_that_always_fails_is_asked_by_each_at_most_a_few_times(flights: Flights[str]) -> None:
    calls = []

    def broken() -> Iterator[str]:
        calls.append(1)
        raise RuntimeError("broken")
        yield ""

    with ThreadPoolExecutor(6) as pool:
        rides = [pool.submit(lambda: list(flights.share("key", broken))) for _ in range(6)]
        assert [str(ride.exception(10)) for ride in rides] == ["broken"] * 6
    assert len(calls) <= 6
