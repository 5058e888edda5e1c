"""Indexing a folder, against a plain LangChain pipeline over the same files."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from langchain_core.embeddings import Embeddings

from core.interfaces import Embedder
from core.progress import Progress, silent
from core.settings import Settings
from eval.benchmarks import baseline
from eval.benchmarks.folders import documents_below, megabytes, stored_in
from ingestion.indexing import reindex


@dataclass(frozen=True, slots=True)
class Speed:
    """One pipeline's run over the files; `text_mb` are 10^6 bytes of them."""

    seconds: float
    chunks: int
    text_mb: float

    @property
    def chunks_per_second(self) -> float:
        return self.chunks / self.seconds

    @property
    def mb_per_second(self) -> float:
        return self.text_mb / self.seconds


@dataclass(frozen=True, slots=True)
class SpeedComparison:
    """Medians of the rounds, of the same files through both."""

    files: int
    rounds: int
    baseline: Speed
    ours: Speed

    @property
    def times_faster(self) -> float:
        """The baseline's wall time over the same files, divided by ours."""
        return self.baseline.seconds / self.ours.seconds

    @property
    def times_the_chunks(self) -> float:
        """Our chunks a second, divided by the baseline's."""
        return self.ours.chunks_per_second / self.baseline.chunks_per_second


def compare_speed(
    folder: Path,
    settings: Settings,
    embedder: Embedder,
    embeddings: Embeddings,
    *,
    rounds: int = 1,
    progress: Progress = silent,
) -> SpeedComparison:
    """Both pipelines in turn over the folder's files, each into new stores, with models that are loaded."""
    baseline.chroma()
    embedder.embed(["warm up"])
    embeddings.embed_documents(["warm up"])
    files = documents_below(folder)
    plain, ours = [], []
    for done in range(rounds):
        progress("LangChain and Inhouse in turn", 2 * done, 2 * rounds)
        plain.append(_plain(files, embeddings))
        progress("LangChain and Inhouse in turn", 2 * done + 1, 2 * rounds)
        ours.append(_ours(folder, settings, embedder, megabytes(files), progress))
    progress("LangChain and Inhouse in turn", 2 * rounds, 2 * rounds)
    return SpeedComparison(len(files), rounds, _median(plain), _median(ours))


def _plain(files: Sequence[Path], embeddings: Embeddings) -> Speed:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as store:
        begun = time.perf_counter()
        chunks = baseline.ingest(files, embeddings, Path(store))
        return Speed(time.perf_counter() - begun, chunks, megabytes(files))


def _ours(folder: Path, settings: Settings, embedder: Embedder, text_mb: float, progress: Progress) -> Speed:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as store:
        begun = time.perf_counter()
        report = reindex(stored_in(settings, Path(store)), [folder], embedder=embedder, progress=progress)
        return Speed(time.perf_counter() - begun, report.chunks, text_mb)


def _median(runs: Sequence[Speed]) -> Speed:
    return Speed(statistics.median(run.seconds for run in runs), runs[0].chunks, runs[0].text_mb)
