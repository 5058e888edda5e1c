"""What can be indexed: files, and rows of database tables."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

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
        return self.folder_labels.of(self.path.parent)

    def content_hash(self) -> str:
        return content_hash(self.path)

    def load(self, settings: IngestionSettings) -> Document:
        from ingestion.loaders.loading import load

        document = load(self.path, self.folder, settings)
        return replace(document, labels=self.labels())


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


def is_dated(source: Source, before: IndexedDocument) -> bool:
    """True where it has the size and date that were noted when it was indexed."""
    stat = source.stat
    return stat is not None and (before.size, before.mtime_ns) == (stat.st_size, stat.st_mtime_ns)
