"""Rows of SQL tables through `reindex`: each table is the root of its own rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import SourceError
from tests.ingestion.workplace import Workplace


@pytest.fixture
def faq(tmp_path: Path) -> Iterator[tuple[str, sqlite3.Connection]]:
    """The URL of a table of two questions, and a connection to change it by."""
    connection = sqlite3.connect(tmp_path / "faq.db", isolation_level=None)
    connection.execute("CREATE TABLE faq (id INTEGER PRIMARY KEY, question TEXT, answer TEXT)")
    connection.execute("INSERT INTO faq VALUES (1, 'Where is the canteen?', 'On the second floor.')")
    connection.execute("INSERT INTO faq VALUES (2, 'When is payday?', 'On the 25th.')")
    yield f"sqlite:///{tmp_path / 'faq.db'}?table=faq", connection
    connection.close()


def test_rows_of_a_table_are_documents_that_follow_the_table(
    place: Workplace, faq: tuple[str, sqlite3.Connection]
) -> None:
    url, connection = faq
    place.reindex()
    assert place.reindex(url).added == 2
    assert place.found("canteen floor", 1)[0] == "faq.db/faq/1"
    assert (place.reindex(url).unchanged, place.embedder.texts) == (2, [])
    connection.execute("UPDATE faq SET answer = 'On the third floor.' WHERE id = 1")
    connection.execute("DELETE FROM faq WHERE id = 2")
    report = place.reindex(url, place.docs)
    assert (report.updated, report.deleted, report.unchanged, report.documents) == (1, 1, 3, 4)
    assert place.open().lexical("payday", 5) == []
    assert place.open().lexical("third", 5) != []
    place.assert_stores_agree()
    assert place.reindex(place.docs).documents == 4  # the table is another place


def test_a_table_that_cannot_be_read_keeps_its_rows(
    place: Workplace, faq: tuple[str, sqlite3.Connection]
) -> None:
    url, connection = faq
    place.reindex(url)
    connection.execute("DROP TABLE faq")
    report = place.reindex(url)
    assert "There is no table faq" in report.failed[0].error
    assert (report.documents, report.unread) == (2, 1)
    with pytest.raises(SourceError, match="There is no database file"):
        place.reindex(url.replace("faq.db", "gone.db"))


def test_two_tables_are_the_same_in_any_order_and_alone(
    place: Workplace, faq: tuple[str, sqlite3.Connection]
) -> None:
    url, connection = faq
    connection.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)")
    connection.execute("INSERT INTO notes VALUES (1, 'Umbrellas stand in the hall.')")
    database = url.removesuffix("?table=faq")
    place.reindex(f"{database}?table=faq&table=notes")
    connection.execute("DELETE FROM faq WHERE id = 1")
    assert place.reindex(f"{database}?table=notes&table=faq").deleted == 1
    assert place.open().lexical("canteen", 5) == []
    connection.execute("DELETE FROM faq WHERE id = 2")
    report = place.reindex(url)
    assert (report.deleted, report.documents) == (1, 1)
    assert place.open().lexical("umbrellas", 5)


def test_a_row_that_shared_its_root_with_another_table_goes_with_its_own(
    place: Workplace, faq: tuple[str, sqlite3.Connection]
) -> None:
    url, connection = faq
    place.reindex(url)
    index = place.open()
    old = f"{index.documents()[0].root}&table=notes"
    with sqlite3.connect(place.settings.index_dir / "catalogue-2.sqlite3") as catalogue:
        catalogue.execute("UPDATE documents SET root = ?", (old,))
    connection.execute("DELETE FROM faq WHERE id = 1")
    report = place.reindex(url)
    assert (report.deleted, report.unchanged, place.embedder.texts) == (1, 1, [])
    assert place.sources() == ["faq.db/faq/2"]
