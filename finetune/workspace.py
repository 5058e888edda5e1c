"""The folder in which a run trains: kept where the run is killed, so that the next one goes on from it."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import InvalidInputError

_PREFIX = ".training-"
_FORGOTTEN_S = 24 * 3600.0  # what another run left is removed after that long


@contextmanager
def workspace(adapters_dir: Path, key: str) -> Iterator[Path]:
    """A folder of this run's own, gone when the block ends, also by a fault; a killed process leaves it.

    Raises InvalidInputError where a run of the same key is under way.
    """
    folder = adapters_dir / f"{_PREFIX}{key}"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InvalidInputError(
                "The same training is under way in another process. Wait for it."
            ) from error
        for other in adapters_dir.glob(f"{_PREFIX}*"):
            if other != folder and time.time() - other.stat().st_mtime > _FORGOTTEN_S:
                shutil.rmtree(other, ignore_errors=True)
        try:
            yield folder
        except KeyboardInterrupt:
            raise
        except BaseException:
            shutil.rmtree(folder)
            raise
        shutil.rmtree(folder)


def contents_hash(folder: Path, *more: str) -> str:
    """Of the files of a folder, their names and whatever else is given."""
    digest = hashlib.sha256(repr(more).encode())
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            digest.update(f"{file.relative_to(folder)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]
