"""The chunks' vectors in Chroma, embedded under the index folder or on a server: ids, vectors, labels.

Each build of the index has a Chroma of its own: a folder, or a collection on the server. A rebuild fills a
new one beside it, and the old one goes as a whole, with everything that Chroma never gives back by itself.

An embedded Chroma belongs to one handle: another process's handle never sees what was written after it was
opened. So `VectorBuilds` always opens a fresh one, and `Index` opens anew whenever the version moved.
"""

from __future__ import annotations

import shutil
import sqlite3
import sys
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigurationError, IndexUnavailableError
from core.interfaces import FloatMatrix

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

_opening = threading.Lock()  # Chroma's table of open clients, which is one a process, is not thread-safe
_PAGE = 10_000  # ids fetched at a time
_LABEL = "label"
# Chroma's own ef_search of 100 finds .65 of the nearest ten among a million vectors, 800 finds .94 and costs
# a millisecond more: `python -m eval.search_benchmark`.
_HNSW: Any = {"space": "cosine", "ef_search": 800}
_MISSING = "The vectors of the index are missing; run `inhouse reindex --full` to make them again."


class CollectionMissingError(IndexUnavailableError):
    """The collection that the catalogue names is not in Chroma: swapped away a moment ago, or lost."""


class ChromaVectors:
    """One collection: the vectors of one build of the index."""

    def __init__(self, client: ClientAPI, collection: Collection, url: str = "") -> None:
        """`url`: of the server that it is on, to be named where that is away."""
        self._collection = collection
        self._url = url
        self._batch = int(client.get_max_batch_size())
        self._client = client  # kept, so that it lives as long as its collection

    def upsert(self, ids: Sequence[str], vectors: FloatMatrix, labels: Sequence[int] = ()) -> None:
        """vectors: (len(ids), dimension), in the ids' order, as are the labels; none of them: all 0."""
        metadatas: list[Any] = [{_LABEL: label} if label else None for label in labels]
        for start in range(0, len(ids), self._batch):
            part = slice(start, start + self._batch)
            with named_faults(self._url):
                self._collection.upsert(
                    ids=list(ids[part]),
                    embeddings=vectors[part],
                    metadatas=metadatas[part] if any(metadatas[part]) else None,
                )

    def delete(self, chunk_ids: Sequence[str]) -> None:
        for start in range(0, len(chunk_ids), self._batch):
            with named_faults(self._url):
                self._collection.delete(ids=list(chunk_ids[start : start + self._batch]))

    def search(self, vector: NDArray[np.float32], k: int, where: Any = None) -> list[tuple[str, float]]:
        """Up to k (chunk id, cosine), best first; `where` as `label_filter` makes it."""
        with named_faults(self._url):
            found = self._collection.query(
                query_embeddings=vector[None, :], n_results=k, where=where, include=["distances"]
            )
        distances = (found["distances"] or [[]])[0]
        return [
            (chunk_id, 1.0 - float(gap)) for chunk_id, gap in zip(found["ids"][0], distances, strict=True)
        ]

    def fetch(self, chunk_ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """The stored vectors of those ids that there are."""
        fetched: dict[str, NDArray[np.float32]] = {}
        for start in range(0, len(chunk_ids), self._batch):
            with named_faults(self._url):
                found = self._collection.get(
                    ids=list(chunk_ids[start : start + self._batch]), include=["embeddings"]
                )
            vectors = np.asarray(found["embeddings"], dtype=np.float32)
            fetched.update(zip(found["ids"], vectors, strict=True))
        return fetched

    def ids(self) -> set[str]:
        found: set[str] = set()
        while True:
            with named_faults(self._url):
                page = self._collection.get(include=[], limit=_PAGE, offset=len(found))["ids"]
            found.update(page)
            if len(page) < _PAGE:
                return found

    def check(self) -> None:
        """Raises IndexUnavailableError where the collection cannot be asked for now; costs one small call."""
        with named_faults(self._url):
            self._client.get_collection(self._collection.name, embedding_function=None)

    def count(self) -> int:
        with named_faults(self._url):
            return int(self._collection.count())


def label_filter(allowed: Sequence[int], denied: Sequence[int]) -> Any:
    """Chroma's condition for chunks of an allowed label; label 0 is not stored, and `$nin` lets it pass."""
    return {_LABEL: {"$nin": list(denied)} if 0 in allowed else {"$in": list(allowed)}}


class VectorBuilds:
    """The builds of one index: folders below `folder`, or collections of the server at `url`."""

    def __init__(self, folder: Path, url: str = "") -> None:
        self._folder = folder
        self._url = url

    def open(self, name: str) -> ChromaVectors:
        """A fresh handle on a build. Raises CollectionMissingError where it is gone."""
        with named_faults(self._url):
            if not self._url and not self._database(name).is_file():
                raise CollectionMissingError(_MISSING)
            client = self._client(name)
            return ChromaVectors(client, client.get_collection(name, embedding_function=None), self._url)

    def create(self, name: str) -> ChromaVectors:
        """An empty build, in place of what a writer that died left under its name."""
        self.drop(name)
        with named_faults(self._url):
            client = self._client(name)
            collection = client.create_collection(
                name, embedding_function=None, configuration={"hnsw": _HNSW}
            )
            return ChromaVectors(client, collection, self._url)

    def count(self, name: str) -> int:
        """How many vectors a build holds. Raises CollectionMissingError where it is gone.

        Read from Chroma's own database, because importing Chroma takes longer than a reindex without changes.
        """
        if not self._url and self._database(name).is_file():
            with (
                suppress(sqlite3.Error),
                closing(sqlite3.connect(self._database(name), timeout=30)) as database,
            ):
                return int(database.execute("SELECT count(*) FROM embeddings").fetchone()[0])
        return self.open(name).count()

    def drop(self, name: str) -> None:
        if not self._url:
            shutil.rmtree(self._folder / name, ignore_errors=True)
            return
        with named_faults(self._url):
            client = self._client(name)
            if name in (collection.name for collection in client.list_collections()):
                client.delete_collection(name)

    def drop_all_but(self, keep: str | None, prefix: str) -> None:
        """Deletes every build whose name begins so but one."""
        if not self._url:
            for path in self._folder.glob(f"{prefix}*"):
                if path.name != keep:
                    shutil.rmtree(path, ignore_errors=True)
            return
        with named_faults(self._url):
            client = self._client("")
            for name in [collection.name for collection in client.list_collections()]:
                if name.startswith(prefix) and name != keep:
                    client.delete_collection(name)

    def _database(self, name: str) -> Path:
        return self._folder / name / "chroma.sqlite3"

    def _client(self, name: str) -> ClientAPI:
        """Raises ConfigurationError for a URL that is none."""
        import chromadb
        from chromadb.api.shared_system_client import SharedSystemClient
        from chromadb.config import Settings as ChromaSettings

        quiet = ChromaSettings(anonymized_telemetry=False)
        if self._url:
            parts = urlsplit(self._url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ConfigurationError(
                    f"INHOUSE_CHROMA_URL must look like http://host:8000, not {self._url!r}."
                )
            port = parts.port or (443 if parts.scheme == "https" else 8000)
            return chromadb.HttpClient(parts.hostname, port, ssl=parts.scheme == "https", settings=quiet)
        folder = self._folder / name
        folder.mkdir(parents=True, exist_ok=True)
        with _opening:
            SharedSystemClient.clear_system_cache()
            client = chromadb.PersistentClient(folder, settings=quiet)
            # A new client stops no old one, whose files would stay open: each stops when nobody uses it.
            # `client.close` would go by a count that `clear_system_cache` has reset.
            if isinstance(client, SharedSystemClient):
                weakref.finalize(client, client._system.stop)
        return client


def _without_url_grammar() -> None:
    """Spares the import of jsonschema, and so of Chroma, one to ten seconds of building a grammar of URLs.

    jsonschema takes it as an optional package that is not installed; Chroma validates no URLs with it.
    """
    modules: dict[str, Any] = sys.modules
    modules.setdefault("rfc3987_syntax", None)


@contextmanager
def named_faults(url: str = "") -> Iterator[None]:
    """Chroma's and its transport's faults as IndexUnavailableError."""
    _without_url_grammar()
    import httpx
    from chromadb.errors import ChromaError, NotFoundError

    try:
        yield
    except NotFoundError as error:
        raise CollectionMissingError(_MISSING) from error
    except (ChromaError, httpx.HTTPError, OSError, ValueError) as error:
        where, remedy = "", "run `inhouse reindex --full` to make it anew"
        if url:
            where, remedy = f" at {_shown(url)}", "start Chroma's server, or correct INHOUSE_CHROMA_URL"
        raise IndexUnavailableError(f"The vector store{where} cannot be used ({error}): {remedy}.") from error


def _shown(url: str) -> str:
    """The URL without the name and password that it may hold."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
