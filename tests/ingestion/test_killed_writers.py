"""`kill -9` at random moments of a reindex: nothing that was committed is lost, nothing stays half done."""

from __future__ import annotations

import multiprocessing
import random
import signal
import time
from multiprocessing.context import ForkServerContext
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np
import pytest

from core.index.index import Index
from core.settings import Settings
from ingestion.indexing import reindex
from tests.fakes import FakeEmbedder

KILLS = 30
WORDS = ["valve", "leave", "invoice", "kettle", "holiday", "badge", "router", "pension", "harbour"]
Snapshot = dict[str, tuple[str, ...]]  # source -> texts of its chunks


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Children of a process that has imported everything, so that a kill hits the work, not the imports."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["chromadb", "tantivy", "tests.ingestion.test_killed_writers"])
    return context


def index_in_child(docs: Path, data: Path, begun: Event) -> None:
    begun.set()
    reindex(Settings(data_dir=data), [docs], embedder=FakeEmbedder())


def change(docs: Path, rng: random.Random) -> None:
    """Some files come, some change, one moves, one goes."""
    for _ in range(rng.randint(1, 6)):
        path = docs / f"{rng.choice('abc')}" / f"page{rng.randint(0, 30)}.md"
        path.parent.mkdir(exist_ok=True)
        paragraphs = [" ".join(rng.choices(WORDS, k=60)) + "." for _ in range(rng.randint(1, 8))]
        path.write_text(f"# {rng.choice(WORDS)}\n\n" + "\n\n".join(paragraphs))
    files = sorted(docs.rglob("*.md"))
    if len(files) > 8:
        files[rng.randrange(len(files))].unlink()
        moved = rng.choice(sorted(docs.rglob("*.md")))
        moved.rename(moved.with_name(f"moved{rng.randint(0, 10**9)}.md"))


def open_index(data: Path) -> Index:
    return Index.open(Settings(data_dir=data), embedder_name=FakeEmbedder.name, dimension=64)


def snapshot(data: Path) -> Snapshot:
    index = open_index(data)
    found: Snapshot = {}
    for chunk in index.all_chunks():
        found[chunk.source] = (*found.get(chunk.source, ()), chunk.text)
    return found


def fresh_snapshot(docs: Path, data: Path) -> Snapshot:
    reindex(Settings(data_dir=data), [docs], embedder=FakeEmbedder())
    return snapshot(data)


def assert_readable(data: Path) -> None:
    """What either search finds is what the catalogue holds, and all of it can be found."""
    index = open_index(data)
    known = {chunk.id for chunk in index.all_chunks()}
    for word in WORDS:
        vector = FakeEmbedder().embed([word])[0]
        assert {found for found, _ in index.dense(vector, 10)} <= known
        assert {found for found, _ in index.lexical(word, 1000)} <= known
    assert len(index.lexical(" ".join(WORDS), 10_000)) == len(known) == index.count_chunks()


def assert_like_fresh(docs: Path, data: Path, fresh_data: Path) -> None:
    """Every store holds what a fresh index of the folder holds, and no file more."""
    index, fresh = open_index(data), open_index(fresh_data)
    assert snapshot(data) == fresh_snapshot(docs, fresh_data)
    vectors, fresh_vectors = index._vectors(), fresh._vectors()
    ids = sorted(vectors.ids())
    assert ids == sorted(fresh_vectors.ids()) == sorted(chunk.id for chunk in index.all_chunks())
    stored, expected = vectors.fetch(ids), fresh_vectors.fetch(ids)
    assert all(np.allclose(stored[chunk_id], expected[chunk_id], atol=1e-6) for chunk_id in ids)
    for word in WORDS:
        assert index.lexical(word, 1000) == fresh.lexical(word, 1000)
    for folder in ("vectors", "words"):
        assert len(list((data / "index" / folder).iterdir())) == 1
    assert index._catalogue.meta("chunks") == fresh._catalogue.meta("chunks")


def killed_run(processes: ForkServerContext, docs: Path, data: Path, delay: float) -> float | None:
    """Kills a run `delay` seconds after it began; how long it took where it was done before that."""
    begun = processes.Event()
    child = processes.Process(target=index_in_child, args=(docs, data, begun))
    child.start()
    assert begun.wait(60)
    started = time.monotonic()
    child.join(delay)
    seconds = time.monotonic() - started
    child.kill()
    child.join()
    return None if child.exitcode == -signal.SIGKILL else seconds


@pytest.mark.timeout(600)
def test_thirty_killed_writers_leave_an_index_like_a_fresh_one(
    tmp_path: Path, processes: ForkServerContext
) -> None:
    rng = random.Random(20)
    docs, data = tmp_path / "docs", tmp_path / "data"
    docs.mkdir()
    for _ in range(4):
        change(docs, rng)
    change(docs, rng)
    whole = killed_run(processes, docs, data, 60)
    assert whole is not None
    before = snapshot(data)
    killed_at_work = committed = 0
    for attempt in range(KILLS):
        change(docs, rng)
        after = fresh_snapshot(docs, tmp_path / f"fresh{attempt}")
        took = killed_run(processes, docs, data, rng.uniform(0, whole))
        whole = whole * 1.1 if took is None else took * 1.2  # the machine may be busier or less than before
        killed_at_work += took is None
        seen = snapshot(data)
        assert seen in (before, after)
        assert_readable(data)
        committed += seen == after
        before = seen
    assert killed_at_work >= KILLS / 3
    assert 0 < committed < KILLS  # the kills fell before and after commits
    reindex(Settings(data_dir=data), [docs], embedder=FakeEmbedder())
    assert_like_fresh(docs, data, tmp_path / "fresh")
