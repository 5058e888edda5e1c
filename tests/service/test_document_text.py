"""A document put together again from its chunks, and who may read it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from core.bootstrap import Inhouse
from core.settings import Settings
from core.types import Chunk, Document
from core.units import plain, split_units
from ingestion import indexing
from ingestion.chunking import chunk
from ingestion.loaders.loading import load
from service.document_text import sections
from tests.fakes import FakeEmbedder
from tests.service.conftest import Standing

EXAMPLES = Path(__file__).parents[2] / "examples" / "handbook"


def count_words(text: str) -> int:
    return len(text.split())


def chunks_of(text: str, limit: int = 32, overlap: int = 1) -> list[Chunk]:
    document = Document("d", "a.md", "A", text, "hash")
    return chunk(document, count_tokens=count_words, max_tokens=limit, overlap_sentences=overlap)


def lines(template: str, count: int) -> str:
    return "\n".join(template.replace("#", str(number)) for number in range(1, count + 1))


TEXTS = {
    "sentences": lines("Gate # is closed by team # at night.", 12).replace("\n", " "),
    "paragraphs": lines("Rule # is about the gate of team #. It holds.", 12).replace("\n", "\n\n"),
    "list": "The gates close at night:\n\n" + lines("- gate # at # in the evening", 20),
    "table": "| Gate | Team |\n| --- | --- |\n" + lines("| gate # | team #, at # in the evening |", 12),
    "nested list": lines("#. Walk to the gate number #.\n   - Close it.\n   - Lock it with key #.", 8),
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_what_chunks_repeat_is_shown_once(text: str) -> None:
    cut = chunks_of(text)
    assert len(cut) > 2
    (section,) = sections(cut)
    assert section.text == text


def test_each_heading_begins_a_section_with_the_page_that_it_is_on() -> None:
    text = (
        "Before.\n\n## Leave\n\n"
        + "All of us have leave. " * 12
        + "\n\n### Part-**timers**\n\n"
        + "They have less. " * 12
    )
    document = Document("d", "a.pdf", "A", text, "hash", {"page_starts": [0, 5]})
    found = sections(chunk(document, count_tokens=count_words, max_tokens=32, overlap_sentences=0))
    assert [(section.heading, section.page) for section in found] == [
        ("", 1),
        ("Leave", 1),
        ("Leave > Part-timers", 2),
    ]


@pytest.mark.parametrize("limit", [60, 150])
def test_no_example_document_loses_or_repeats_a_word(limit: int) -> None:
    def letters(lines: list[str]) -> str:
        return re.sub(r"[\W_]+", "", "".join(lines))

    for path in sorted(path for path in EXAMPLES.rglob("*") if path.is_file()):
        document = load(path, EXAMPLES)
        cut = chunk(document, count_tokens=count_words, max_tokens=limit, overlap_sentences=1)
        shown = [line for section in sections(cut) for line in section.text.split("\n")]
        headings = {plain(name) for piece in cut for name in piece.headings} | {document.title}
        written = document.text.split("\n")
        kept = [line for line in written if not line.startswith("#") and line.strip() not in headings]
        assert letters([line for line in shown if not line.startswith("#")]) == letters(kept), path.name
        for unit in (unit for piece in cut for unit in split_units(piece.text)):
            assert letters([unit.text]) in letters(shown), path.name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "handbook"
    (folder / "board").mkdir(parents=True)
    (folder / "leave.md").write_text(
        "# Leave\n\nEveryone has 28 days of paid leave.\n\n## Parents\n\nThey have more.\n"
    )
    (folder / "board" / ".inhouse.toml").write_text('groups = ["board"]\n')
    (folder / "board" / "pay.md").write_text("# Pay\n\nThe board is paid in gold.\n")
    return folder


@pytest.fixture
def reindex(settings: Settings) -> Callable[..., None]:
    def run(*folders: Path) -> None:
        indexing.reindex(settings, folders, embedder=FakeEmbedder())

    return run


@pytest.fixture
def standing(stand: Callable[..., Standing], settings: Settings) -> Standing:
    def wire(shared: Inhouse | None) -> Inhouse:
        inhouse = Inhouse(settings, shared=shared)
        if not shared:
            inhouse.__dict__["embedder"] = FakeEmbedder()
        return inhouse

    return stand(settings, wire=wire)


def test_a_document_is_read_by_its_path(
    standing: Standing, folder: Path, reindex: Callable[..., None]
) -> None:
    reindex(folder)
    (document,) = standing.client.get("/v1/documents/text", params={"source": "leave.md"}).json()["documents"]
    assert (document["source"], document["title"]) == ("leave.md", "Leave")
    assert document["sections"] == [
        {"heading": "", "text": "Everyone has 28 days of paid leave.", "page": None},
        {"heading": "Parents", "text": "They have more.", "page": None},
    ]


def test_the_same_path_under_two_folders_is_two_documents(
    standing: Standing, folder: Path, reindex: Callable[..., None], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "leave.md").write_text("# Leave\n\nElsewhere everyone has 31 days.\n")
    reindex(folder, other)
    documents = standing.client.get("/v1/documents/text", params={"source": "leave.md"}).json()["documents"]
    texts = {document["sections"][0]["text"] for document in documents}
    assert texts == {"Everyone has 28 days of paid leave.", "Elsewhere everyone has 31 days."}
    assert len({document["id"] for document in documents}) == 2
    assert str(tmp_path) not in str(documents)  # where folders lie is nobody's business


def test_a_document_for_others_is_as_one_that_is_not_there(
    standing: Standing, folder: Path, reindex: Callable[..., None]
) -> None:
    reindex(folder)

    def read(source: str) -> tuple[int, str]:
        response = standing.client.get("/v1/documents/text", params={"source": source})
        return response.status_code, response.text.replace(source, "SOURCE")

    assert read("board/pay.md")[0] == 404
    assert read("board/pay.md") == read("board/none.md")
    settings = standing.app.state.settings
    members = settings.service.model_copy(update={"groups": ("board",)})
    standing.app.state.settings = settings.model_copy(update={"service": members})
    status, text = read("board/pay.md")
    assert (status, "paid in gold" in text) == (200, True)


def test_a_deleted_document_is_gone_at_once(
    standing: Standing, folder: Path, reindex: Callable[..., None]
) -> None:
    reindex(folder)
    standing.client.delete("/admin/documents", params={"source": "leave.md"})
    assert standing.client.get("/v1/documents/text", params={"source": "leave.md"}).status_code == 404


@pytest.mark.parametrize("params", [{}, {"source": ""}, {"source": "x" * 5000}])
def test_a_path_is_needed(standing: Standing, params: dict[str, str]) -> None:
    response = standing.client.get("/v1/documents/text", params=params)
    assert (response.status_code, response.json()["error"]["code"]) == (422, "invalid_request")


def test_a_key_is_needed_where_there_are_keys(stand: Callable[..., Standing], settings: Settings) -> None:
    with_keys = settings.service.model_copy(update={"api_keys": ("k",)})
    standing = stand(settings.model_copy(update={"service": with_keys}))
    assert standing.client.get("/v1/documents/text", params={"source": "leave.md"}).status_code == 401
