"""A file as a Document: the format is told by the content, not only by the name."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from core.errors import SourceError
from core.settings import IngestionSettings
from core.types import Document
from ingestion.loaders.archives import archive_kind
from ingestion.loaders.asciidoc import AsciiDocLoader
from ingestion.loaders.csv_files import CSVLoader
from ingestion.loaders.email_files import EmailLoader
from ingestion.loaders.files import DEFAULTS, EmptySourceError, FileLoader
from ingestion.loaders.html import HTMLLoader
from ingestion.loaders.json_files import JSONLoader
from ingestion.loaders.limits import over_limit
from ingestion.loaders.markdown import MarkdownLoader
from ingestion.loaders.pdf import PDFLoader
from ingestion.loaders.restructured import RSTLoader
from ingestion.loaders.slides import SlidesLoader
from ingestion.loaders.spreadsheet import SpreadsheetLoader
from ingestion.loaders.text import TextLoader
from ingestion.loaders.word import WordLoader

LOADERS: dict[str, type[FileLoader]] = {
    ".md": MarkdownLoader,
    ".markdown": MarkdownLoader,
    ".mdx": MarkdownLoader,
    ".html": HTMLLoader,
    ".htm": HTMLLoader,
    ".pdf": PDFLoader,
    ".docx": WordLoader,
    ".pptx": SlidesLoader,
    ".pptm": SlidesLoader,
    ".xlsx": SpreadsheetLoader,
    ".xlsm": SpreadsheetLoader,
    ".rst": RSTLoader,
    ".adoc": AsciiDocLoader,
    ".asciidoc": AsciiDocLoader,
    ".csv": CSVLoader,
    ".tsv": CSVLoader,
    ".json": JSONLoader,
    ".jsonl": JSONLoader,
    ".ndjson": JSONLoader,
    ".eml": EmailLoader,
    ".txt": TextLoader,
}
# Documents that people expect to be read: each is named as a failure, with the way out, not passed over.
UNSUPPORTED = {
    ".doc": "save it as DOCX",
    ".rtf": "save it as DOCX",
    ".odt": "save it as DOCX",
    ".docm": "save it as DOCX",
    ".ppt": "save it as PPTX",
    ".odp": "save it as PPTX",
    ".xls": "save it as XLSX",
    ".xlsb": "save it as XLSX",
    ".ods": "save it as XLSX",
    ".msg": "save it as EML",
    ".epub": "export it as HTML or PDF",
}
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


def document_id(path: Path) -> str:
    """Stable for an absolute path, whatever folder it was indexed from."""
    return hashlib.sha1(path.as_posix().encode("utf-8", "surrogateescape")).hexdigest()[:12]


def content_hash(path: Path) -> str:
    """SHA-256 of the file's bytes. Raises SourceError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SourceError(f"It cannot be read: {error.strerror}.") from error


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
        return PDFLoader
    if data.startswith(b"PK\x03\x04"):
        kind = archive_kind(data)
        if kind in LOADERS:
            return LOADERS[kind]
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
        return HTMLLoader
    return LOADERS.get(suffix, TextLoader)


def _unsupported(suffix: str) -> SourceError:
    if not suffix:
        return SourceError("It is an archive, not a document; unpack it.")
    return SourceError(f"{suffix[1:].upper()} files are not supported; {UNSUPPORTED[suffix]}.")
