"""The files that an indexing run looks at, and which documents of the index it may find missing."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG

from core.errors import SourceError
from core.index.catalogue import IndexedDocument
from ingestion.labels import FolderLabels
from ingestion.loaders.formats import LOADERS, UNSUPPORTED
from ingestion.naming import document_id
from ingestion.sources import FileSource

_LEADS_NOWHERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)  # a broken link, or a file that went just now
_FORMATS = "Markdown, HTML, PDF, DOCX, PPTX, XLSX, CSV, JSON, RST, AsciiDoc, EML and text"


@dataclass(frozen=True, slots=True)
class Failure:
    """A file or folder that was not indexed, and why, in one sentence."""

    source: str
    error: str
    empty: bool = False  # nothing to index, which is no fault


@dataclass(frozen=True, slots=True)
class Discovery:
    scopes: tuple[Path, ...]  # the folders and files that were asked for, absolute
    sources: tuple[FileSource, ...]
    failures: tuple[Failure, ...]
    unreadable: tuple[Path, ...]  # folders that could not be listed: what was indexed of them stays

    def covers(self, document: IndexedDocument) -> bool:
        """True where the document's file would have been found if it still existed."""
        path = document.path
        return _below(path, self.scopes) and not _below(path, self.unreadable)


def discover(paths: Sequence[Path], known: Iterable[IndexedDocument]) -> Discovery:
    """All documents below the paths, hidden files left out. Each file comes once, even where paths overlap.

    The root of a file is the folder that was given (of a single file: its folder), or the one that an earlier
    run indexed around it. Raises SourceError where a path is missing, or holds no document and never did.
    """
    documents = list(known)
    roots = {Path(document.root) for document in documents}
    scopes = tuple(_existing(path) for path in paths)
    found: dict[str, FileSource] = {}
    failures: list[Failure] = []
    unreadable: list[Path] = []
    labels = FolderLabels()
    for scope in scopes:
        root = _root(scope, roots | {other for other in scopes if other.is_dir()})
        before = len(found) + len(failures) + len(unreadable)
        for path in _files(scope, unreadable):
            try:
                source = _source(path, root, labels)
            except PermissionError:
                unreadable.append(path.parent)
                continue
            if isinstance(source, Failure):
                failures.append(source)
            elif source is not None:
                found.setdefault(source.id, source)
        was_there = any(_below(document.path, (scope,)) for document in documents)
        covered = any(_below(source.path, (scope,)) for source in found.values())
        if len(found) + len(failures) + len(unreadable) == before and not was_there and not covered:
            raise SourceError(f"There is no document in {scope}: it needs files in {_FORMATS}.")
    locked = tuple(dict.fromkeys(unreadable))
    failures += [
        Failure(str(folder), "This folder cannot be opened: permission denied.") for folder in locked
    ]
    return Discovery(scopes, tuple(found.values()), tuple(failures), locked)


def _source(path: Path, root: Path, labels: FolderLabels) -> FileSource | Failure | None:
    """None where no file is, as of a broken link. Raises PermissionError where its folder is locked."""
    source = path.relative_to(root).as_posix()
    try:
        source.encode()
        stat = path.stat()
        if not S_ISREG(stat.st_mode):
            return Failure(source, "It is no file but a pipe, socket or device.")  # reading might never end
        if path.is_symlink() and not path.resolve().is_relative_to(root):
            return Failure(source, "It is a link that leaves the folder; put the file there.")
    except UnicodeEncodeError:
        name = source.encode("utf-8", "replace").decode()
        return Failure(name, "Its name is not valid UTF-8; rename it.")
    except OSError as error:
        if error.errno in _LEADS_NOWHERE:
            return None
        if isinstance(error, PermissionError) and not path.is_symlink():
            raise
        return Failure(source, f"It cannot be read: {error.strerror}.")
    return FileSource(document_id(path), path, root, source, stat, labels)


def _existing(path: Path) -> Path:
    resolved = path.expanduser().resolve()
    if not resolved.exists():
        raise SourceError(f"There is no folder or file {path}.")
    return resolved


def _root(scope: Path, roots: Iterable[Path]) -> Path:
    """The outermost folder known to be indexed around the scope, else the scope's own folder."""
    around = [root for root in roots if scope.is_relative_to(root)]
    return (
        min(around, key=lambda root: len(root.parts)) if around else scope if scope.is_dir() else scope.parent
    )


def _files(scope: Path, unreadable: list[Path]) -> Iterator[Path]:
    if not scope.is_dir():
        yield scope
        return

    def note(error: OSError) -> None:
        unreadable.append(Path(error.filename))

    for folder, folders, names in os.walk(scope, onerror=note):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(folder, name)
            hidden = name.startswith((".", "~$"))
            if not hidden and path.suffix.lower() in LOADERS.keys() | UNSUPPORTED.keys():
                yield path


def _below(path: Path, folders: Iterable[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)
