"""`reindex` over real folders, SQLite and Chroma: what changed is touched, what is gone is gone."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from core.errors import IndexLockedError, SourceError
from core.interfaces import FloatMatrix
from core.settings import IngestionSettings
from ingestion.indexing import reindex
from ingestion.naming import content_hash
from tests.ingestion.making import line, pdf
from tests.ingestion.workplace import CountingEmbedder, Workplace


def test_the_first_run_indexes_everything(place: Workplace) -> None:
    report = place.reindex()
    assert report.to_json() == {
        "documents": 3,
        "chunks": 3,
        "added": 3,
        "updated": 0,
        "moved": 0,
        "deleted": 0,
        "unchanged": 0,
        "failed": [],
        "index_version": 1,
        "seconds": report.seconds,
    }
    assert place.found("parental leave", 1)[0] == "leave.md"
    assert place.open().lexical("salaries", 1)
    chunk = next(chunk for chunk in place.open().all_chunks() if chunk.source == "prices.csv")
    assert "| Hub | 99 |" in chunk.text
    place.assert_stores_agree()


def test_a_second_run_touches_nothing(place: Workplace) -> None:
    place.reindex()
    report = place.reindex()
    assert (report.unchanged, report.added, report.updated, report.index_version) == (3, 0, 0, 1)
    assert place.embedder.texts == []


def test_only_a_changed_file_is_embedded_and_its_chunks_are_replaced(place: Workplace) -> None:
    place.reindex()
    place.write("leave.md", "# Leave\n\nParental leave lasts twenty weeks now.")
    report = place.reindex()
    assert (report.updated, report.unchanged, report.index_version) == (1, 2, 2)
    assert place.embedder.texts == ["Leave\nParental leave lasts twenty weeks now."]
    assert place.open().lexical("sixteen", 5) == []
    assert place.open().lexical("twenty", 5) != []
    place.assert_stores_agree()


def test_a_file_written_again_with_the_same_content_is_unchanged(place: Workplace) -> None:
    place.reindex()
    os.utime(place.docs / "leave.md", (1, 1))
    assert place.reindex().unchanged == 3
    assert place.embedder.texts == []
    assert place.open().version == 1
    stamps = {document.source: document.mtime_ns for document in place.open().documents()}
    assert stamps["leave.md"] == 1_000_000_000


def test_a_changed_file_of_the_same_size_and_date_is_found_by_full(place: Workplace) -> None:
    path = place.docs / "leave.md"
    place.reindex()
    stat = path.stat()
    path.write_text("# Leave\n\nParental leave lasts fourteen weks.")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert path.stat().st_size == stat.st_size
    assert place.reindex(full=True).updated == 1


def test_a_deleted_file_is_gone_from_every_store(place: Workplace) -> None:
    place.reindex()
    (place.docs / "leave.md").unlink()
    report = place.reindex()
    assert (report.deleted, report.documents, report.chunks) == (1, 2, 2)
    assert place.open().lexical("parental", 5) == []
    assert "leave.md" not in place.found("parental leave lasts sixteen weeks")
    assert place.sources() == ["hr/pay.txt", "prices.csv"]
    place.assert_stores_agree()


def test_a_renamed_file_moves(place: Workplace) -> None:
    place.reindex()
    (place.docs / "leave.md").rename(place.docs / "absence.md")
    report = place.reindex()
    assert (report.moved, report.added, report.deleted, report.unchanged) == (1, 0, 0, 2)
    assert place.embedder.texts == []  # the title is the same, so the vectors are
    assert place.found("parental", 1)[0] == "absence.md"
    place.assert_stores_agree()


def test_only_what_changed_in_a_file_is_embedded(place: Workplace) -> None:
    sections = [f"## Part {name}\n\n" + f"{name} is a rule that everybody keeps. " * 40 for name in "ABC"]
    place.write("long.md", "\n\n".join(sections))
    place.reindex()
    place.write("long.md", "\n\n".join([*sections, "## Part D\n\nNew."]))
    assert place.reindex().updated == 1
    assert place.embedder.texts == ["Part A\nPart D\nNew."] or place.embedder.texts == ["Long\nPart D\nNew."]
    place.assert_stores_agree()


def test_a_copy_of_a_file_is_added_beside_it(place: Workplace) -> None:
    place.reindex()
    shutil.copy(place.docs / "leave.md", place.docs / "copy.md")
    report = place.reindex()
    assert (report.moved, report.added, report.documents) == (0, 1, 4)
    assert place.embedder.texts == []


def test_a_corrupt_file_is_named_and_the_rest_is_indexed(place: Workplace) -> None:
    place.write("broken.pdf", b"%PDF-1.7 rubbish")
    place.write("locked.pdf", pdf([line("secret", 700)], password="x"))
    place.write("latin.md", b"caf\xe9")
    report = place.reindex()
    assert report.added == 3
    assert {failure.source for failure in report.failed} == {"broken.pdf", "locked.pdf", "latin.md"}
    assert all(failure.error.endswith(".") for failure in report.failed)
    assert json.loads(json.dumps(report.to_json()))["failed"][0].keys() == {"source", "error"}


def test_a_file_that_became_unreadable_keeps_its_last_version(place: Workplace) -> None:
    place.reindex()
    place.write("leave.md", b"\xff\xff not text")
    report = place.reindex()
    assert (len(report.failed), report.documents) == (1, 3)
    assert place.open().lexical("parental", 1)
    assert len(place.reindex().failed) == 1
    assert place.reindex(full=True).documents == 3
    assert place.open().lexical("parental", 1)
    place.assert_stores_agree()


def test_a_file_that_became_empty_does_not_answer_any_more(place: Workplace) -> None:
    place.reindex()
    place.write("leave.md", "")
    report = place.reindex()
    assert (report.deleted, report.failed[0].error) == (1, "It is empty.")
    assert place.open().lexical("parental", 1) == []


def test_a_missing_folder_is_an_error_and_changes_nothing(place: Workplace) -> None:
    place.reindex()
    with pytest.raises(SourceError, match=r"There is no folder or file .*nowhere"):
        place.reindex(place.docs, place.docs / "nowhere")
    assert place.open().version == 1


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    place.docs.mkdir()
    place.write(".hidden/secret.md", "text")
    place.write("picture.png", b"\x89PNG")
    with pytest.raises(SourceError, match=r"There is no document in .*docs: it needs files in Markdown"):
        place.reindex()
    assert not (tmp_path / "data").exists()


def test_a_folder_of_unreadable_files_is_an_error(tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    place.write("a.pdf", b"%PDF-1.7 rubbish")
    with pytest.raises(SourceError, match=r"No document in .*docs can be read\. The first, a\.pdf: It is"):
        place.reindex()
    assert place.open().is_empty


def test_an_emptied_folder_empties_the_index(place: Workplace) -> None:
    place.reindex()
    shutil.rmtree(place.docs)
    place.docs.mkdir()
    assert place.reindex().deleted == 3
    assert place.open().is_empty


def test_other_folders_stay_as_they_are(place: Workplace, tmp_path: Path) -> None:
    place.reindex()
    other = tmp_path / "other"
    other.mkdir()
    (other / "leave.md").write_text("# Sick leave\n\nCall before nine.")
    report = place.reindex(other)
    assert (report.added, report.deleted, report.documents) == (1, 0, 4)
    assert place.sources() == ["hr/pay.txt", "leave.md", "leave.md", "prices.csv"]
    assert place.reindex(other, full=True).documents == 4
    place.assert_stores_agree()


def test_a_part_of_an_indexed_folder_can_be_brought_up_to_date_alone(place: Workplace) -> None:
    place.reindex()
    (place.docs / "leave.md").unlink()
    place.write("hr/pay.txt", "PAY\n\nSalaries arrive on the 27th.")
    report = place.reindex(place.docs / "hr")
    assert (report.updated, report.deleted, report.documents) == (1, 0, 3)
    assert place.sources() == ["hr/pay.txt", "leave.md", "prices.csv"]
    place.write("leave.md", "# Leave\n\nNew.")
    assert place.reindex(place.docs / "leave.md").updated == 1


def test_a_folder_around_an_indexed_one_takes_its_documents_over(place: Workplace) -> None:
    place.reindex(place.docs / "hr")
    assert place.sources() == ["pay.txt"]
    report = place.reindex()
    assert (report.added, report.unchanged, report.documents) == (2, 1, 3)
    assert place.sources() == ["hr/pay.txt", "leave.md", "prices.csv"]
    place.assert_stores_agree()


def test_paths_that_overlap_index_each_file_once(place: Workplace) -> None:
    report = place.reindex(place.docs / "hr", place.docs, place.docs / "leave.md")
    assert (report.added, report.documents) == (3, 3)
    assert place.sources() == ["hr/pay.txt", "leave.md", "prices.csv"]


def test_full_embeds_everything_again(place: Workplace) -> None:
    place.reindex()
    report = place.reindex(full=True)
    assert (report.unchanged, report.updated, report.index_version) == (3, 0, 2)
    assert len(place.embedder.texts) == 3
    place.assert_stores_agree()


def test_another_embedder_embeds_everything_again(place: Workplace, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.md").write_text("Outside.")
    place.reindex(place.docs, other)
    place.embedder = CountingEmbedder("newer-embedder")
    assert place.reindex().documents == 4
    assert len(place.embedder.texts) == 4
    assert not place.open().needs_rebuild
    assert place.found("parental leave", 1)[0] == "leave.md"


def test_other_chunk_sizes_cut_everything_again(place: Workplace) -> None:
    place.write("long.md", " ".join(f"Sentence {number} goes here." for number in range(60)))
    before = place.reindex().chunks
    smaller = IngestionSettings(chunk_tokens=40)
    place.settings = place.settings.model_copy(update={"ingestion": smaller})
    assert place.reindex().chunks > before
    assert place.reindex().unchanged == 4


def test_lost_vectors_are_made_again(place: Workplace) -> None:
    place.reindex()
    index = place.open()
    index._vectors().delete(sorted(index._vectors().ids())[:2])
    place.reindex()
    assert len(place.embedder.texts) == 2
    place.assert_stores_agree()
    shutil.rmtree(place.settings.index_dir / "vectors")
    place.reindex()
    place.assert_stores_agree()


def test_chunks_are_embedded_in_batches_of_like_length(place: Workplace) -> None:
    for number in range(7):
        place.write(f"n{number}.md", f"# Page {number}\n\n" + "word " * (number * 7 % 5 + 1))
    place.settings = place.settings.model_copy(update={"ingestion": IngestionSettings(batch_chunks=4)})
    place.reindex()
    assert max(place.embedder.batches) <= 4
    lengths = [len(text) for text in place.embedder.texts[:4]]
    assert lengths == sorted(lengths)
    assert place.found("Page 5", 1)[0] == "n5.md"
    place.assert_stores_agree()


def test_a_run_that_fails_while_embedding_changes_nothing(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.reindex()
    place.write("leave.md", "# Leave\n\nOther.")

    def fail(texts: Sequence[str]) -> FloatMatrix:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(place.embedder, "embed", fail)
        with pytest.raises(MemoryError):
            place.reindex()
    assert place.open().version == 1
    assert place.open().lexical("sixteen", 1)
    place.assert_stores_agree()


def test_a_run_beside_another_writer_is_refused(place: Workplace) -> None:
    place.reindex()
    with place.open().writer(), pytest.raises(IndexLockedError):
        place.reindex()


def test_progress_counts_files_up_to_all(place: Workplace) -> None:
    heard: list[tuple[str, int, int, str]] = []
    reindex(place.settings, [place.docs], embedder=place.embedder, progress=lambda *news: heard.append(news))
    assert heard[0] == ("indexing", 0, 3, "")
    assert heard[-1][:3] == ("indexing", 3, 3)
    assert re.fullmatch(r"3 chunks, \d+ a second", heard[-1][3])


def test_unsupported_documents_are_named_and_other_files_passed_over(place: Workplace) -> None:
    place.write("budget.xlsx", b"PK\x03\x04")
    place.write("logo.svg", "<svg/>")
    report = place.reindex()
    assert [failure.source for failure in report.failed] == ["budget.xlsx"]
    assert "notes.log" not in place.sources()


def test_a_file_put_in_the_place_of_another_of_the_same_size_and_date_is_found(place: Workplace) -> None:
    path = place.docs / "leave.md"
    place.reindex()
    stat = path.stat()
    other = place.write("leave.new", path.read_text().replace("sixteen", "another"))
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other.replace(path)
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (stat.st_size, stat.st_mtime_ns)
    assert place.reindex().updated == 1
    assert place.open().lexical("sixteen", 5) == []


def test_an_index_without_the_dates_of_changes_reads_each_file_once(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.reindex()
    with sqlite3.connect(place.settings.index_dir / "catalogue-2.sqlite3") as catalogue:
        catalogue.execute("DROP TABLE file_changes")
    read: list[Path] = []
    monkeypatch.setattr(
        "ingestion.sources.content_hash", lambda path: read.append(path) or content_hash(path)
    )
    report = place.reindex()
    assert (report.unchanged, report.index_version, len(read)) == (3, 1, 3)
    assert (place.reindex().unchanged, len(read)) == (3, 3)


def test_a_word_is_found_however_its_letters_are_written(place: Workplace) -> None:
    place.write("a.html", "<html><body><p>Der Ur&shy;laubs&shy;anspruch ist hoch.</p></body></html>")
    place.write("b.md", "# Gro\u0308\u00dfe\n\nDie Gro\u0308\u00dfe za\u0308hlt, not the rest.")
    place.write("Ga\u0308ste.txt", "They sign at the gate.")
    place.reindex()
    index = place.open()
    for word, source in (("Urlaubsanspruch", "a.html"), ("z\u00e4hlt", "b.md"), ("za\u0308hlt", "b.md")):
        (found,) = index.chunks(chunk_id for chunk_id, _ in index.lexical(word, 5)).values()
        assert found.source == source
    assert index.lexical("G\u00e4ste", 5)


def test_half_of_a_character_is_a_fault_of_its_file_alone(place: Workplace) -> None:
    place.write("cut.md", '---\ntitle: "Cut \\uD83D off"\n---\n\nText.\n')
    place.write("cut.json", '{"note": "cut \\ud83d off"}')
    report = place.reindex()
    assert report.added >= 3
    assert {failure.source for failure in report.failed} <= {"cut.md", "cut.json"}
    assert place.open().lexical("salaries", 5)


def test_a_document_that_cannot_be_cut_is_a_fault_of_its_file_alone(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def count_tokens(text: str) -> int:
        if "Salaries" in text:
            raise TypeError("TextInputSequence must be str")
        return len(text.split())

    monkeypatch.setattr(place.embedder, "count_tokens", count_tokens)
    report = place.reindex()
    assert [(failure.source, failure.error) for failure in report.failed] == [
        ("hr/pay.txt", "It cannot be cut into passages (TypeError: TextInputSequence must be str).")
    ]
    assert place.sources() == ["leave.md", "prices.csv"]
