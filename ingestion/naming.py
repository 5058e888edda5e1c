"""What a file is known by: an id of its path, a hash of its content."""

from __future__ import annotations

import hashlib
from pathlib import Path

from core.errors import SourceError


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
