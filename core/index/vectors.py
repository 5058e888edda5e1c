"""The chunks' vectors in Chroma, embedded under the index folder or on a server: ids and vectors only.

An embedded Chroma folder belongs to one handle: another process's handle never sees what was written after it
was opened. So `open_store` always opens a fresh one, and `Index` opens anew whenever the version moved.
"""

from __future__ import annotations

import shutil
import sqlite3
import sys
import threading
import uuid
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigurationError, IndexUnavailableError
from core.interfaces import FloatMatrix
from core.types import Chunk

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

_opening = threading.Lock()  # Chroma's table of open clients, which is one a process, is not thread-safe
_PAGE = 10_000  # ids fetched at a time


class CollectionMissingError(IndexUnavailableError):
    """The collection that the catalogue names is not in Chroma: swapped away a moment ago, or lost."""


class ChromaVectors:
    """One collection: the vectors of one build of the index. A VectorStore."""

    def __init__(self, client: ClientAPI, collection: Collection, batch: int) -> None:
        self._client = client
        self._collection = collection
        self._batch = batch

    def upsert(self, chunks: Sequence[Chunk], vectors: FloatMatrix) -> None:
        """vectors: (len(chunks), dimension), in the chunks' order."""
        for start in range(0, len(chunks), self._batch):
            part = slice(start, start + self._batch)
            with named_faults():
                self._collection.upsert(ids=[chunk.id for chunk in chunks[part]], embeddings=vectors[part])

    def delete(self, chunk_ids: Sequence[str]) -> None:
        for start in range(0, len(chunk_ids), self._batch):
            with named_faults():
                self._collection.delete(ids=list(chunk_ids[start : start + self._batch]))

    def search(self, vector: NDArray[np.float32], k: int) -> list[tuple[str, float]]:
        with named_faults():
            found = self._collection.query(
                query_embeddings=vector[None, :], n_results=k, include=["distances"]
            )
        distances = (found["distances"] or [[]])[0]
        return [
            (chunk_id, 1.0 - float(gap)) for chunk_id, gap in zip(found["ids"][0], distances, strict=True)
        ]

    def ids(self) -> set[str]:
        found: set[str] = set()
        while True:
            with named_faults():
                page = self._collection.get(include=[], limit=_PAGE, offset=len(found))["ids"]
            found.update(page)
            if len(page) < _PAGE:
                return found

    def count(self) -> int:
        with named_faults():
            return int(self._collection.count())


class ChromaStore:
    """A handle on the Chroma that holds this index's collections."""

    def __init__(self, client: ClientAPI, folder: Path | None) -> None:
        self._client = client
        self._folder = folder  # None: a server, which looks after its own files

    def collection(self, name: str) -> ChromaVectors:
        with named_faults():
            collection = self._client.get_collection(name, embedding_function=None)
            return ChromaVectors(self._client, collection, self._batch())

    def create(self, name: str) -> ChromaVectors:
        with named_faults():
            collection = self._client.create_collection(
                name, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
            )
            return ChromaVectors(self._client, collection, self._batch())

    def drop_all_but(self, keep: str | None, prefix: str) -> None:
        """Deletes every collection of this prefix but one, with the files that Chroma leaves behind."""
        with named_faults():
            names = [collection.name for collection in self._client.list_collections()]
            for name in names:
                if name.startswith(prefix) and name != keep:
                    self._client.delete_collection(name)
        if self._folder is not None:
            _remove_leftovers(self._folder)

    def _batch(self) -> int:
        return int(self._client.get_max_batch_size())


def open_store(folder: Path, url: str) -> ChromaStore:
    """A fresh handle: on the server at `url`, or on `folder` where the URL is empty.

    Raises ConfigurationError for a URL that is none, IndexUnavailableError where Chroma cannot be reached.
    """
    _without_url_grammar()
    with named_faults(url):
        import chromadb
        from chromadb.api.shared_system_client import SharedSystemClient
        from chromadb.config import Settings as ChromaSettings

        quiet = ChromaSettings(anonymized_telemetry=False)
        if url:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ConfigurationError(f"INHOUSE_CHROMA_URL must look like http://host:8000, not {url!r}.")
            port = parts.port or (443 if parts.scheme == "https" else 8000)
            secure = parts.scheme == "https"
            return ChromaStore(chromadb.HttpClient(parts.hostname, port, ssl=secure, settings=quiet), None)
        folder.mkdir(parents=True, exist_ok=True)
        with _opening:
            SharedSystemClient.clear_system_cache()
            client = chromadb.PersistentClient(folder, settings=quiet)
            # A new client stops no old one, whose files would stay open: each stops when nobody uses it.
            # `client.close` would go by a count that `clear_system_cache` has reset.
            if isinstance(client, SharedSystemClient):
                weakref.finalize(client, client._system.stop)
        return ChromaStore(client, folder)


def _without_url_grammar() -> None:
    """Spares the import of jsonschema, and so of Chroma, one to ten seconds of building a grammar of URLs.

    jsonschema takes it as an optional package that is not installed; Chroma validates no URLs with it.
    """
    modules: dict[str, Any] = sys.modules
    modules.setdefault("rfc3987_syntax", None)


@contextmanager
def named_faults(url: str = "") -> Iterator[None]:
    """Chroma's and its transport's faults as IndexUnavailableError."""
    import httpx
    from chromadb.errors import ChromaError, NotFoundError

    try:
        yield
    except NotFoundError as error:
        raise CollectionMissingError(
            "The vectors of the index are missing; run `inhouse reindex --full` to make them again."
        ) from error
    except (ChromaError, httpx.HTTPError, OSError, ValueError) as error:
        where = f" at {url}" if url else ""
        raise IndexUnavailableError(f"The vector store{where} cannot be used: {error}") from error


def _remove_leftovers(folder: Path) -> None:
    """Deletes the vector files of collections that are gone: Chroma leaves them on the disk."""
    with closing(sqlite3.connect(folder / "chroma.sqlite3", timeout=30)) as connection:
        live = {row[0] for row in connection.execute("SELECT id FROM segments")}
    for path in _segment_folders(folder.iterdir()):
        if path.name not in live:
            shutil.rmtree(path, ignore_errors=True)


def _segment_folders(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        try:
            uuid.UUID(path.name)
        except ValueError:
            continue
        if path.is_dir():
            yield path
