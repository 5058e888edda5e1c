"""A change of the index by the one process that may write: staged, then committed at once.

Order of a commit: the new vectors are in Chroma already, the words go into a new folder, the catalogue's
transaction makes both true, then the old vectors and words go. Whatever stops it before the transaction
leaves the old state true, after it the new one; the next writer sweeps what nobody knows.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import IndexUnavailableError
from core.index.catalogue import Catalogue, IndexedDocument
from core.index.database import older_catalogues
from core.index.transaction import Transaction, digest
from core.index.vectors import ChromaVectors, CollectionMissingError, VectorBuilds
from core.index.words import are_written, write_words
from core.interfaces import FloatMatrix
from core.types import Chunk, Document

logger = logging.getLogger("inhouse")

_DEAD_SHARE = 0.2  # deleted vectors, beside the living, from which on the build is copied without them
_UPSERTED = 500  # vectors given to Chroma at a time
_COPIED = 5_000  # vectors copied from build to build at a time


class Writer:
    """Made by `Index.writer`. `put` and `remove` as often as needed, then `commit` once.

    `rebuild`: the vectors go into a new build, and every document that stays must be `put` or `carried`.
    `damaged`: ids of documents whose vectors were lost; they need to be put again.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        transaction: Transaction,
        builds: VectorBuilds,
        *,
        folder: Path,
        prefix: str,
        meta: dict[str, str],
        rebuild: bool,
    ) -> None:
        self.rebuild = rebuild
        self.damaged: set[str] = set()
        self.committed = False
        self._catalogue = catalogue
        self._transaction = transaction
        self._builds = builds
        self._folder = folder
        self._prefix = prefix
        self._meta = meta
        self._old_build = catalogue.meta("build")
        self._replaced: set[str] = set()
        self._written: set[str] = set()
        self._staged: list[tuple[str, NDArray[np.float32], int]] = []  # id, vector, label: for Chroma
        self._changed = False
        self._check_build()
        self._name = f"{prefix}{catalogue.version + 1}" if self.rebuild else str(self._old_build)

    @cached_property
    def vectors(self) -> ChromaVectors:
        """Opened when it is first needed: a run that finds nothing changed needs no Chroma."""
        return self._builds.create(self._name) if self.rebuild else self._builds.open(self._name)

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
            ctime_ns=stat.st_ctime_ns if stat else 0,
            fingerprint=self._meta["fingerprint"],
        )
        self.carry(chunks, vectors)

    def carry(self, chunks: Sequence[Chunk], vectors: FloatMatrix) -> None:
        """Gives chunks that the catalogue holds already their vectors in a rebuilt index."""
        self._staged.extend(
            (chunk.id, vector, self._transaction.label(chunk.labels))
            for chunk, vector in zip(chunks, vectors, strict=True)
        )
        if len(self._staged) >= _UPSERTED:
            self._upsert_staged()
        self._written.update(chunk.id for chunk in chunks)
        self._changed = True

    def remove(self, document_id: str) -> None:
        self._replaced |= self._transaction.remove(document_id)
        self._changed = True

    def touch(self, document_id: str, stat: os.stat_result) -> None:
        """Notes a file's new date where its content stayed the same; the version stays too."""
        self._transaction.touch(
            document_id, size=stat.st_size, mtime_ns=stat.st_mtime_ns, ctime_ns=stat.st_ctime_ns
        )

    def is_dated(self, document: IndexedDocument, stat: os.stat_result) -> bool:
        """True where the file has the size and dates that were noted when it was indexed.

        The date of its last change counts beside that of its content, which whoever replaces a file can set.
        """
        noted = document.size, document.mtime_ns, self._transaction.changed_at(document.id)
        return noted == (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)

    def note_folders(self, folders: Sequence[Path]) -> None:
        """Notes which folders were indexed as a whole; the version stays."""
        noted = set(json.loads(self._catalogue.meta("folders") or "[]"))
        if not noted.issuperset(map(str, folders)):
            self._transaction.set_meta("folders", json.dumps(sorted(noted.union(map(str, folders)))))

    def known_vectors(self, chunks: Sequence[Chunk]) -> dict[str, NDArray[np.float32]]:
        """The vectors of those chunks whose text the index holds already, wherever: by the new chunks' ids.

        None in a rebuild, whose purpose is to make them anew.
        """
        if self.rebuild:
            return {}
        digests = {chunk.id: digest(chunk.searched) for chunk in chunks}
        twins = self._catalogue.twins(digests.values())
        if not twins:
            return {}
        fetched = self.vectors.fetch(list(twins.values()))
        found = {chunk_id: fetched.get(twins.get(of, "")) for chunk_id, of in digests.items()}
        return {chunk_id: vector for chunk_id, vector in found.items() if vector is not None}

    def commit(self) -> int:
        """Makes the change true; returns the version, which rose unless nothing but dates changed."""
        version, changed = self._catalogue.version, self._changed or self.rebuild
        gone = {chunk_id for chunk_id in self._replaced if not self._transaction.holds(chunk_id)}
        if changed:
            version += 1
            self._upsert_staged()
            self._check_complete()
            dead = self._settle_dead(len(gone))
            write_words(words_folder(self._folder, version), self._transaction.searched())
            counted = {"chunks": str(self._transaction.count_chunks()), "dead": str(dead)}
            state = {**self._meta, **counted, "version": str(version), "build": self._name}
            for key, value in state.items():
                self._transaction.set_meta(key, value)
        self._transaction.commit()
        self.committed = True
        with _left_to_the_next_writer():
            self._delete_old(sorted(gone), version)
        return version

    def abandon(self) -> None:
        """Forgets what was staged, and takes the new vectors out of Chroma again."""
        self._transaction.rollback()
        with _left_to_the_next_writer():
            self._builds.drop_all_but(self._old_build, self._prefix)
            if self._written and not self.rebuild:
                self.vectors.delete(sorted(self._written - self._catalogue.chunk_ids().keys()))

    def _upsert_staged(self) -> None:
        """Chroma takes many vectors three times as fast as a document's few."""
        if self._staged:
            last = {staged[0]: staged for staged in self._staged}  # Chroma refuses an id that comes twice
            ids, vectors, labels = zip(*last.values(), strict=True)
            self.vectors.upsert(ids, np.stack(vectors), labels)
            self._staged.clear()

    def _check_build(self) -> None:
        """Rids the stores of what a writer that died left there, and finds out what they lack."""
        self._builds.drop_all_but(self._old_build, self._prefix)
        if self._old_build is None or self.rebuild:
            self.rebuild = True
            return
        self._changed = not are_written(words_folder(self._folder, self._catalogue.version))  # they are, anew
        try:
            if self._builds.count(self._old_build) == self._catalogue.count_chunks():
                return
            vectors = self._builds.open(self._old_build)
            present, known = vectors.ids(), self._catalogue.chunk_ids()
        except CollectionMissingError:
            self.rebuild = True
            return
        if orphans := sorted(present - known.keys()):
            vectors.delete(orphans)
        self.damaged = {document for chunk_id, document in known.items() if chunk_id not in present}

    def _check_complete(self) -> None:
        if not self.rebuild:
            return
        missing = sum(chunk_id not in self._written for chunk_id in self._transaction.chunk_ids())
        if missing:
            raise RuntimeError(f"a rebuilt index lacks the vectors of {missing} chunks")
        if not self._written:
            _ = self.vectors  # an index of nothing needs its empty build too

    def _settle_dead(self, gone: int) -> int:
        """How many deleted vectors the build will still hold: Chroma marks them, and keeps their space.

        Where they become too many, the living ones are copied into a new build.
        """
        if self.rebuild:
            return 0
        dead = int(self._catalogue.meta("dead") or 0) + gone
        if dead <= _DEAD_SHARE * self._transaction.count_chunks():
            return dead
        name = f"{self._prefix}{self._catalogue.version + 1}"
        copy = self._builds.create(name)
        rows = [(chunk_id, label) for chunk_id, _, label in self._transaction.searched()]
        for start in range(0, len(rows), _COPIED):
            part = rows[start : start + _COPIED]
            ids = [chunk_id for chunk_id, _ in part]
            fetched = self.vectors.fetch(ids)
            if len(fetched) < len(ids):
                raise CollectionMissingError("Vectors are missing; run `inhouse reindex --full`.")
            copy.upsert(ids, np.stack([fetched[chunk_id] for chunk_id in ids]), [label for _, label in part])
        self._name = name
        return 0

    def _delete_old(self, gone: Sequence[str], version: int) -> None:
        for path in words_folder(self._folder, 0).parent.glob("*"):
            if path.name != str(version):
                shutil.rmtree(path, ignore_errors=True)
        for path in older_catalogues(self._folder):
            path.unlink()
            shutil.rmtree(self._folder / "chroma", ignore_errors=True)  # where schema 1 kept its vectors
        if self._name != self._old_build:
            self._builds.drop_all_but(self._name, self._prefix)
        elif gone:
            self.vectors.delete(gone)


def words_folder(folder: Path, version: int) -> Path:
    return folder / "words" / str(version)


@contextmanager
def _left_to_the_next_writer() -> Iterator[None]:
    """A fault while tidying up must not hide the commit's success, nor the fault that brought us here."""
    try:
        yield
    except (IndexUnavailableError, OSError) as error:
        logger.warning("What is not needed any more stays on the disk until the next reindex: %s", error)
