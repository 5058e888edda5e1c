"""Copies of a folder's documents, so that a benchmark never writes into the folder that it was given."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from pathlib import Path

from core.settings import Settings
from ingestion.discovery import discover


def documents_below(folder: Path) -> list[Path]:
    """The files that Inhouse would index, sorted. Raises SourceError where there is none."""
    return sorted(source.path for source in discover([folder], []).sources)


def sampled(files: Sequence[Path], count: int, seed: int) -> list[Path]:
    """`count` of the files in their order, or all of them where it is 0 or more than there are."""
    if not count or count >= len(files):
        return list(files)
    return sorted(random.Random(seed).sample(list(files), count))


def copied(files: Sequence[Path], folder: Path, to: Path) -> Path:
    """Copies files below `folder` to the same places below `to`; returns `to`."""
    for path in files:
        place = to / path.relative_to(folder.resolve())
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, place)
    return to


def megabytes(files: Sequence[Path]) -> float:
    """What the files hold, in 10^6 bytes."""
    return sum(path.stat().st_size for path in files) / 1e6


def disk_megabytes(folder: Path) -> float:
    """What a folder takes of the disk, in 10^6 bytes: Chroma's files have holes."""
    return sum(path.stat().st_blocks for path in folder.rglob("*") if path.is_file()) * 512 / 1e6


def stored_in(settings: Settings, data_dir: Path) -> Settings:
    return settings.model_copy(update={"data_dir": data_dir})
