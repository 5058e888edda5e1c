"""What it costs to keep an index: runs over an unchanged and a slightly changed folder, and memory."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.interfaces import Embedder
from core.progress import Progress, silent
from core.settings import Settings
from eval.benchmarks.commands import CommandRun, measured
from eval.benchmarks.folders import documents_below
from ingestion.indexing import ReindexReport, reindex

_SENTENCE = "\n\nFrom the first of next month, the blue folder is kept on the third shelf.\n"


@dataclass(frozen=True, slots=True)
class Step:
    """One run: how long it took, and what it found new, changed or gone."""

    name: str
    seconds: float
    added: int
    updated: int
    deleted: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class Memory:
    """Peak resident memory, in 10^6 bytes, of indexing some files, and about ten times as many."""

    files: tuple[int, int]
    peak_mb: tuple[float, float]

    @property
    def growth(self) -> float:
        """0.1: a tenth more for the more files."""
        return self.peak_mb[1] / self.peak_mb[0] - 1


def measure_steps(
    folder: Path, settings: Settings, embedder: Embedder, progress: Progress = silent
) -> list[Step]:
    """The first run, then one after each change. Writes into `folder`: hand in a copy.

    The files that change are those of about the median size.
    """
    files = sorted(documents_below(folder), key=lambda path: (path.stat().st_size, path))
    changed, removed, moved = _three_in_the_middle(files)

    def step(name: str) -> Step:
        begun = time.perf_counter()
        report = reindex(settings, [folder], embedder=embedder, progress=progress)
        return _step(name, time.perf_counter() - begun, report)

    embedder.embed(["warm up"])
    steps = [step("first"), step("unchanged")]
    changed.write_text(changed.read_text(encoding="utf-8", errors="replace") + _SENTENCE, encoding="utf-8")
    steps.append(step("one file changed"))
    removed.unlink()
    steps.append(step("one file removed"))
    moved.rename(moved.with_name(f"moved-{moved.name}"))
    steps.append(step("one file moved"))
    return steps


def reindex_command(folder: Path, data_dir: Path) -> CommandRun:
    """`inhouse reindex` as a whole command, with the start of Python and loading the model."""
    command = (sys.executable, "-m", "service.cli", "reindex", str(folder))
    return measured([*command, "--data-dir", str(data_dir), "--json"])


def _three_in_the_middle(files: Sequence[Path]) -> Sequence[Path]:
    texts = [path for path in files if path.suffix.lower() in (".md", ".txt")]
    if len(texts) < 3:
        raise ValueError(f"three Markdown or text files are needed, not {len(texts)}")
    middle = (len(texts) - 3) // 2
    return texts[middle : middle + 3]


def _step(name: str, seconds: float, report: ReindexReport) -> Step:
    return Step(name, seconds, report.added, report.updated, report.deleted, report.unchanged)
