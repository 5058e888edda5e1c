"""Several processes at one index: the lock, commits seen by readers, and a writer that dies."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.errors import IndexLockedError, IndexUnavailableError
from tests.core.test_index import builds, dense, fill, open_index, put, stored_vectors

ROOT = Path(__file__).parents[2]
PRELUDE = """
import json, os, sys
from pathlib import Path
from tests.core.test_index import dense, fill, open_index, put
index = open_index(Path(sys.argv[1]))
def say(value): print(json.dumps(value), flush=True)
"""


@contextmanager
def process(folder: Path, script: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", PRELUDE + script, str(folder)]
    running = subprocess.Popen(
        command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


def heard(running: subprocess.Popen[str]) -> object:
    assert running.stdout is not None
    return json.loads(running.stdout.readline())


def tell(running: subprocess.Popen[str], line: str = "go") -> None:
    assert running.stdin is not None
    running.stdin.write(line + "\n")
    running.stdin.flush()


def test_a_reader_in_another_process_sees_each_commit(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    fill(index, "apple")
    with process(tmp_path, "for line in sys.stdin: say([index.version, dense(index, line, 2)])") as reader:
        tell(reader, "apple first")
        assert heard(reader) == [1, ["apple-0-apple first", "apple-1-apple second"]]
        fill(index, "pear")
        tell(reader, "pear")
        assert heard(reader) == [2, ["pear-0-pear first", "pear-1-pear second"]]
        with index.writer(rebuild=True) as writer:
            put(writer, "plum", "plum only")
            writer.remove("apple")
            writer.remove("pear")
            writer.commit()
        tell(reader, "apple first")
        assert heard(reader) == [3, ["plum-0-plum only"]]


def test_a_second_writer_is_refused_and_a_killed_one_loses_nothing(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    fill(index, "apple")
    hold = """
with index.writer(rebuild=True) as writer:
    put(writer, "apple", "anew")
    say("held")
    input()
"""
    with process(tmp_path, hold) as holder:
        assert heard(holder) == "held"
        with pytest.raises(IndexLockedError) as refusal, index.writer():
            pass
        assert refusal.value.code == "index_locked"
        assert dense(index, "apple first", 1) == ["apple-0-apple first"]
    fill(index, "pear")  # the holder was killed: its lock is gone and its collection is swept
    assert len(stored_vectors(index)) == 4
    assert len(builds(tmp_path)) == 1


@pytest.fixture
def chroma_server(tmp_path: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = "import sys; sys.modules['rfc3987_syntax'] = None; from chromadb.cli.cli import app; app()"
    where = ["--path", str(tmp_path / "server"), "--host", "127.0.0.1", "--port", str(port)]
    command = [sys.executable, "-c", start, "run", *where]
    running = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        running.kill()
        running.wait()


def test_two_indexes_share_a_chroma_server_without_mixing(tmp_path: Path, chroma_server: str) -> None:
    first = open_index(tmp_path / "one", url=chroma_server)
    second = open_index(tmp_path / "two", url=chroma_server)
    fill(first, "apple")
    fill(second, "pear")
    assert dense(first, "apple first") == ["apple-0-apple first", "apple-1-apple second"]
    assert dense(second, "pear second", 1) == ["pear-1-pear second"]
    with first.writer(rebuild=True) as writer:
        put(writer, "apple", "apple anew")
        writer.commit()
    assert dense(first, "apple") == ["apple-0-apple anew"]
    with second.writer() as writer:
        writer.remove("pear")
        writer.commit()
    assert second.is_empty
    assert stored_vectors(second) == set()
    elsewhere = open_index(tmp_path / "one", url="http://127.0.0.1:9")
    with pytest.raises(IndexUnavailableError, match=r"127\.0\.0\.1:9"):
        dense(elsewhere, "apple")
