"""A folder of documents with its index, as the tests of `reindex` use it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.index.index import Index
from core.interfaces import FloatMatrix
from core.settings import Settings
from ingestion.indexing import ReindexReport, reindex
from tests.fakes import FakeEmbedder


class CountingEmbedder(FakeEmbedder):
    """Remembers what it was asked to embed."""

    def __init__(self, name: str = "fake-embedder") -> None:
        self.name = name
        self.texts: list[str] = []
        self.batches: list[int] = []

    def embed(self, texts: Sequence[str]) -> FloatMatrix:
        self.texts += texts
        self.batches.append(len(texts))
        return super().embed(texts)


class Workplace:
    """A folder of documents, the settings of an index for it, and shorthands."""

    def __init__(self, folder: Path) -> None:
        self.docs = folder / "docs"
        self.settings = Settings(data_dir=folder / "data")
        self.embedder = CountingEmbedder()

    def write(self, source: str, content: str | bytes) -> Path:
        path = self.docs / source
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def reindex(self, *paths: Path | str, full: bool = False) -> ReindexReport:
        self.embedder.texts.clear()
        return reindex(self.settings, paths or [self.docs], full=full, embedder=self.embedder)

    def open(self) -> Index:
        return Index.open(self.settings, embedder_name=self.embedder.name, dimension=64)

    def sources(self) -> list[str]:
        return sorted(document.source for document in self.open().documents())

    def found(self, query: str, k: int = 50) -> list[str]:
        """The sources that either search finds, best first within each."""
        index = self.open()
        hits = index.dense(self.embedder.embed([query])[0], k) + index.lexical(query, k)
        chunks = index.chunks(chunk_id for chunk_id, _ in hits)
        return [chunk.source for chunk in chunks.values()]

    def assert_stores_agree(self) -> None:
        index = self.open()
        assert index._vectors().ids() == {chunk.id for chunk in index.all_chunks()}
