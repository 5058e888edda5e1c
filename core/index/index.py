"""The index of all documents: dense search in Chroma, BM25 in tantivy, a catalogue that keeps them true.

Folder: catalogue-2.sqlite3 (documents, chunks, version), vectors/BUILD (Chroma), words/VERSION (tantivy),
lock (held by who writes). A reader sees the state before a commit or after it, in any process: it compares
the version at each search.
"""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from core.errors import IndexEmptyError, IndexLockedError, IndexUnavailableError
from core.index.catalogue import Catalogue, IndexedDocument
from core.index.database import SCHEMA, Database, catalogue_path, older_catalogues
from core.index.lexical import codes, search_terms
from core.index.transaction import Transaction
from core.index.vectors import ChromaVectors, VectorBuilds, label_filter
from core.index.vocabulary import Vocabulary
from core.index.words import Words
from core.index.writer import Writer, words_folder
from core.settings import Settings
from core.types import EVERYTHING, Chunk, Filters

_CHUNKING = 4  # raise it when chunks of the same text come out differently
_Found = TypeVar("_Found")
_NOTHING = "Nothing has been indexed yet. Run `inhouse reindex FOLDER` first."
_OVERFETCH = 4  # hits asked for, for each that is wanted, where labels may leave some out


@dataclass(frozen=True, slots=True)
class _Handle:
    version: int
    build: str
    vectors: ChromaVectors
    words: Words


class Index:
    """Open it with `Index.open`. Reading is thread-safe; all methods may raise IndexUnavailableError."""

    def __init__(self, settings: Settings, embedder_name: str, dimension: int) -> None:
        self._folder = settings.index_dir
        self._url = settings.chroma_url
        self._embedder = embedder_name
        self._dimension = dimension
        self.fingerprint = _fingerprint(settings, embedder_name, dimension)  # what the settings ask for
        self._database = Database(catalogue_path(self._folder))
        self._catalogue = Catalogue(self._database)
        self._builds = VectorBuilds(self._folder / "vectors", self._url)
        self._handle: _Handle | None = None
        self._opening = threading.Lock()

    @classmethod
    def open(cls, settings: Settings, *, embedder_name: str, dimension: int) -> Index:
        """Cheap, and makes nothing on the disk: that is the first writer's."""
        return cls(settings, embedder_name, dimension)

    @property
    def version(self) -> int:
        """0 before the first commit; rises with every commit of any process."""
        return self._catalogue.version

    @property
    def is_empty(self) -> bool:
        """Raises IndexUnavailableError where only another version of Inhouse has indexed anything."""
        if self.version == 0 and older_catalogues(self._folder):
            raise IndexUnavailableError(
                f"The index in {self._folder} was written by another version of Inhouse; run"
                " `inhouse reindex` on all your folders to build it anew."
            )
        return self._catalogue.is_empty

    def count_chunks(self) -> int:
        return self._catalogue.count_chunks()

    @property
    def built_with(self) -> str:
        """The embedder that made the vectors; empty before the first commit."""
        return self._catalogue.meta("embedder") or ""

    @property
    def folders(self) -> list[str]:
        """Those that were indexed as a whole, not by one of their files alone."""
        folders: list[str] = json.loads(self._catalogue.meta("folders") or "[]")
        return folders

    @property
    def needs_rebuild(self) -> bool:
        """True where it was built with another embedder or other chunking than the settings ask for."""
        return (self._catalogue.meta("fingerprint") or self.fingerprint) != self.fingerprint

    def dense(
        self, vector: NDArray[np.float32], k: int, filters: Filters = EVERYTHING
    ) -> list[tuple[str, float]]:
        """Up to k (chunk id, cosine similarity), best first. `vector`: (dimension,) of length 1."""
        if k <= 0 or self.is_empty:
            return []
        self._check_embedder()
        return self._at_one_version(lambda handle: self._dense(handle.vectors, vector, k, filters))

    def lexical(self, query: str, k: int, filters: Filters = EVERYTHING) -> list[tuple[str, float]]:
        """Up to k (chunk id, BM25 > 0), best first; any text is a valid query.

        Any word of the query counts, stop words do not; a code (`ERR-4711`) counts as a whole besides.
        """
        if k <= 0 or self.is_empty:
            return []
        terms, whole = search_terms(query), codes(query)
        return self._at_one_version(
            lambda handle: handle.words.search(terms, whole, k, self._catalogue.denied(filters)[0])
        )

    def words(self) -> Words:
        """The words of the current version. Raises IndexEmptyError where there is none."""
        if self.is_empty:
            raise IndexEmptyError(_NOTHING)
        return self._at_one_version(lambda handle: handle.words)

    def check(self) -> None:
        """Raises IndexUnavailableError where the stores cannot be searched now; costs one small call."""
        self._check_embedder()
        self._at_one_version(lambda handle: handle.vectors.check())

    def vocabulary(self, filters: Filters = EVERYTHING) -> Vocabulary:
        """What askers of these groups may learn of the words; the other filters hide nothing.

        Raises IndexEmptyError where there are none.
        """
        if self.is_empty:
            raise IndexEmptyError(_NOTHING)
        visible = Filters(groups=filters.groups)
        return self._at_one_version(
            lambda handle: Vocabulary(handle.words, tuple(self._catalogue.denied(visible)[0]))
        )

    def chunks(self, ids: Iterable[str]) -> dict[str, Chunk]:
        """The chunks that exist among the ids, in the order of the ids."""
        return self._catalogue.chunks(ids)

    def all_chunks(self) -> Iterator[Chunk]:
        return self._catalogue.all_chunks()

    def documents(self) -> list[IndexedDocument]:
        return self._catalogue.documents()

    def document_chunks(self, document_id: str) -> list[Chunk]:
        return self._catalogue.document_chunks(document_id)

    def section(self, chunk: Chunk) -> list[Chunk]:
        """The chunk and its neighbours under the same heading, in order: what it was cut from."""
        around = {other.ordinal: other for other in self._catalogue.document_chunks(chunk.document_id)}
        first = last = chunk.ordinal
        while first - 1 in around and around[first - 1].headings == chunk.headings:
            first -= 1
        while last + 1 in around and around[last + 1].headings == chunk.headings:
            last += 1
        return [around[ordinal] for ordinal in range(first, last + 1) if ordinal in around]

    def remove(self, document_ids: Sequence[str]) -> int:
        """Deletes documents from all stores in one commit; returns the version. Unknown ids are passed over.

        Raises IndexLockedError while another process writes.
        """
        if self.needs_rebuild:
            raise IndexUnavailableError(
                "The index was built with other settings; run `inhouse reindex` on your documents first."
            )
        with self.writer() as writer:
            for document_id in document_ids:
                writer.remove(document_id)
            return writer.commit()

    @contextmanager
    def writer(self, *, rebuild: bool = False) -> Iterator[Writer]:
        """The right to change the index. Leaving without `commit`, or by an exception, changes nothing.

        A changed fingerprint makes it a rebuild in any case. Raises IndexLockedError while another writes.
        """
        with self._locked():
            prefix = self._collection_prefix()
            transaction = Transaction(self._database)
            try:
                writer = Writer(
                    self._catalogue,
                    transaction,
                    self._builds,
                    folder=self._folder,
                    prefix=prefix,
                    meta={
                        "fingerprint": self.fingerprint,
                        "embedder": self._embedder,
                        "dimension": str(self._dimension),
                    },
                    rebuild=rebuild or self.needs_rebuild,
                )
            except BaseException:
                transaction.rollback()
                raise
            try:
                yield writer
            finally:
                if not writer.committed:
                    writer.abandon()
                self._handle = None

    def close(self) -> None:
        """Lets go of files and handles; the index opens them again if it is used again."""
        self._handle = None
        self._database.close()

    def _at_one_version(self, search: Callable[[_Handle], _Found]) -> _Found:
        """What the search finds, begun and ended at the same version."""
        while True:
            version = self.version
            try:
                found = search(self._opened())
            except IndexUnavailableError:
                if self.version == version:
                    raise
                self._handle = None  # its files went away under the search: another state was committed
                continue
            if self.version == version:
                return found

    def _dense(
        self, vectors: ChromaVectors, vector: NDArray[np.float32], k: int, filters: Filters
    ) -> list[tuple[str, float]]:
        denied, allowed = self._catalogue.denied(filters)
        if denied and not allowed:
            return []
        asked, where = (_OVERFETCH * k, None) if denied else (k, None)
        while True:
            found = vectors.search(vector, asked, where)
            label = self._catalogue.label_numbers(chunk_id for chunk_id, _ in found)
            hits = [(chunk_id, cosine) for chunk_id, cosine in found if label.get(chunk_id) in allowed]
            if len(hits) >= k or len(found) < asked:
                return hits[:k]
            if denied and where is None:  # most of what is near is not allowed: Chroma must look further
                asked, where = k, label_filter(allowed, denied)
            else:  # vectors that are not committed yet, or not deleted yet, took the place of others
                asked *= 4

    def _vectors(self) -> ChromaVectors:
        return self._opened().vectors

    def _opened(self) -> _Handle:
        """Handles on the current build and words, opened at the current version."""
        with self._opening:
            version, build = self._catalogue.version, self._catalogue.meta("build") or ""
            handle = self._handle
            if handle is None or (handle.version, handle.build) != (version, build):
                same = handle is not None and handle.build == build and self._url
                vectors = handle.vectors if handle is not None and same else self._builds.open(build)
                handle = _Handle(version, build, vectors, Words(words_folder(self._folder, version)))
                self._handle = handle
            return handle

    def _check_embedder(self) -> None:
        built_with = self._catalogue.meta("embedder"), self._catalogue.meta("dimension")
        if built_with != (self._embedder, str(self._dimension)):
            raise IndexUnavailableError(
                f"The index was built with the embedder {built_with[0]}, but {self._embedder} is set;"
                " run `inhouse reindex` on your documents."
            )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        from filelock import FileLock, Timeout

        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self._folder / "lock", timeout=0, thread_local=False)
            lock.acquire()
        except Timeout as error:
            raise IndexLockedError(
                f"Another process is writing the index in {self._folder}; try again when it is done."
            ) from error
        except OSError as error:
            raise IndexUnavailableError(
                f"The index in {self._folder} cannot be written: {error.strerror}."
            ) from error
        try:
            yield
        finally:
            lock.release()

    def _collection_prefix(self) -> str:
        """Tells this index's collections from others' on the same server; kept from the first write on."""
        name = self._catalogue.meta("name")
        if name is None:
            name = uuid.uuid4().hex[:12]
            transaction = Transaction(self._database)
            transaction.set_meta("name", name)
            transaction.commit()
        return f"inhouse-{name}-"


def _fingerprint(settings: Settings, embedder_name: str, dimension: int) -> str:
    """Changes with whatever makes other chunks or other vectors of the same documents."""
    sizes = settings.ingestion.chunk_tokens, settings.ingestion.chunk_overlap_sentences
    parts = json.dumps([SCHEMA, _CHUNKING, embedder_name, dimension, *sizes])
    return hashlib.sha256(parts.encode()).hexdigest()[:16]
