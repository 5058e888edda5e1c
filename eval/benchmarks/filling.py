"""Fills an index with made-up chunks through its writer, and goes on where an earlier run stopped."""

from __future__ import annotations

import json
import shutil
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from core.errors import IndexUnavailableError
from core.index.index import Index
from core.interfaces import Embedder
from core.progress import Progress, silent
from core.settings import Settings
from eval.benchmarks.corpus import Corpus
from eval.benchmarks.folders import disk_megabytes, stored_in

_COMMIT = 250_000  # chunks of a commit, about
_NOTES = "built.json"


@dataclass(frozen=True, slots=True)
class Built:
    """An index of `chunks` made-up chunks; `seconds` of writing, without making up texts and vectors."""

    chunks: int
    seconds: float
    disk_mb: float  # 10^6 bytes


def build(
    chunks: int,
    corpus: Corpus,
    settings: Settings,
    embedder: Embedder,
    *,
    folder: Path,
    progress: Progress = silent,
) -> tuple[Built, Settings]:
    """The index below `folder`, filled up to `chunks`, and the settings to open it with.

    `chunks` is a multiple of the corpus's block. What another version or embedder built is deleted first.
    A commit holds about 250,000 chunks.
    """
    size = corpus.block_chunks
    if chunks % size:
        raise ValueError(f"the number of chunks must be a multiple of {size}, not {chunks}")
    stored = stored_in(settings, folder)
    if _is_stale(stored, embedder, chunks, size):
        shutil.rmtree(folder)
    notes = folder / _NOTES
    seconds = float(json.loads(notes.read_text())["seconds"]) if notes.exists() else 0.0
    with closing(_open(stored, embedder)) as index:
        while (present := index.count_chunks()) < chunks:
            progress(f"building {chunks} chunks", present, chunks)
            blocks = range(present // size, min(present + max(_COMMIT, size), chunks) // size)
            seconds += _commit(index, corpus, blocks, chunks, progress)
            built = Built(index.count_chunks(), round(seconds, 2), round(disk_megabytes(folder), 1))
            notes.write_text(json.dumps(asdict(built)))
    return Built(**json.loads(notes.read_text())), stored


def _commit(index: Index, corpus: Corpus, blocks: range, total: int, progress: Progress) -> float:
    """Adds the blocks in one commit; returns the seconds that the index took."""
    begun, making = time.perf_counter(), 0.0
    with index.writer() as writer:
        for number in blocks:
            started = time.perf_counter()
            made = list(corpus.block(number))
            making += time.perf_counter() - started
            for document, chunks, vectors in made:
                writer.put(document, chunks, vectors)
            progress(f"building {total} chunks", (number + 1) * corpus.block_chunks, total)
        writer.commit()
    return time.perf_counter() - begun - making


def _is_stale(settings: Settings, embedder: Embedder, chunks: int, block: int) -> bool:
    if not settings.data_dir.exists():
        return False
    if not (settings.data_dir / _NOTES).exists():
        return True
    with closing(_open(settings, embedder)) as index:
        try:
            present = index.count_chunks()
            return present > chunks or present % block != 0 or index.needs_rebuild
        except IndexUnavailableError:
            return True


def _open(settings: Settings, embedder: Embedder) -> Index:
    return Index.open(settings, embedder_name=embedder.name, dimension=embedder.dimension)
