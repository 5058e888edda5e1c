"""How many requests, and how many wrong keys, an asker may send; with a real Redis that dies."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from limits import parse

from core.errors import ConfigurationError
from core.settings import LimitSettings, ServiceSettings, Settings, load_settings
from service.auth import address_of
from service.errors import TooManyRequestsError
from service.limiting import Counts, FailedTries
from tests.service.conftest import Standing

HOUR = LimitSettings(rate="3/hour", failed_keys="3/hour")
HOURLY = parse(HOUR.rate)
KEYS = ServiceSettings(api_keys=("one", "other"), admin_keys=("admin",))


class Redis:
    """A real one, which can be killed and started."""

    def __init__(self, folder: Path) -> None:
        binary = shutil.which("redis-server")
        if binary is None:
            pytest.skip("redis-server is not installed")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = [
            binary,
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
            folder,
        ]
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while socket.socket().connect_ex(("127.0.0.1", self.port)) != 0:
            assert time.monotonic() < deadline, "redis-server did not start"
            time.sleep(0.02)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    redis = Redis(tmp_path)
    yield redis
    redis.process.send_signal(signal.SIGCONT)
    redis.kill()


@pytest.fixture
def limited(stand: Callable[..., Standing], settings: Settings) -> Callable[..., Standing]:
    def make(**service: Any) -> Standing:
        keys = KEYS.model_copy(update=service)
        return stand(settings.model_copy(update={"service": keys, "limits": HOUR}))

    return make


def get(standing: Standing, key: str, path: str = "/v1/models") -> Any:
    return standing.client.get(path, headers={"Authorization": f"Bearer {key}"})


def test_each_key_has_its_own_limit_and_is_told_where_it_stands(limited: Callable[..., Standing]) -> None:
    standing = limited()
    replies = [get(standing, "one") for _ in range(4)]
    assert [reply.status_code for reply in replies] == [200, 200, 200, 429]
    assert [reply.headers["x-ratelimit-remaining-requests"] for reply in replies] == ["2", "1", "0", "0"]
    assert {reply.headers["x-ratelimit-limit-requests"] for reply in replies} == {"3"}
    assert replies[0].headers["x-ratelimit-reset-requests"].endswith("s")
    refused = replies[-1]
    error = refused.json()["error"]
    assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limit_exceeded")
    assert 1 <= int(refused.headers["retry-after"]) <= 3600
    assert get(standing, "other").status_code == 200


def test_a_stream_tells_where_the_asker_stands_too(limited: Callable[..., Standing]) -> None:
    standing = limited()
    standing.client.headers["Authorization"] = "Bearer one"
    assert standing.ask("leave?", stream=True).headers["x-ratelimit-remaining-requests"] == "2"


def test_admins_routes_and_health_are_not_counted(limited: Callable[..., Standing]) -> None:
    standing = limited()
    for _ in range(5):
        assert get(standing, "admin", "/admin/documents").status_code == 200
        assert "x-ratelimit-limit-requests" not in get(standing, "admin", "/health/live").headers
    assert get(standing, "admin").headers["x-ratelimit-remaining-requests"] == "2"


def test_without_keys_an_address_is_counted(stand: Callable[..., Standing], settings: Settings) -> None:
    standing = stand(settings.model_copy(update={"limits": HOUR}))
    assert [standing.client.get("/v1/models").status_code for _ in range(4)] == [200, 200, 200, 429]


def test_an_empty_limit_counts_nothing(stand: Callable[..., Standing], settings: Settings) -> None:
    standing = stand(settings.model_copy(update={"limits": LimitSettings(rate="", failed_keys="")}))
    assert "x-ratelimit-limit-requests" not in standing.client.get("/v1/models").headers


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.7"),
        ("testclient", "testclient"),
    ],
)
def test_a_network_of_ipv6_is_one_address(host: str, expected: str) -> None:
    from starlette.requests import Request

    assert address_of(Request({"type": "http", "client": (host, 1)})) == expected


@pytest.mark.parametrize("rate", ["many", "0/minute", "5", "5/fortnight", "5/minute;6/hour"])
def test_a_limit_that_cannot_be_read_is_refused_at_the_start(
    rate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INHOUSE_LIMITS__RATE", rate)
    with pytest.raises(ConfigurationError, match="INHOUSE_LIMITS__RATE"):
        load_settings()


@pytest.mark.parametrize(("rate", "seconds"), [("60/minute", 60), ("5 per 2 hours", 7200), ("1/second", 1)])
def test_a_limit_reads_as_people_write_it(rate: str, seconds: int) -> None:
    assert parse(LimitSettings(rate=rate).rate).get_expiry() == seconds


def test_many_wrong_keys_lock_an_address_out_for_a_while_even_with_the_right_one(
    limited: Callable[..., Standing],
) -> None:
    standing = limited()
    assert [get(standing, f"guess{number}").status_code for number in range(4)] == [401, 401, 401, 429]
    refused = get(standing, "admin", "/admin/documents")
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_many_failed_keys")
    assert int(refused.headers["retry-after"]) >= 1
    assert standing.client.get("/health/live").status_code == 200


def test_the_same_wrong_key_again_and_no_key_at_all_lock_nobody_out(limited: Callable[..., Standing]) -> None:
    standing = limited()
    assert {get(standing, "outdated").status_code for _ in range(9)} == {401}
    assert {standing.client.get("/v1/models").status_code for _ in range(9)} == {401}
    assert get(standing, "one").status_code == 200


@pytest.mark.anyio
async def test_wrong_keys_are_forgiven_in_the_next_window() -> None:
    now = [1000.0]
    failed = FailedTries(HOUR)
    failed._counts = Counts(clock=lambda: now[0])
    for number in range(3):
        await failed.note("192.0.2.7", str(number))
    await failed.check("192.0.2.8")
    with pytest.raises(TooManyRequestsError, match="Too many wrong API keys"):
        await failed.check("192.0.2.7")
    now[0] += 3600
    await failed.check("192.0.2.7")


def remaining(standing: Standing, key: str = "one") -> str:
    reply = get(standing, key)
    assert reply.status_code in (200, 429)
    left: str = reply.headers["x-ratelimit-remaining-requests"]
    return left


def test_processes_share_their_counts_in_redis(limited: Callable[..., Standing], redis: Redis) -> None:
    one, other = limited(redis_url=redis.url), limited(redis_url=redis.url)
    assert remaining(one) == "2"
    assert remaining(other) == "1"
    assert remaining(other, "other") == "2"


@pytest.mark.anyio
async def test_every_request_reaches_the_other_processes_in_a_moment(redis: Redis) -> None:
    limit = parse("100/hour")
    one, other = Counts.connect(redis.url), Counts.connect(redis.url)
    made = [(await one.add(limit, "key")).made for _ in range(20)]
    assert made == list(range(1, 21))
    assert (await other.add(limit, "key")).made < 21  # some are on their way
    while one._exchanges or other._exchanges:
        await asyncio.gather(*one._exchanges, *other._exchanges)
    assert (await other.add(limit, "new")).made == 1
    assert (await Counts.connect(redis.url).add(limit, "key")).made == 22
    for counts in (one, other):
        await counts.close()


@pytest.mark.anyio
async def test_windows_that_ended_are_forgotten(redis: Redis) -> None:
    now = [7200.0]
    counts = Counts(Counts.connect(redis.url)._shared, clock=lambda: now[0])
    for who in range(5):
        await counts.add(HOURLY, str(who))
    assert len(counts._others) == 5
    now[0] += 3600
    assert (await counts.add(HOURLY, "0")).made == 1
    assert len(counts._others) == 1
    await counts.close()


def seconds_of(call: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = call()
    return time.perf_counter() - started, result


def test_redis_dying_costs_milliseconds_and_no_error_and_forgives_nothing(
    limited: Callable[..., Standing], redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    standing, elsewhere = limited(redis_url=redis.url), limited(redis_url=redis.url)
    assert remaining(elsewhere) == "2"
    assert remaining(standing) == "1"
    redis.kill()
    replies = [seconds_of(partial(get, standing, key)) for key in ("one", "one", "other", "other")]
    assert [reply.status_code for _, reply in replies] == [200, 429, 200, 200]
    assert max(seconds for seconds, _ in replies) < 0.5
    assert "each process counts requests for itself" in caplog.text
    redis.start()
    for process in (standing, elsewhere):
        process.app.state.rate_limit._counts._paused_until = 0.0  # what five seconds do
    assert remaining(standing, "admin") == "2"
    assert remaining(elsewhere, "admin") == "1"


def test_a_redis_that_hangs_holds_up_one_request_for_a_moment(
    limited: Callable[..., Standing], redis: Redis
) -> None:
    standing = limited(redis_url=redis.url)
    assert get(standing, "one").status_code == 200
    os.kill(redis.process.pid, signal.SIGSTOP)
    took = []
    for key in ("one", "other", "admin"):
        seconds, reply = seconds_of(partial(get, standing, key))
        assert reply.status_code == 200
        took.append(seconds)
    assert sum(took) < 0.8


def test_a_wrong_redis_url_is_told_at_the_start() -> None:
    with pytest.raises(ConfigurationError, match="INHOUSE_SERVICE__REDIS_URL"):
        Counts.connect("http://example.com")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
