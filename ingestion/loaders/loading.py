"""A file as a Document: the format is told by the content, not only by the name."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from pathlib import Path

from core.errors import SourceError
from core.types import Document
from ingestion.loaders.files import EmptySourceError, FileLoader
from ingestion.loaders.html import HTMLLoader
from ingestion.loaders.markdown import MarkdownLoader
from ingestion.loaders.pdf import PDFLoader
from ingestion.loaders.tables import CSVLoader
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
    ".csv": CSVLoader,
    ".tsv": CSVLoader,
    ".txt": TextLoader,
}
# Documents that people expect to be read: each is named as a failure, with the way out, not passed over.
UNSUPPORTED = {
    ".doc": "save it as DOCX",
    ".rtf": "save it as DOCX",
    ".odt": "save it as DOCX",
    ".pptx": "export it as PDF",
    ".ppt": "export it as PDF",
    ".xlsx": "export its sheets as CSV",
    ".xls": "export its sheets as CSV",
    ".ods": "export its sheets as CSV",
    ".epub": "export it as HTML or PDF",
}


def load(path: Path, root: Path, *, max_mb: float = 50) -> Document:
    """The document in a file below the folder `root`.

    Raises SourceError with the reason in one sentence (missing, too large, encrypted, scanned, damaged),
    EmptySourceError where it has no text at all.
    """
    path, root = path.absolute(), root.absolute()
    data = _read(path, max_mb)
    loader = _loader_for(path, data)(path, data)
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
            raise SourceError(
                f"It has {size / 1e6:.1f} MB; the limit is {max_mb:g} MB (INHOUSE_INGESTION__MAX_FILE_MB)."
            )
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
        if _is_word(data):
            return WordLoader
        raise SourceError(
            f"It is not a Word document but another archive; {UNSUPPORTED.get(suffix, 'unpack it')}."
        )
    if data.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):  # old Office files, and encrypted new ones
        if suffix == ".docx":
            raise SourceError("It is encrypted or an old Word file; save it as DOCX without a password.")
        raise SourceError(f"Its format is not supported; {UNSUPPORTED.get(suffix, 'save it as DOCX')}.")
    if suffix in UNSUPPORTED:
        raise SourceError(f"{suffix[1:].upper()} files are not supported; {UNSUPPORTED[suffix]}.")
    if suffix in (".pdf", ".docx"):
        raise SourceError(f"It is damaged: it does not begin like a {suffix[1:].upper()} file.")
    if suffix not in (".md", ".markdown", ".mdx") and re.match(
        rb"(?:\xef\xbb\xbf)?\s*(?:<!doctype html|<html)", data, re.I
    ):
        return HTMLLoader
    return LOADERS.get(suffix, TextLoader)


def _is_word(data: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return "word/document.xml" in archive.namelist()
    except zipfile.BadZipFile as error:
        raise SourceError(f"It is damaged ({error}).") from error
