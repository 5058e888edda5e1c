"""A change of the index by the one process that may write: staged, then committed at once.

Order of a commit: the new vectors are in Chroma already, the catalogue's transaction makes them true, the
old vectors go. Whatever stops it before the transaction leaves the old state true, after it the new one; the
next writer sweeps the vectors that nobody knows.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from core.errors import IndexUnavailableError
from core.index.catalogue import Catalogue
from core.index.transaction import Transaction
from core.index.vectors import ChromaStore, ChromaVectors, CollectionMissingError
from core.interfaces import FloatMatrix
from core.types import Chunk, Document

logger = logging.getLogger("inhouse")


class Writer:
    """Made by `Index.writer`. `put` and `remove` as often as needed, then `commit` once.

    `rebuild`: the vectors go into a new collection, and every document that stays must be `put` or `carried`.
    `damaged`: ids of documents whose vectors were lost; they need to be put again.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        transaction: Transaction,
        store: ChromaStore,
        *,
        prefix: str,
        meta: dict[str, str],
        rebuild: bool,
    ) -> None:
        self.rebuild = rebuild
        self.damaged: set[str] = set()
        self.committed = False
        self._catalogue = catalogue
        self._transaction = transaction
        self._store = store
        self._prefix = prefix
        self._meta = meta
        self._old_name = catalogue.meta("collection")
        self._replaced: set[str] = set()
        self._written: set[str] = set()
        self._changed = False
        self._name, self.vectors = self._open_collection()

    def put(
        self,
        document: Document,
        chunks: Sequence[Chunk],
        vectors: FloatMatrix,
        root: Path | str = "",
        stat: os.stat_result | None = None,
    ) -> None:
        """Stages a document in place of the one with its id. `vectors`: (len(chunks), dimension) float32."""
        if len(vectors) != len(chunks):
            raise ValueError(f"{len(chunks)} chunks need as many vectors, not {len(vectors)}")
        self._replaced |= self._transaction.put(
            document,
            chunks,
            root=str(root),
            size=stat.st_size if stat else 0,
            mtime_ns=stat.st_mtime_ns if stat else 0,
            fingerprint=self._meta["fingerprint"],
        )
        self.carry(chunks, vectors)

    def carry(self, chunks: Sequence[Chunk], vectors: FloatMatrix) -> None:
        """Gives chunks that the catalogue holds already their vectors in a rebuilt index."""
        self.vectors.upsert(chunks, vectors)
        self._written.update(chunk.id for chunk in chunks)
        self._changed = True

    def remove(self, document_id: str) -> None:
        self._replaced |= self._transaction.remove(document_id)
        self._changed = True

    def touch(self, document_id: str, stat: os.stat_result) -> None:
        """Notes a file's new date where its content stayed the same; the version stays too."""
        self._transaction.touch(document_id, size=stat.st_size, mtime_ns=stat.st_mtime_ns)

    def commit(self) -> int:
        """Makes the change true; returns the version, which rose unless nothing but dates changed."""
        version = self._catalogue.version
        kept = self._transaction.chunk_ids()
        if self.rebuild and not kept <= self._written:
            raise RuntimeError(f"a rebuilt index lacks the vectors of {len(kept - self._written)} chunks")
        if self._changed or self.rebuild:
            version += 1
            for key, value in {**self._meta, "version": str(version), "collection": self._name}.items():
                self._transaction.set_meta(key, value)
        self._transaction.commit()
        self.committed = True
        with _left_to_the_next_writer():
            self._delete_old(kept)
        return version

    def abandon(self) -> None:
        """Forgets what was staged, and takes the new vectors out of Chroma again."""
        self._transaction.rollback()
        with _left_to_the_next_writer():
            if self.rebuild:
                self._store.drop_all_but(self._old_name, self._prefix)
            elif self._written:
                self.vectors.delete(sorted(self._written - self._catalogue.chunk_ids().keys()))

    def _delete_old(self, kept: set[str]) -> None:
        if self.rebuild:
            self._store.drop_all_but(self._name, self._prefix)
        elif gone := sorted(self._replaced - kept):
            self.vectors.delete(gone)

    def _open_collection(self) -> tuple[str, ChromaVectors]:
        """The collection to write into, rid of what a writer that died left in it."""
        self._store.drop_all_but(self._old_name, self._prefix)
        if self._old_name is not None and not self.rebuild:
            try:
                vectors = self._store.collection(self._old_name)
            except CollectionMissingError:
                self.rebuild = True
            else:
                self._sweep(vectors)
                return self._old_name, vectors
        self.rebuild = True
        name = f"{self._prefix}{self._catalogue.version + 1}"
        return name, self._store.create(name)

    def _sweep(self, vectors: ChromaVectors) -> None:
        if vectors.count() == self._catalogue.count_chunks():
            return
        present, known = vectors.ids(), self._catalogue.chunk_ids()
        if orphans := sorted(present - known.keys()):
            vectors.delete(orphans)
        self.damaged = {document for chunk_id, document in known.items() if chunk_id not in present}


@contextmanager
def _left_to_the_next_writer() -> Iterator[None]:
    """A fault while tidying up must not hide the commit's success, nor the fault that brought us here."""
    try:
        yield
    except IndexUnavailableError as error:
        logger.warning("Vectors that are not needed any more stay until the next reindex: %s", error)
