"""The index on real SQLite and real Chroma: what a commit shows, what deletes and crashes leave."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from pathlib import Path

import pytest

from core.errors import ConfigurationError, IndexLockedError, IndexUnavailableError
from core.index.database import catalogue_path
from core.index.index import Index
from core.index.transaction import Transaction
from core.index.writer import Writer
from core.settings import Settings
from core.types import Chunk, Document, Filters, Labels
from tests.fakes import FakeEmbedder

EMBEDDER = FakeEmbedder()


def open_index(folder: Path, *, embedder: str = EMBEDDER.name, url: str = "") -> Index:
    settings = Settings(data_dir=folder, chroma_url=url)
    return Index.open(settings, embedder_name=embedder, dimension=EMBEDDER.dimension)


def put(writer: Writer, name: str, *texts: str, labels: Labels = Labels()) -> None:  # noqa: B008
    """A document with a chunk for each text; chunk ids are `name-ordinal-text`."""
    document = Document(name, f"{name}.md", name, "\n".join(texts), content_hash=name, labels=labels)
    chunks = [
        Chunk(
            f"{name}-{ordinal}-{text}", name, document.source, name, ("Rules",), text, ordinal, labels=labels
        )
        for ordinal, text in enumerate(texts)
    ]
    writer.put(document, chunks, EMBEDDER.embed(texts), "/docs")


def fill(index: Index, *names: str) -> None:
    with index.writer() as writer:
        for name in names:
            put(writer, name, f"{name} first", f"{name} second")
        writer.commit()


def dense(index: Index, text: str, k: int = 10) -> list[str]:
    return [chunk_id for chunk_id, _ in index.dense(EMBEDDER.embed([text])[0], k)]


def stored_vectors(index: Index) -> set[str]:
    return index._vectors().ids()


def stored_rows(folder: Path, statement: str) -> int:
    connection = sqlite3.connect(catalogue_path(folder / "index"))
    try:
        return int(connection.execute(statement).fetchone()[0])
    finally:
        connection.close()


def builds(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "index" / "vectors").iterdir())


def disk_size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def die(*_: object) -> None:
    """Stands for the process being killed at this point."""
    raise KeyboardInterrupt


def test_reading_an_empty_index_makes_nothing_on_the_disk(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    assert index.is_empty
    assert index.version == 0
    assert dense(index, "leave") == []
    assert index.lexical("leave", 3) == []
    assert index.documents() == []
    assert list(tmp_path.iterdir()) == []


def test_a_commit_is_seen_by_every_kind_of_search(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    fill(index, "apple", "pear")
    assert index.version == 1
    found, cosine = index.dense(EMBEDDER.embed(["pear second"])[0], 1)[0]
    assert found == "pear-1-pear second"
    assert cosine == pytest.approx(1.0, abs=1e-4)
    assert [chunk_id for chunk_id, _ in index.lexical("apple", 5)] == [
        "apple-0-apple first",
        "apple-1-apple second",
    ]
    chunk = index.chunks(["unknown", found])[found]
    assert (chunk.source, chunk.headings, chunk.ordinal) == ("pear.md", ("Rules",), 1)
    assert [(document.source, document.chunks) for document in index.documents()] == [
        ("apple.md", 2),
        ("pear.md", 2),
    ]
    assert [chunk.document_id for chunk in index.all_chunks()] == ["apple", "apple", "pear", "pear"]


def test_putting_a_document_again_replaces_its_chunks_everywhere(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    fill(index, "apple", "pear")
    with index.writer() as writer:
        put(writer, "apple", "apple first", "cherry now")
        writer.commit()
    assert index.lexical("second", 5)[0][0] == "pear-1-pear second"
    assert len(index.lexical("second", 5)) == 1
    assert "apple-1-apple second" not in dense(index, "apple second")
    assert stored_vectors(index) == {chunk.id for chunk in index.all_chunks()}
    assert "apple-1-cherry now" in stored_vectors(index)


def test_the_last_of_two_puts_in_one_commit_counts(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    with index.writer() as writer:
        put(writer, "apple", "apple first", "apple second")
        put(writer, "apple", "apple first", "apple third")
        writer.commit()
    assert stored_vectors(index) >= {chunk.id for chunk in index.all_chunks()}
    assert {found for found, _ in index.lexical("apple", 5)} == {"apple-0-apple first", "apple-1-apple third"}


def test_removing_a_document_leaves_nothing_behind(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    fill(index, "apple", "pear")
    with index.writer() as writer:
        writer.remove("apple")
        writer.commit()
    assert index.lexical("apple", 5) == []
    assert dense(index, "apple first") == dense(index, "pear")
    assert stored_vectors(index) == {"pear-0-pear first", "pear-1-pear second"}
    assert stored_rows(tmp_path, "SELECT count(*) FROM chunks WHERE document_id = 'apple'") == 0
    assert stored_rows(tmp_path, "SELECT count(*) FROM documents") == 1
    index.close()
    # Chroma fills the gaps of its .bin files with whatever the process's memory held.
    files = (path for path in (tmp_path / "index").rglob("*") if path.is_file())
    stored = [path for path in files if path.suffix != ".bin"]
    assert len(stored) > 5
    assert [path for path in stored if b"apple" in path.read_bytes()] == []


def test_a_churned_index_takes_no_more_room_than_a_fresh_one(tmp_path: Path) -> None:
    index = open_index(tmp_path / "churned")
    for turn in range(12):
        with index.writer() as writer:
            put(writer, "apple", *(f"apple {turn} {number}" for number in range(200)))
            writer.commit()
    fresh = open_index(tmp_path / "fresh")
    with fresh.writer() as writer:
        put(writer, "apple", *(f"apple 11 {number}" for number in range(200)))
        writer.commit()
    assert stored_vectors(index) == stored_vectors(fresh)
    assert index.lexical("apple 7", 3) == fresh.lexical("apple 7", 3)
    assert disk_size(tmp_path / "churned") < 1.3 * disk_size(tmp_path / "fresh")


def test_filters_choose_by_labels(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    with index.writer() as writer:
        put(writer, "apple", "apple first")
        put(writer, "pear", "pear first", labels=Labels("fruit", ("sweet",), "en"))
        put(writer, "plum", "plum first", labels=Labels("fruit", ("sour", "blue"), "de", groups=("cooks",)))
        writer.commit()

    def found(**filters: object) -> set[str]:
        wanted = Filters(**filters)  # type: ignore[arg-type]
        vector = EMBEDDER.embed(["first"])[0]
        dense_ids = {chunk_id for chunk_id, _ in index.dense(vector, 10, wanted)}
        assert {chunk_id for chunk_id, _ in index.lexical("first", 10, wanted)} == dense_ids
        return {chunk_id.split("-")[0] for chunk_id in dense_ids}

    assert found() == {"apple", "pear", "plum"}
    assert found(groups=()) == {"apple", "pear"}
    assert found(groups=("cooks", "waiters")) == {"apple", "pear", "plum"}
    assert found(collection="fruit") == {"pear", "plum"}
    assert found(collection="fruit", groups=("waiters",)) == {"pear"}
    assert found(tags=("blue", "green")) == {"plum"}
    assert found(language="en") == {"pear"}
    assert found(collection="cars") == set()


def test_a_filter_finds_the_few_that_it_lets_through_among_many(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    with index.writer() as writer:
        put(writer, "apple", *(f"apple same {number}" for number in range(300)))
        put(writer, "pear", "pear other", labels=Labels("rare"))
        writer.commit()
    vector = EMBEDDER.embed(["apple same"])[0]
    assert [found for found, _ in index.dense(vector, 5, Filters(collection="rare"))] == ["pear-0-pear other"]


def test_new_labels_are_seen_at_once(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    fill(index, "apple")
    with index.writer() as writer:
        put(writer, "apple", "apple hidden", labels=Labels(groups=("cooks",)))
        writer.commit()
    assert index.lexical("apple", 5, Filters(groups=())) == []
    assert index.documents()[0].labels == Labels(groups=("cooks",))
    assert index.chunks(["apple-0-apple hidden"])["apple-0-apple hidden"].labels.groups == ("cooks",)


def test_a_lost_word_index_is_written_anew_by_the_next_writer(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    fill(index, "apple")
    index.close()
    shutil.rmtree(tmp_path / "index" / "words")
    with pytest.raises(IndexUnavailableError, match="run `inhouse reindex"):
        index.lexical("apple", 5)
    with index.writer() as writer:
        writer.commit()
    assert len(index.lexical("apple", 5)) == 2


def test_words_of_hidden_documents_are_no_words_for_others(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    board = Labels(groups=("board",))
    with index.writer() as writer:
        put(writer, "deal", "Purchase of Quelmark Ltd (PQL)", "Quelmark gates", labels=board)
        put(writer, "other", "paid time off (PTO) and quick gates", "gates")
        writer.commit()
    for groups in (None, ("board", "staff")):
        seen = index.vocabulary(Filters(groups=groups))
        assert set(seen.acronyms.long_forms) == {"PQL", "PTO"}
        assert (seen.holds("quelmark"), seen.count("quelmark"), seen.count("gates")) == (True, 2, 3)
    for groups in ((), ("staff",)):
        seen = index.vocabulary(Filters(groups=groups))
        assert set(seen.acronyms.long_forms) == {"PTO"}
        assert (seen.holds("quelmark"), seen.count("quelmark"), seen.count("gates")) == (False, 0, 2)
    assert seen.holds("quick")
    assert set(index.vocabulary(Filters("hr", groups=())).acronyms.long_forms) == {"PTO"}


def test_explanations_of_an_older_version_are_for_those_who_may_see_everything(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    with index.writer() as writer:
        put(writer, "deal", "Purchase of Quelmark (PQ)", labels=Labels(groups=("board",)))
        put(writer, "other", "paid time off (PTO)", "past the order (PTO), paid time off (PTO)")
        writer.commit()
    index.close()
    folder = tmp_path / "index" / "words" / str(index.version)
    (folder / "explained.json").unlink()
    older = {"PQ": ["purchase of quelmark"], "PTO": ["paid time off", "past the order"]}
    (folder / "acronyms.json").write_text(json.dumps(older))
    assert index.vocabulary().acronyms.long_forms == {name: tuple(words) for name, words in older.items()}
    assert index.vocabulary(Filters(groups=())).acronyms.long_forms == {}
    with index.writer() as writer:  # which writes the words anew
        writer.commit()
    assert set(index.vocabulary(Filters(groups=())).acronyms.long_forms) == {"PTO"}


def test_an_index_of_another_version_serves_it_until_the_first_commit(tmp_path: Path) -> None:
    old = tmp_path / "index" / "catalogue.sqlite3"
    old.parent.mkdir()
    old.write_bytes(b"written by an older version")
    index = open_index(tmp_path)
    with pytest.raises(IndexUnavailableError, match="written by another version of Inhouse; run"):
        dense(index, "apple")
    with index.writer() as writer:
        put(writer, "apple", "apple first")
        assert old.exists()
        writer.commit()
    assert not old.exists()
    assert dense(index, "apple") == ["apple-0-apple first"]


def test_a_commit_without_changes_keeps_the_version(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    fill(index, "apple")
    with index.writer() as writer:
        assert writer.commit() == 1
    assert index.version == 1


def test_leaving_without_commit_changes_nothing(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    fill(index, "apple")
    with index.writer() as writer:
        put(writer, "pear", "pear first")
        writer.remove("apple")
    assert index.version == 1
    assert [document.id for document in index.documents()] == ["apple"]
    assert stored_vectors(index) == {"apple-0-apple first", "apple-1-apple second"}


def test_uncommitted_vectors_are_not_found(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    fill(index, "apple")
    with index.writer() as writer:
        put(writer, "pear", *(f"pear {number}" for number in range(20)))
        assert dense(index, "pear", 2) == ["apple-0-apple first", "apple-1-apple second"]
        writer.commit()
    assert dense(index, "pear", 1)[0].startswith("pear")


def test_a_crash_before_the_transaction_leaves_the_old_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = open_index(tmp_path)
    fill(index, "apple")

    def replace_apple() -> None:
        with index.writer() as writer:
            put(writer, "apple", "other text")
            writer.commit()

    with monkeypatch.context() as patch:
        patch.setattr(Transaction, "commit", die)
        patch.setattr(Writer, "abandon", lambda self: self._transaction.rollback())  # the dead cannot tidy up
        with pytest.raises(KeyboardInterrupt):
            replace_apple()
    index = open_index(tmp_path)
    assert index.version == 1
    assert set(dense(index, "other text")) == {"apple-0-apple first", "apple-1-apple second"}
    assert "apple-0-other text" in stored_vectors(index)
    with index.writer() as writer:
        writer.commit()
    assert stored_vectors(index) == {"apple-0-apple first", "apple-1-apple second"}


def test_a_crash_after_the_transaction_leaves_the_new_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = open_index(tmp_path)
    fill(index, "apple", *(f"pear{number}" for number in range(9)))

    def remove_apple() -> None:
        with index.writer() as writer:
            writer.remove("apple")
            writer.commit()

    with monkeypatch.context() as patch:
        patch.setattr(Writer, "_delete_old", die)
        with pytest.raises(KeyboardInterrupt):
            remove_apple()
    index = open_index(tmp_path)
    assert index.version == 2
    assert all(found.startswith("pear") for found in dense(index, "apple first", 5))
    assert "apple-0-apple first" in stored_vectors(index)
    with index.writer() as writer:
        writer.commit()
    assert stored_vectors(index) == {chunk.id for chunk in index.all_chunks()}
    assert len(stored_vectors(index)) == 18


def test_a_rebuild_swaps_to_a_new_collection_and_removes_the_old_one(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    fill(index, "apple", "pear")
    before = builds(tmp_path)
    with index.writer(rebuild=True) as writer:
        put(writer, "apple", "apple anew")
        writer.remove("pear")
        assert set(dense(index, "pear")) == {
            "apple-0-apple first",
            "apple-1-apple second",
            "pear-0-pear first",
            "pear-1-pear second",
        }
        writer.commit()
    assert index.version == 2
    assert stored_vectors(index) == {"apple-0-apple anew"}
    assert len(before) == len(builds(tmp_path)) == 1
    assert before != builds(tmp_path)


def test_an_abandoned_rebuild_keeps_the_old_collection(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    fill(index, "apple")
    with index.writer(rebuild=True) as writer:
        put(writer, "apple", "apple anew")
    assert dense(index, "apple first", 1) == ["apple-0-apple first"]
    assert len(builds(tmp_path)) == 1


def test_a_rebuild_that_forgot_a_document_is_refused(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    fill(index, "apple", "pear")
    with index.writer(rebuild=True) as writer:
        put(writer, "apple", "apple anew")
        with pytest.raises(RuntimeError, match="lacks the vectors of 2 chunks"):
            writer.commit()
    assert index.version == 1
    assert dense(index, "pear first", 1) == ["pear-0-pear first"]


def test_another_embedder_is_refused_until_the_index_is_rebuilt(tmp_path: Path) -> None:
    fill(open_index(tmp_path), "apple")
    index = open_index(tmp_path, embedder="another")
    assert index.needs_rebuild
    with pytest.raises(IndexUnavailableError, match="built with the embedder fake-embedder"):
        dense(index, "apple")
    with index.writer() as writer:
        assert writer.rebuild
        put(writer, "apple", "apple first")
        writer.commit()
    assert not index.needs_rebuild
    assert dense(index, "apple") == ["apple-0-apple first"]


def test_documents_with_lost_vectors_are_named_to_the_next_writer(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    fill(index, "apple", "pear")
    index._vectors().delete(["pear-1-pear second"])
    with index.writer() as writer:
        assert writer.damaged == {"pear"}


def test_a_lost_vector_folder_makes_the_next_writer_rebuild(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    fill(index, "apple")
    index.close()
    shutil.rmtree(tmp_path / "index" / "vectors")
    with pytest.raises(IndexUnavailableError, match="run `inhouse reindex --full`"):
        dense(index, "apple")
    with index.writer() as writer:
        assert writer.rebuild


def test_a_damaged_catalogue_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    catalogue_path(tmp_path / "index").write_bytes(b"this is not a database " * 100)
    index = open_index(tmp_path)
    with pytest.raises(IndexUnavailableError, match=r"is damaged .* delete that folder and run"):
        _ = index.is_empty


def test_a_second_writer_in_the_same_process_is_refused(tmp_path: Path) -> None:
    index, other = open_index(tmp_path), open_index(tmp_path)
    with index.writer(), pytest.raises(IndexLockedError, match="Another process"), other.writer():
        pass


def test_two_handles_in_one_process_see_each_others_commits(tmp_path: Path) -> None:
    first, second = open_index(tmp_path), open_index(tmp_path)
    fill(first, "apple")
    assert dense(second, "apple first", 1) == ["apple-0-apple first"]
    fill(second, "pear")
    assert dense(first, "pear first", 1) == ["pear-0-pear first"]
    fill(first, "plum")
    assert dense(second, "plum first", 1) == ["plum-0-plum first"]
    assert len(stored_vectors(first)) == 6


def test_an_index_that_was_deleted_and_made_anew_is_seen(tmp_path: Path) -> None:
    reader = open_index(tmp_path)
    fill(reader, "apple")
    assert dense(reader, "apple", 1)
    shutil.rmtree(tmp_path / "index")
    assert reader.is_empty
    fill(open_index(tmp_path), "pear")
    assert reader.lexical("apple", 1) == []
    assert dense(reader, "pear first", 1) == ["pear-0-pear first"]


def test_a_section_is_a_chunk_with_its_neighbours_under_the_same_heading(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    document = Document("apple", "apple.md", "apple", "", content_hash="")
    chunks = [
        Chunk(f"apple-{ordinal}", "apple", "apple.md", "apple", (heading,), text, ordinal)
        for ordinal, (heading, text) in enumerate(
            [("A", "a"), ("B", "b"), ("B", "c"), ("C", "d"), ("B", "e")]
        )
    ]
    with index.writer() as writer:
        writer.put(document, chunks, EMBEDDER.embed([chunk.text for chunk in chunks]))
        writer.commit()
    assert [chunk.text for chunk in index.section(chunks[1])] == ["b", "c"]
    assert [chunk.text for chunk in index.section(chunks[2])] == ["b", "c"]
    assert [chunk.text for chunk in index.section(chunks[4])] == ["e"]


def test_removing_documents_by_id_is_one_commit(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    fill(index, "apple", "pear", "plum")
    assert index.remove(["apple", "plum", "unknown"]) == 2
    assert [document.id for document in index.documents()] == ["pear"]
    assert stored_vectors(index) == {"pear-0-pear first", "pear-1-pear second"}


def test_threads_that_search_during_a_swap_see_the_old_state_or_the_new(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    fill(index, "apple")
    old = {"apple-0-apple first", "apple-1-apple second"}
    seen: list[set[str]] = []
    faults: list[Exception] = []
    done = threading.Event()

    def search() -> None:
        while not done.is_set():
            try:
                seen.append(set(dense(index, "apple first")))
            except Exception as error:  # whatever it is, the test must show it
                faults.append(error)

    threads = [threading.Thread(target=search, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        with index.writer(rebuild=True) as writer:
            put(writer, "apple", "apple anew")
            writer.commit()
    finally:
        done.set()
    for thread in threads:
        thread.join()
    assert faults == []
    assert {frozenset(ids) for ids in seen} <= {frozenset(old), frozenset({"apple-0-apple anew"})}
    assert dense(index, "apple") == ["apple-0-apple anew"]


def test_reopening_after_commits_leaves_no_open_files(tmp_path: Path) -> None:
    reader, writer = open_index(tmp_path), open_index(tmp_path)
    fill(writer, "apple")
    dense(reader, "apple")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(6):
        fill(writer, f"fruit{number}")
        dense(reader, "apple")
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 8


def test_a_server_that_is_away_is_named(tmp_path: Path) -> None:
    index = open_index(tmp_path, url="http://127.0.0.1:9")
    with pytest.raises(IndexUnavailableError, match=r"vector store at http://127.0.0.1:9"), index.writer():
        pass


def test_a_server_address_that_is_none_is_refused(tmp_path: Path) -> None:
    index = open_index(tmp_path, url="chroma")
    with pytest.raises(ConfigurationError, match="INHOUSE_CHROMA_URL"), index.writer():
        pass
