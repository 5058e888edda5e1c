from __future__ import annotations

import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import ConfigurationError
from core.interfaces import Cache, Decoding
from core.settings import Settings
from core.types import EVERYTHING, Answer, Chunk, Citation, Filters, Hit, Message, Usage
from service.answer_cache import dump_answer, load_answer
from service.answer_keys import answer_key, space_key
from service.caching import MemoryCache, RedisCache, open_cache
from service.sqlite_cache import SQLiteCache
from tests.service.redis_process import RedisProcess, free_port


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis of its own, gone after the module's tests."""
    process = RedisProcess(tmp_path_factory.mktemp("redis"))
    process.start()
    yield process.url
    process.kill()


@pytest.fixture(params=["memory", "redis", "sqlite"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> Cache:
    if request.param == "memory":
        return MemoryCache()
    if request.param == "sqlite":
        return SQLiteCache(tmp_path / "data" / "cache.sqlite3")
    emptied = RedisCache.connect(request.getfixturevalue("redis_url"))
    emptied.clear()
    return emptied


def test_a_value_comes_back_and_a_missing_one_is_none(cache: Cache) -> None:
    cache.set("key", "grüße", 60)
    assert cache.get("key") == "grüße"
    assert cache.get("other") is None


def test_a_value_expires(cache: Cache) -> None:
    cache.set("key", "value", 1)
    time.sleep(1.1)
    assert cache.get("key") is None


def test_clear_forgets_everything(cache: Cache) -> None:
    cache.set("a", "1", 60)
    cache.set("b", "2", 60)
    cache.clear()
    assert (cache.get("a"), cache.get("b")) == (None, None)


def test_a_list_gives_what_was_added_after_a_mark(cache: Cache) -> None:
    cache.append("list", "a", 60)
    cache.append("other", "x", 60)
    ((mark, first),) = cache.since("list", "")
    assert first == "a"
    assert cache.since("list", mark) == []
    cache.append("list", "b", 60)
    cache.append("list", "c", 60)
    assert [value for _, value in cache.since("list", mark)] == ["b", "c"]
    assert [value for _, value in cache.since("list", "")] == ["a", "b", "c"]
    cache.clear()
    assert cache.since("list", "") == []


def test_a_list_expires(cache: Cache) -> None:
    cache.append("list", "a", 1)
    time.sleep(1.1)
    assert cache.since("list", "") == []


def test_a_value_of_a_list_runs_out_while_others_are_added(cache: Cache) -> None:
    cache.append("list", "of somebody who was forgotten", 1)
    ((mark, _),) = cache.since("list", "")
    for _ in range(4):
        time.sleep(0.3)
        cache.append("list", "another", 60)
    assert [value for _, value in cache.since("list", "")] == ["another"] * 4
    assert [value for _, value in cache.since("list", mark)] == ["another"] * 4


def test_redis_holds_no_value_of_a_list_longer_than_it_may(redis_url: str) -> None:
    cache = RedisCache.connect(redis_url)
    cache.clear()
    cache.append("list", "zeppelin", 1)
    cache.append("list", "another", 60)
    time.sleep(1.1)
    texts = [
        str(cache._client.xrange(name) if cache._client.type(name) == "stream" else cache._client.get(name))
        for name in cache._client.keys("*")
    ]
    assert "zeppelin" not in str(texts)
    assert "another" in str(texts)
    cache.clear()
    assert cache._client.keys("*") == []


def test_memory_holds_nothing_longer_than_it_may() -> None:
    now = 1000.0
    cache = MemoryCache(clock=lambda: now)
    cache.set("key", "value", 60)
    cache.append("list", "value", 60)
    now = 1060.0
    cache.get("other")
    assert (len(cache._entries), cache._lists) == (0, {})


def test_a_file_is_shared_and_survives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite3"
    one, other = SQLiteCache(path), SQLiteCache(path)
    one.set("key", "value", 60)
    one.append("list", "a", 60)
    assert other.get("key") == "value"
    one.close()
    other.close()
    assert SQLiteCache(path).get("key") == "value"
    assert [value for _, value in SQLiteCache(path).since("list", "")] == ["a"]


def test_another_process_reads_the_file(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite3"
    SQLiteCache(path).set("key", "value", 60)
    script = (
        "import sys; from pathlib import Path; from service.sqlite_cache import SQLiteCache;"
        "print(SQLiteCache(Path(sys.argv[1])).get('key'))"
    )
    found = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "value"


def test_a_damaged_file_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite3"
    path.write_bytes(b"no database at all" * 100)
    cache = SQLiteCache(path)
    assert cache.get("key") is None
    cache.set("key", "value", 60)
    assert cache.get("key") == "value"


def test_a_file_that_cannot_be_made_is_a_miss(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = SQLiteCache(tmp_path / "file" / "cache.sqlite3")
    cache.set("key", "value", 60)
    assert cache.get("key") is None


def test_a_file_drops_what_ran_out(tmp_path: Path) -> None:
    now = 1000.0
    cache = SQLiteCache(tmp_path / "cache.sqlite3", clock=lambda: now)
    cache.set("old", "of a deleted document", 60)
    now = 2000.0
    for number in range(101):
        cache.set(str(number), "value", 60)
    with sqlite3.connect(tmp_path / "cache.sqlite3") as connection:
        assert connection.execute("SELECT count(*) FROM answers WHERE key = 'old'").fetchone() == (0,)


def test_reading_drops_what_ran_out_from_all_files(tmp_path: Path) -> None:
    now = 1000.0
    cache = SQLiteCache(tmp_path / "cache.sqlite3", clock=lambda: now)

    def written() -> bytes:
        return b"".join(path.read_bytes() for path in tmp_path.iterdir())

    cache.set("old", "zeppelin", 60)
    cache.append("list", "zeppelin", 60)
    assert b"zeppelin" in written()
    now = 1060.0
    assert cache.since("list", "") == []
    assert b"zeppelin" not in written()


def test_a_file_that_another_process_writes_is_read_all_the_same(tmp_path: Path) -> None:
    now = 1000.0
    cache = SQLiteCache(tmp_path / "cache.sqlite3", clock=lambda: now)
    cache.set("key", "value", 60)
    now = 1050.0
    with sqlite3.connect(tmp_path / "cache.sqlite3", isolation_level=None) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert cache.get("key") == "value"
        writer.execute("ROLLBACK")
    assert cache.get("key") == "value"


def test_memory_drops_what_was_used_longest_ago() -> None:
    cache = MemoryCache(max_entries=2)
    cache.set("a", "1", 60)
    cache.set("b", "2", 60)
    cache.get("a")
    cache.set("c", "3", 60)
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == ("1", None, "3")


def test_a_dead_redis_is_a_miss_within_milliseconds() -> None:
    cache = RedisCache.connect(f"redis://127.0.0.1:{free_port()}/0")
    cache.get("import redis first")
    cache._paused_until = 0.0
    started = time.perf_counter()
    cache.set("key", "value", 60)
    assert cache.get("key") is None
    assert time.perf_counter() - started < 0.25  # redis-py's default would be 4.6 s


def test_a_redis_that_does_not_answer_costs_one_timeout_and_is_then_left_alone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        cache = RedisCache.connect(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        started = time.perf_counter()
        for _ in range(20):
            assert cache.get("key") is None
        assert time.perf_counter() - started < 1


def test_redis_is_tried_again_after_a_pause(redis_url: str) -> None:
    now = 100.0
    alive = RedisCache.connect(redis_url)
    cache = RedisCache(alive._client, clock=lambda: now)
    cache._paused_until = 105.0
    cache.set("key", "value", 60)
    assert cache.get("key") is None
    now = 106.0
    cache.set("key", "value", 60)
    assert cache.get("key") == "value"


def test_after_a_pause_one_request_tries_redis_and_the_others_go_on() -> None:
    now = 100.0
    with socket.create_server(("127.0.0.1", 0)) as silent:
        alive = RedisCache.connect(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        cache = RedisCache(alive._client, clock=lambda: now)
        cache.get("key")
        now = 106.0
        started = time.perf_counter()
        threads = [threading.Thread(target=cache.get, args=("key",)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert cache.faults == 2
    assert time.perf_counter() - started < 2


def test_a_url_of_something_else_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="INHOUSE_SERVICE__REDIS_URL"):
        RedisCache.connect("http://user:password@localhost")


def test_the_settings_choose_the_cache(tmp_path: Path) -> None:
    def opened(**service: object) -> Cache | None:
        return open_cache(Settings(data_dir=tmp_path, service=service))

    assert opened(cache_ttl_s=0) is None
    assert isinstance(opened(), SQLiteCache)
    assert isinstance(opened(cache={"store": "memory"}), MemoryCache)
    assert isinstance(opened(redis_url="redis://localhost"), RedisCache)


def key(
    question: str = "Sick leave?",
    *,
    identity: str = "v1",
    history: tuple[Message, ...] = (),
    decoding: Decoding = Decoding(),  # noqa: B008
    scope: Filters = EVERYTHING,
) -> str:
    return answer_key(space_key(identity, scope, decoding), question, history)


def test_case_and_white_space_do_not_matter_to_the_key() -> None:
    assert key("  sick\n LEAVE?") == key()


def test_typography_does_not_matter_to_the_key_but_powers_and_fractions_do() -> None:
    assert key("Where is ｆｉｌｅ\u00a0１２, cafe\u0301?") == key("Where is ﬁle 12, café?")
    assert key("Does it take 10² kg?") != key("Does it take 102 kg?")
    assert key("Is it 1½?") != key("Is it 11⁄2?")


@pytest.mark.parametrize(
    "changes",
    [
        {"question": "Sick pay?"},
        {"identity": "v2"},
        {"history": (Message("user", "Hello"),)},
        {"decoding": Decoding(temperature=0.5)},
        {"scope": Filters(groups=("board",))},
    ],
)
def test_everything_else_does_matter_to_the_key(changes: dict[str, object]) -> None:
    assert key(**changes) != key()  # type: ignore[arg-type]


def test_who_said_it_matters_to_the_key() -> None:
    assert key(history=(Message("user", "a"), Message("assistant", "b"))) != key(
        history=(Message("assistant", "a"), Message("user", "b"))
    )


ANSWER = Answer(
    answer="28 days. [1]",
    answer_type="answer",
    citations=(Citation(1, "leave.md", "Leave", "Rules", "28 days.", 0.9),),
    timings_ms={"retrieve": 1.5},
    model="reader@shipped",
    question="sick leave?",
    hits=(Hit(Chunk("c", "d", "leave.md", "Leave", (), "28 days.", 0), 0.9),),
    confidence=0.8,
    usage=Usage(3, 4),
)


def test_an_answer_survives_the_cache_but_for_hits_and_timings() -> None:
    assert load_answer(dump_answer(ANSWER)) == replace(ANSWER, hits=(), timings_ms={})


@pytest.mark.parametrize("value", ["", "{", "[]", "null", "{}", '{"citations": [{"x": 1}], "usage": {}}'])
def test_a_value_of_another_form_is_a_miss(value: str) -> None:
    assert load_answer(value) is None
