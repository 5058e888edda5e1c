from __future__ import annotations

import random

import pytest

from core.index.index import Index
from core.retrieval import Retriever
from core.settings import RetrievalSettings, Settings
from core.types import Evidence, QAPair
from eval.retrieval_benchmark import Found, code_recall, measure, table, variants, with_slip
from ingestion.indexing import reindex
from tests.fakes import FakeEmbedder, FakeReranker

QUESTIONS = [
    QAPair("1", "answerable", "How long is parental leave?", evidence=(Evidence("a.md", "sixteen weeks"),)),
    QAPair("2", "answerable", "When do salaries arrive?", evidence=(Evidence("b.md", "on the 25th"),)),
    QAPair("3", "multi", "Which weeks and which day?", evidence=(Evidence("b.md", "never said"),)),
]


@pytest.fixture(scope="module")
def retriever(tmp_path_factory: pytest.TempPathFactory) -> Retriever:
    folder = tmp_path_factory.mktemp("retrieval")
    (folder / "docs").mkdir()
    (folder / "docs" / "a.md").write_text("# Leave\n\nParental leave lasts sixteen weeks. See form HR-77.\n")
    (folder / "docs" / "b.md").write_text("# Pay\n\nSalaries arrive on the 25th of the month.\n")
    settings = Settings(data_dir=folder / "data")
    reindex(settings, [folder / "docs"], embedder=FakeEmbedder())
    index = Index.open(settings, embedder_name=FakeEmbedder.name, dimension=FakeEmbedder.dimension)
    return Retriever(index, FakeEmbedder(), FakeReranker(), RetrievalSettings())


def test_every_variant_finds_what_is_there(retriever: Retriever) -> None:
    searches = variants(retriever)
    assert len(searches) == 12
    for search in searches.values():
        assert [found.recall for found in measure(QUESTIONS, search)] == [1.0, 1.0, 0.0]


def test_codes_are_found_in_the_chunk_that_holds_them(retriever: Retriever) -> None:
    assert isinstance(retriever.index, Index)
    searches = {"all": variants(retriever)["all of it"], "none": lambda question: []}
    assert code_recall(retriever.index, searches) == {"all": 1.0, "none": 0.0}


def test_a_slip_changes_one_longer_word() -> None:
    question = "How long is the parental leave of a new father?"
    for seed in range(30):
        slipped = with_slip(question, random.Random(seed))
        words = list(zip(question.split(), slipped.split(), strict=True))
        assert sum(one != other for one, other in words) <= 1
        assert abs(len(slipped) - len(question)) <= 1
    assert with_slip("How is it?", random.Random(1)) == "How is it?"


def test_the_table_counts_gains_and_losses_against_its_first_row() -> None:
    first = [Found("answerable", 1.0, 1.0), Found("answerable", 0.0, 0.0), Found("multi", 0.5, 0.5)]
    second = [Found("answerable", 0.0, 0.0), Found("answerable", 1.0, 0.5), Found("multi", 1.0, 0.5)]
    lines = list(table({"one": first, "two": second}))
    assert lines[2] == "| one | 0.500 | 0.500 | 0.500 | 0.500 | 0 | 0 |"
    assert lines[3] == "| two | 0.500 | 0.250 | 1.000 | 0.500 | 2 | 1 |"
