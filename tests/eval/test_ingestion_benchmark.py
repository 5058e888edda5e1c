import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from langchain_core.embeddings import Embeddings

from core.index.index import Index
from core.settings import Settings
from eval.benchmarks import baseline
from eval.benchmarks.commands import CommandRun, measured
from eval.benchmarks.fidelity import Fidelity, measure_fidelity
from eval.benchmarks.folders import copied, documents_below, megabytes, sampled
from eval.benchmarks.speed import Speed, SpeedComparison, compare_speed
from eval.benchmarks.upkeep import Memory, Step, measure_steps
from eval.ingestion_benchmark import IngestionResult, markdown
from tests.fakes import FakeEmbedder

DOCS = Path(__file__).parents[2] / "examples"


class FakeEmbeddings(Embeddings):
    """The stand-in's vectors, ten times as long, as a model without normalizing might give them."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        vectors: list[list[float]] = (10 * FakeEmbedder().embed(texts)).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = [path for path in documents_below(DOCS) if path.suffix == ".md"]
    return copied(files[:5], DOCS, tmp_path / "docs")


@pytest.fixture
def index(folder: Path, tmp_path: Path) -> Iterator[Index]:
    embedder, settings = FakeEmbedder(), Settings(data_dir=tmp_path / "data")
    measure_steps(folder, settings, embedder)
    with closing(Index.open(settings, embedder_name=embedder.name, dimension=embedder.dimension)) as opened:
        yield opened


def test_both_pipelines_index_the_same_files(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("langchain_chroma")
    settings = Settings(data_dir=tmp_path / "unused")
    compared = compare_speed(folder, settings, FakeEmbedder(), FakeEmbeddings(), rounds=2)
    assert compared.files == 5
    assert compared.baseline.text_mb == compared.ours.text_mb == megabytes(documents_below(folder))
    assert min(compared.baseline.chunks, compared.ours.chunks) >= 5
    assert not settings.data_dir.exists()


def test_ratios_come_from_the_times() -> None:
    compared = SpeedComparison(3, 1, baseline=Speed(8.0, 40, 2.0), ours=Speed(2.0, 30, 2.0))
    assert compared.times_faster == 4.0
    assert compared.times_the_chunks == (30 / 2) / (40 / 8)
    assert compared.ours.mb_per_second == 1.0
    assert Memory((5, 50), (100.0, 110.0)).growth == pytest.approx(0.1)


def test_each_step_finds_what_was_changed(folder: Path, tmp_path: Path) -> None:
    steps = {step.name: step for step in measure_steps(folder, Settings(data_dir=tmp_path), FakeEmbedder())}
    first, unchanged, changed = steps["first"], steps["unchanged"], steps["one file changed"]
    assert (first.added, first.unchanged) == (5, 0)
    assert (unchanged.added, unchanged.updated, unchanged.deleted, unchanged.unchanged) == (0, 0, 0, 5)
    assert (changed.updated, changed.unchanged) == (1, 4)
    assert steps["one file removed"].deleted == 1
    assert steps["one file moved"].unchanged >= 3
    assert len(documents_below(folder)) == 4


def test_stored_vectors_are_compared_with_those_of_the_same_texts(index: Index) -> None:
    fidelity = measure_fidelity(index, FakeEmbeddings(), count=12, seed=1)
    assert (fidelity.chunks, fidelity.missing) == (12, 0)
    assert fidelity.least == pytest.approx(1, abs=1e-5)


def test_the_shipped_embedder_stays_close_to_full_precision() -> None:
    from core.models.embedder import SentenceEmbedder

    texts = ["Everyone gets 27 days of leave.", "short", "Receipts are handed in by the fifth. " * 30]
    full = np.array(baseline.PlainEmbeddings(baseline.full_precision_model()).embed_documents(texts))
    full /= np.linalg.norm(full, axis=1, keepdims=True)
    assert (SentenceEmbedder().embed(texts) * full).sum(axis=1).min() >= 0.99


def test_a_sample_repeats_itself_and_takes_all_where_none_is_asked_for() -> None:
    files = [Path(str(number)) for number in range(30)]
    assert sampled(files, 5, seed=1) == sampled(files, 5, seed=1)
    assert len(set(sampled(files, 5, seed=1))) == 5
    assert sampled(files, 0, seed=1) == files


def test_a_command_is_measured_alone(tmp_path: Path) -> None:
    block = bytearray(300_000_000)  # this process's memory must not count as the command's
    run = measured([sys.executable, "-c", 'import time; time.sleep(.2); print("x"); print(\'{"a": 1}\')'])
    assert run.payload == {"a": 1}
    assert run.seconds >= 0.2
    assert 1 < run.peak_mb < 100 < len(block) / 1e6


def test_a_failing_command_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="status 3"):
        measured([sys.executable, "-c", "raise SystemExit(3)"])


def test_the_tables_show_shares_of_the_first_run() -> None:
    result = IngestionResult(
        50,
        SpeedComparison(3, 1, baseline=Speed(8.0, 40, 2.0), ours=Speed(2.0, 30, 2.0)),
        Fidelity(12, 0, 0.9999, 0.998, 0.997),
        (Step("first", 10.0, 50, 0, 0, 0), Step("unchanged", 0.05, 0, 0, 0, 50)),
        (CommandRun(12.0, 900.0, {}), CommandRun(3.0, 300.0, {})),
        Memory((5, 50), (600.0, 900.0)),
    )
    text = markdown(result)
    assert "| Inhouse, times | 4.00 | | 3.00 | 4.00 |" in text
    assert "| unchanged | 0.05 | 0.50% | 0 | 0 | 0 | 50 |" in text
    assert "| second, unchanged | 3.00 | 25.0% | 300 |" in text
    assert "900 (+50.0%)" in text
    assert result.to_json()["steps"][1]["share_of_first"] == 0.005
