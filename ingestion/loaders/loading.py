"""A file as a Document: the format is told by the content, not only by the name."""

from __future__ import annotations

import hashlib
import importlib
import re
from pathlib import Path

from core.errors import EmptySourceError, SourceError
from core.settings import IngestionSettings
from core.types import Document
from ingestion.loaders.archives import archive_kind
from ingestion.loaders.files import DEFAULTS, FileLoader
from ingestion.loaders.formats import LOADERS, UNSUPPORTED
from ingestion.loaders.limits import over_limit
from ingestion.naming import document_id

OFFICE = (".docx", ".pptx", ".pptm", ".xlsx", ".xlsm")  # archives of XML


def load(path: Path, root: Path, settings: IngestionSettings = DEFAULTS) -> Document:
    """The document in a file below the folder `root`.

    Raises SourceError with the reason in one sentence (missing, over a limit, encrypted, scanned, damaged),
    EmptySourceError where it has no text at all.
    """
    path, root = path.absolute(), root.absolute()
    data = _read(path, settings.max_file_mb)
    loader = _loader_for(path, data)(path, data, settings)
    loaded = loader.load()[0]
    metadata = {key: value for key, value in loaded.metadata.items() if key not in ("source", "title")}
    return Document(
        id=document_id(path),
        source=path.relative_to(root).as_posix(),
        title=loaded.metadata["title"],
        text=loaded.page_content,
        content_hash=hashlib.sha256(data).hexdigest(),
        metadata=metadata,
    )


def _read(path: Path, max_mb: float) -> bytes:
    try:
        size = path.stat().st_size
        if size > max_mb * 1e6:
            raise over_limit(f"{size / 1e6:.1f} MB", "max_file_mb", f"{max_mb:g} MB")
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"It cannot be read: {error.strerror}.") from error
    if not data.strip():
        raise EmptySourceError("It is empty.")
    return data


def _loader_for(path: Path, data: bytes) -> type[FileLoader]:
    suffix = path.suffix.lower()
    if b"%PDF-" in data[:1024]:
        return _loader(".pdf")
    if data.startswith(b"PK\x03\x04"):
        kind = archive_kind(data)
        if kind in LOADERS:
            return _loader(kind)
        raise _unsupported(kind)
    if data.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):  # old Office files, and encrypted new ones
        if suffix in OFFICE:
            name = suffix[1:].upper()
            raise SourceError(f"It is encrypted or an old Office file; save it as {name} without a password.")
        raise SourceError(f"Its format is not supported; {UNSUPPORTED.get(suffix, 'save it as DOCX')}.")
    if suffix in UNSUPPORTED:
        raise _unsupported(suffix)
    if data.startswith(b"{\\rtf"):
        raise _unsupported(".rtf")
    if suffix in (".pdf", *OFFICE):
        raise SourceError(f"It is damaged: it does not begin like a {suffix[1:].upper()} file.")
    if re.match(rb"(?:\xef\xbb\xbf)?\s*(?:<!doctype html|<html\b)", data, re.IGNORECASE):
        return _loader(".html")
    return _loader(suffix if suffix in LOADERS else ".txt")


def _loader(suffix: str) -> type[FileLoader]:
    module, name = LOADERS[suffix]
    found: type[FileLoader] = getattr(importlib.import_module(f"ingestion.loaders.{module}"), name)
    return found


def _unsupported(suffix: str) -> SourceError:
    if not suffix:
        return SourceError("It is an archive, not a document; unpack it.")
    return SourceError(f"{suffix[1:].upper()} files are not supported; {UNSUPPORTED[suffix]}.")
