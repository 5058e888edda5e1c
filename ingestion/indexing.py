"""Brings the index in line with folders and files: discover, load, chunk, embed, commit at once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import EmptySourceError, SourceError
from core.index.catalogue import IndexedDocument
from core.index.index import Index
from core.index.writer import Writer
from core.interfaces import Embedder, FloatMatrix
from core.progress import Progress, silent
from core.settings import Settings
from core.types import Chunk, Document
from ingestion.discovery import Discovery, Failure, discover
from ingestion.sources import RowSource, Source, Tables


@dataclass(frozen=True, slots=True)
class ReindexReport:
    """`documents` and `chunks` are what the index holds now, of all folders together.

    `unchanged` counts files whose content is the one that was indexed, also where `full` embedded them again.
    A file that is found at another place counts as `moved`, neither as added nor as deleted.
    """

    documents: int
    chunks: int
    added: int
    updated: int
    moved: int
    deleted: int
    unchanged: int
    failed: tuple[Failure, ...]
    index_version: int
    seconds: float

    def to_json(self) -> dict[str, Any]:
        failed = [{"source": failure.source, "error": failure.error} for failure in self.failed]
        return {**asdict(self), "failed": failed}

    @property
    def unread(self) -> int:
        """Files with something in them that could not be read."""
        return sum(not failure.empty for failure in self.failed)


def reindex(
    settings: Settings,
    places: Sequence[Path | str],
    *,
    full: bool = False,
    embedder: Embedder,
    progress: Progress = silent,
) -> ReindexReport:
    """Indexes what is new or changed in the places, forgets what is gone; other places stay as they are.

    A place is a folder, a file, or the URL of database tables (`sqlite:///faq.db?table=faq`) as a string.

    A file that cannot be read is named in the report, the rest goes on. Its last readable version stays
    indexed, unless the labels of its folder have changed or cannot be read. `full` reads and embeds
    everything again; so does a change of embedder or chunking. Raises SourceError where a path is missing or
    none of its documents can be read, IndexLockedError where another process is indexing; then nothing has
    changed.
    """
    started = time.monotonic()
    index = Index.open(settings, embedder_name=embedder.name, dimension=embedder.dimension)
    try:
        paths = [place for place in places if isinstance(place, Path)]
        tables = _tables(place for place in places if isinstance(place, str))
        discovery = discover(paths, index.documents())
        with index.writer(rebuild=full) as writer:
            run = _Run(settings, embedder, index, writer, progress)
            run.sync(discovery, tables)
            writer.note_folders([scope for scope in discovery.scopes if scope.is_dir()])
            version = writer.commit()
        documents = index.documents()
        return ReindexReport(
            documents=len(documents),
            chunks=sum(document.chunks for document in documents),
            added=run.added,
            updated=run.updated,
            moved=run.moved,
            deleted=run.deleted,
            unchanged=run.unchanged,
            failed=tuple(run.failed),
            index_version=version,
            seconds=round(time.monotonic() - started, 2),
        )
    finally:
        index.close()


def _tables(places: Iterable[str]) -> dict[Tables, str]:
    """The tables that URLs name, with the URL to open their database by."""
    urls = list(places)
    if not urls:
        return {}
    from ingestion.loaders.sql import tables_named

    return {Tables.of(tables_named(url)): url for url in urls}


@dataclass(slots=True)
class _Run:
    """One run: what it has counted so far, and the documents that wait for a batch of vectors."""

    settings: Settings
    embedder: Embedder
    index: Index
    writer: Writer
    progress: Progress
    started: float = field(default_factory=time.monotonic)
    embedded: int = 0  # chunks
    added: int = 0
    updated: int = 0
    moved: int = 0
    deleted: int = 0
    unchanged: int = 0
    failed: list[Failure] = field(default_factory=list)
    waiting: list[tuple[Source, Document, list[Chunk]]] = field(default_factory=list)
    gone: Counter[str] = field(
        default_factory=Counter
    )  # content hashes of files that went, for those that moved

    def sync(self, discovery: Discovery, tables: Mapping[Tables, str]) -> None:
        """`tables` come with the URL to open their database by."""
        known = {document.id: document for document in self.index.documents()}
        self.failed.extend(discovery.failures)
        present = {source.id for source in discovery.sources}
        settled: set[str] = set()  # documents that need no vectors any more
        for document in known.values():
            if discovery.covers(document) and document.id not in present:
                self._forget(document, settled)
        for done, source in enumerate(discovery.sources):
            self.progress("indexing", done, len(discovery.sources), self._rate())
            self._take(source, known.get(source.id), settled)
        for asked, url in tables.items():
            self._sync_rows(asked, url, known, settled)
        self._flush()
        self.progress("indexing", len(discovery.sources), len(discovery.sources), self._rate())
        self._check_readable(discovery, tables, known.values())
        in_need = known.keys() if self.writer.rebuild else self.writer.damaged
        self._carry([known[document_id] for document_id in sorted(in_need - settled)])

    def _sync_rows(
        self, tables: Tables, url: str, known: Mapping[str, IndexedDocument], settled: set[str]
    ) -> None:
        """Tables that cannot be read to their end keep the rows that were indexed of them."""
        present = set()
        try:
            from ingestion.loaders.sql import rows_of

            for done, document in enumerate(rows_of(url, self.settings.ingestion)):
                self.progress(f"reading {tables}", done, 0, self._rate())
                present.add(document.id)
                self._take(RowSource(document, tables.root(document)), known.get(document.id), settled)
        except SourceError as error:
            self.failed.append(Failure(str(tables), error.message))
            return
        for before in known.values():
            if tables.covers(before) and before.id not in present:
                self._forget(before, settled)

    def _take(self, source: Source, before: IndexedDocument | None, settled: set[str]) -> None:
        labels = None  # nobody knows yet who may see it
        try:
            labels = source.labels()
            if before is not None and self._is_current(source, before):
                self.unchanged += 1
                return
            document, chunks = self._load(source)
        except SourceError as error:
            empty = isinstance(error, EmptySourceError)
            self.failed.append(Failure(source.source, error.message, empty))
            if before is not None and (empty or labels != before.labels):
                self._forget(before, settled)  # kept, it would go on being found by its old labels
            return
        settled.add(source.id)
        self._count(document, before)
        self.waiting.append((source, document, chunks))
        if sum(len(chunks) for _, _, chunks in self.waiting) >= self.settings.ingestion.batch_chunks:
            self._flush()

    def _count(self, document: Document, before: IndexedDocument | None) -> None:
        if before is None and self.gone[document.content_hash] > 0:
            self.gone[document.content_hash] -= 1
            self.moved += 1
            self.deleted -= 1
        elif before is None:
            self.added += 1
        elif before.content_hash == document.content_hash:
            self.unchanged += 1
        else:
            self.updated += 1

    def _is_current(self, source: Source, before: IndexedDocument) -> bool:
        """True where the index holds this content already; its file's new date is noted."""
        same_place = before.root == source.root and before.fingerprint == self.index.fingerprint
        if self.writer.rebuild or not same_place or before.id in self.writer.damaged:
            return False
        if before.labels != source.labels():
            return False
        if source.stat is not None and self.writer.is_dated(before, source.stat):
            return True
        if before.content_hash != source.content_hash():
            return False
        if source.stat is not None:
            self.writer.touch(before.id, source.stat)
        return True

    def _load(self, source: Source) -> tuple[Document, list[Chunk]]:
        """Raises SourceError whatever is the matter: one odd file must not stop the others."""
        try:
            return self._chunked(source)
        except SourceError:
            raise
        except UnicodeEncodeError as error:
            half = f"U+{ord(error.object[error.start]):04X}"
            raise SourceError(f"It holds half of a character ({half}); write it anew.") from error
        except Exception as error:  # named with its file; the others must go on
            raise SourceError(f"It cannot be cut into passages ({type(error).__name__}: {error}).") from error

    def _chunked(self, source: Source) -> tuple[Document, list[Chunk]]:
        settings = self.settings.ingestion
        document = source.load(settings)
        (document.title + document.text).encode()  # the stores take no lone surrogates
        from ingestion.chunking import chunk

        chunks = chunk(
            document,
            count_tokens=self.embedder.count_tokens,
            max_tokens=settings.chunk_tokens,
            overlap_sentences=settings.chunk_overlap_sentences,
        )
        if not chunks:
            raise EmptySourceError("It holds no text.")
        return document, chunks

    def _rate(self) -> str:
        if not self.embedded:
            return ""
        return f"{self.embedded} chunks, {self.embedded / (time.monotonic() - self.started):.0f} a second"

    def _forget(self, document: IndexedDocument, settled: set[str]) -> None:
        self.writer.remove(document.id)
        settled.add(document.id)
        self.deleted += 1
        self.gone[document.content_hash] += 1

    def _flush(self) -> None:
        """Embeds the chunks that wait, and hands their documents to the writer."""
        vectors = self._vectors([passage for _, _, chunks in self.waiting for passage in chunks])
        first = 0
        for source, document, chunks in self.waiting:
            part = vectors[first : first + len(chunks)]
            self.writer.put(document, chunks, part, source.root, source.stat)
            first += len(chunks)
        self.waiting.clear()

    def _carry(self, documents: Sequence[IndexedDocument]) -> None:
        """Embeds again what stays as it is: documents of other folders, and those that cannot be read now."""
        for done, document in enumerate(documents):
            self.progress("embedding other folders", done, len(documents))
            chunks = self.index.document_chunks(document.id)
            self.writer.carry(chunks, self._embed(chunks))
        if documents:
            self.progress("embedding other folders", len(documents), len(documents))

    def _vectors(self, chunks: Sequence[Chunk]) -> FloatMatrix:
        """(len(chunks), dimension); a text that is indexed already, as of a moved file, keeps its vector."""
        known = self.writer.known_vectors(chunks)
        if not known:
            return self._embed(chunks)
        fresh = [passage for passage in chunks if passage.id not in known]
        known.update(zip((passage.id for passage in fresh), self._embed(fresh), strict=True))
        return np.stack([known[passage.id] for passage in chunks])

    def _embed(self, chunks: Sequence[Chunk]) -> FloatMatrix:
        """(len(chunks), dimension) in the chunks' order; batches of like length save padding."""
        texts = [passage.searched for passage in chunks]
        order = sorted(range(len(texts)), key=lambda position: len(texts[position]))
        self.embedded += len(chunks)
        vectors = np.zeros((len(texts), self.embedder.dimension), dtype=np.float32)
        size = self.settings.ingestion.batch_chunks
        for start in range(0, len(order), size):
            if len(order) > size:  # one large file: minutes without a word
                self.progress("embedding", start, len(order), self._rate())
            batch = order[start : start + size]
            vectors[batch] = self.embedder.embed([texts[position] for position in batch])
        return vectors

    def _check_readable(
        self, discovery: Discovery, tables: Collection[Tables], known: Collection[IndexedDocument]
    ) -> None:
        if (
            self.added
            or self.updated
            or self.unchanged
            or any(discovery.covers(document) for document in known)
            or any(asked.covers(document) for document in known for asked in tables)
            or not self.failed  # tables without a row
        ):
            return
        first = self.failed[0]
        where = ", ".join(map(str, [*discovery.scopes, *tables]))
        raise SourceError(f"No document in {where} can be read. The first, {first.source}: {first.error}")
