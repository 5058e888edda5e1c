from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from service.benchmarks.cached_answer import bare_asker, compare
from tests.service.redis_process import RedisProcess


def test_a_route_compared_with_itself_costs_about_the_same(tmp_path: Path) -> None:
    redis = RedisProcess(tmp_path)
    redis.start()
    try:
        with ExitStack() as stack:
            ask = bare_asker(stack, redis.url, b'{"answer": "28 days"}')
            figures = compare(ask, ask, requests=100)
    finally:
        redis.kill()
    assert 0 < figures["bare_p50"] <= figures["bare_p95"]
    assert 0.5 < figures["ratio"] < 2
