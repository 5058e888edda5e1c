"""A real Redis that dies, comes back and hangs while questions are asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.settings import ServiceSettings, Settings
from service import caching
from tests.service.conftest import Standing
from tests.service.redis_process import RedisProcess

QUESTIONS = [f"How many days of leave are there in year {number}?" for number in range(40)]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisProcess]:
    process = RedisProcess(tmp_path)
    process.start()
    yield process
    process.kill()


@pytest.fixture
def standing(
    stand: Callable[..., Standing], settings: Settings, redis: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> Standing:
    monkeypatch.setattr(caching, "REDIS_PAUSE_S", 0.5)
    standing = stand(settings.model_copy(update={"service": ServiceSettings(redis_url=redis.url)}))
    assert standing.ask("How many days of leave?").json()["cached"] == "none"  # everything is imported by now
    return standing


def stored(standing: Standing) -> caching.RedisCache:
    cache = standing.app.state.conversing.answers._store
    assert isinstance(cache, caching.RedisCache)
    return cache


def ask_all(standing: Standing) -> float:
    """Seconds for a question that nobody asked, the slowest."""
    slowest = 0.0
    for question in QUESTIONS:
        started = time.perf_counter()
        reply = standing.ask(question)
        slowest = max(slowest, time.perf_counter() - started)
        assert reply.status_code == 200
        assert "28 days" in reply.text
    return slowest


def test_answers_are_shared_through_redis(
    standing: Standing, stand: Callable[..., Standing], settings: Settings, redis: RedisProcess
) -> None:
    other = stand(settings.model_copy(update={"service": ServiceSettings(redis_url=redis.url)}))
    assert other.ask("How many days of leave?").json()["cached"] == "exact"
    assert other.ask("Please, how many days of leave?").json()["cached"] == "semantic"


def test_a_redis_that_is_killed_costs_no_answer(standing: Standing, redis: RedisProcess) -> None:
    redis.kill()
    slowest = ask_all(standing)
    assert stored(standing).faults >= 1
    assert slowest < 1  # milliseconds on an idle machine
    assert standing.ask("How many days of leave?").json()["cached"] == "exact"  # from memory


def test_a_redis_that_comes_back_is_used_again(standing: Standing, redis: RedisProcess) -> None:
    redis.kill()
    ask_all(standing)
    redis.start()
    deadline = time.monotonic() + 10
    while stored(standing).get("anything") is None and stored(standing)._paused_until:
        assert time.monotonic() < deadline, "Redis was not tried again"
        time.sleep(0.05)
    faults = stored(standing).faults
    standing.ask("How many days of leave for interns?")
    assert stored(standing).faults == faults
    assert stored(standing)._client.dbsize() >= 1


def test_a_redis_that_hangs_costs_one_timeout_in_a_pause(
    standing: Standing, redis: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caching, "REDIS_PAUSE_S", 30)
    redis.freeze()
    try:
        ask_all(standing)
        assert stored(standing).faults == 1
    finally:
        redis.thaw()
