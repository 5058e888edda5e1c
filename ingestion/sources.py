"""What can be indexed: files, and rows of database tables."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote

from core.index.catalogue import IndexedDocument
from core.settings import IngestionSettings
from core.types import Document, Labels
from ingestion.labels import FolderLabels
from ingestion.naming import content_hash


class Source(Protocol):
    """All methods may raise SourceError, with the reason in one sentence."""

    @property
    def id(self) -> str: ...

    @property
    def root(self) -> str:
        """The folder or table that it belongs to."""
        ...

    @property
    def source(self) -> str:
        """Its POSIX path below the root."""
        ...

    @property
    def stat(self) -> os.stat_result | None:
        """Size and date, where it has such."""
        ...

    def labels(self) -> Labels: ...

    def content_hash(self) -> str: ...

    def load(self, settings: IngestionSettings) -> Document: ...


@dataclass(frozen=True, slots=True)
class FileSource:
    id: str
    path: Path
    folder: Path  # that was indexed
    source: str
    stat: os.stat_result
    folder_labels: FolderLabels

    @property
    def root(self) -> str:
        return str(self.folder)

    def labels(self) -> Labels:
        """Those of the folder that the file lies in, also where a link in another folder leads to it."""
        path = self.path.resolve() if self.path.is_symlink() else self.path
        return self.folder_labels.of(path.parent)

    def content_hash(self) -> str:
        return content_hash(self.path)

    def load(self, settings: IngestionSettings) -> Document:
        from ingestion.loaders.loading import load

        document = load(self.path, self.folder, settings)
        return replace(document, labels=self.labels())


@dataclass(frozen=True, slots=True)
class Tables:
    """Tables of one database, in whichever order a URL named them. Each is the root of its rows."""

    place: str  # the database's address, without who opens it
    names: tuple[str, ...]

    @classmethod
    def of(cls, address: str) -> Tables:
        """`address` is that of `ingestion.loaders.sql.tables_named`."""
        place, _, names = address.partition("?table=")
        return cls(place, tuple(sorted(set(names.split("&table=")))))

    def __str__(self) -> str:
        return f"{self.place}?{'&'.join(f'table={name}' for name in self.names)}"

    def root(self, row: Document) -> str:
        return f"{self.place}?table={row.metadata['table']}"

    def covers(self, document: IndexedDocument) -> bool:
        """True where it is a row of these tables, also of one that shared its root with other tables."""
        place, _, names = document.root.partition("?table=")
        if place != self.place:
            return False
        shared = "&table=" in names  # as versions did whose roots were whole URLs
        return (unquote(document.source.split("/")[1]) if shared else names) in self.names


@dataclass(frozen=True, slots=True)
class RowSource:
    """A row, which came as a document already."""

    document: Document
    root: str  # the table's address, without a password
    stat: None = None

    @property
    def id(self) -> str:
        return self.document.id

    @property
    def source(self) -> str:
        return self.document.source

    def labels(self) -> Labels:
        return self.document.labels

    def content_hash(self) -> str:
        return self.document.content_hash

    def load(self, settings: IngestionSettings) -> Document:
        return self.document
