"""Who may find a document: labels of folders through `reindex`, also where they break or move."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.types import Filters, Labels
from tests.ingestion.workplace import Workplace


def test_labels_of_a_folder_travel_to_its_chunks(place: Workplace) -> None:
    place.write(".inhouse.toml", 'collection = "handbook"\nlanguage = "en"\n')
    place.write("hr/.inhouse.toml", 'tags = ["pay"]\ngroups = ["hr"]\n')
    place.reindex()
    labels = {chunk.source: chunk.labels for chunk in place.open().all_chunks()}
    assert labels["leave.md"] == Labels("handbook", language="en")
    assert labels["hr/pay.txt"] == Labels("handbook", ("pay",), "en", ("hr",))


def test_a_part_of_a_labelled_folder_keeps_its_labels_when_indexed_alone(place: Workplace) -> None:
    place.write("hr/.inhouse.toml", 'groups = ["hr"]\n')
    place.write("hr/pay/scale.md", "# Scale\n\nGrade 7 starts at 4,100.\n")
    place.reindex(place.docs / "hr" / "pay")
    assert place.open().documents()[0].labels == Labels(groups=("hr",))


def test_new_labels_are_taken_over_without_embedding(place: Workplace) -> None:
    place.reindex()
    place.write("hr/.inhouse.toml", 'groups = ["hr"]\n')
    report = place.reindex()
    assert (report.unchanged, report.index_version, place.embedder.texts) == (3, 2, [])
    assert place.open().lexical("salaries", 5, Filters(groups=())) == []
    assert place.open().lexical("salaries", 5, Filters(groups=("hr",))) != []
    place.assert_stores_agree()
    assert place.reindex().index_version == 2


@pytest.mark.parametrize("written", ["groups = 'hr'", "group = ['hr']", "not toml", "tags = [1]"])
def test_a_label_file_that_cannot_be_used_keeps_its_documents_out(place: Workplace, written: str) -> None:
    place.write("hr/.inhouse.toml", written)
    report = place.reindex()
    assert [failure.source for failure in report.failed] == ["hr/pay.txt"]
    assert ".inhouse.toml cannot be" in report.failed[0].error
    assert place.sources() == ["leave.md", "prices.csv"]


@pytest.mark.parametrize("written", ["groups = 'hr'", b"\xff"])
def test_documents_whose_label_file_broke_are_forgotten(place: Workplace, written: str | bytes) -> None:
    place.reindex()
    place.write("hr/.inhouse.toml", written)
    report = place.reindex()
    assert (report.deleted, [failure.source for failure in report.failed]) == (1, ["hr/pay.txt"])
    assert place.open().lexical("salaries", 5) == []
    place.write("hr/.inhouse.toml", "groups = ['hr']")
    assert place.reindex().added == 1
    assert place.open().lexical("salaries", 5, Filters(groups=())) == []


def test_a_file_that_cannot_be_read_is_not_kept_under_labels_of_before(place: Workplace) -> None:
    place.reindex()
    place.write("hr/.inhouse.toml", "groups = ['hr']")
    place.write("hr/pay.txt", b"Salaries \xff\xfe arrive on the 25th.")
    report = place.reindex()
    assert (report.deleted, [failure.source for failure in report.failed]) == (1, ["hr/pay.txt"])
    assert place.open().lexical("salaries", 5) == []
    place.assert_stores_agree()


def test_a_link_has_the_labels_of_the_file_that_it_leads_to(place: Workplace) -> None:
    place.write("hr/.inhouse.toml", 'groups = ["hr"]\n')
    (place.docs / "open").mkdir()
    (place.docs / "open" / "pay.txt").symlink_to(Path("..") / "hr" / "pay.txt")
    place.reindex()
    labels = {document.source: document.labels for document in place.open().documents()}
    assert labels["open/pay.txt"] == labels["hr/pay.txt"] == Labels(groups=("hr",))
    assert place.open().lexical("salaries", 5, Filters(groups=())) == []


def test_a_label_file_may_begin_with_a_byte_order_mark(place: Workplace) -> None:
    place.write("hr/.inhouse.toml", b'\xef\xbb\xbfgroups = ["hr"]\r\n')
    assert place.reindex().failed == ()
    labels = {document.source: document.labels for document in place.open().documents()}
    assert labels["hr/pay.txt"] == Labels(groups=("hr",))
