"""Rows of database tables as Documents: stable, read only, and nothing of a URL becomes SQL."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

import pytest

from core.errors import SourceError
from core.settings import IngestionSettings
from core.types import Document
from ingestion.loaders.sql import rows_of

SETTINGS = IngestionSettings()


def database(folder: Path, *statements: str, name: str = "help.db") -> Path:
    path = folder / name
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return path


def rows(path: Path, query: str = "table=faq", settings: IngestionSettings = SETTINGS) -> list[Document]:
    return list(rows_of(f"sqlite:///{path}?{query}", settings))


def refused(url: str) -> str:
    with pytest.raises(SourceError) as error:
        list(rows_of(url, SETTINGS))
    return error.value.message


@pytest.fixture
def faq(tmp_path: Path) -> Path:
    return database(
        tmp_path,
        "create table faq"
        " (id integer primary key, question text, answer text, due_on date, old boolean, p blob)",
        "insert into faq values"
        " (1, 'Who pays?', 'The company.' || char(10) || 'Always.', 'soon', 0, x'00ff')",
        "insert into faq values (2, 'When?', '# now', null, null, null)",
    )


def test_a_row_is_a_document(faq: Path) -> None:
    first, second = rows(faq)
    assert (first.title, first.source) == ("Who pays?", "help.db/faq/1")
    assert first.text == "# Who pays?\n\nThe company.\nAlways.\n\n- id: 1\n- due on: soon\n- old: 0"
    assert second.text == "# When?\n\n\\# now\n\n- id: 2"
    assert first.metadata == {"table": "faq", "key": ["1"]}
    assert len(first.content_hash) == 64


def test_an_id_is_stable_and_the_hash_follows_the_content(faq: Path) -> None:
    before = rows(faq)
    database(faq.parent, "update faq set answer = 'Nobody.' where id = 1")
    after = rows(faq)
    assert [document.id for document in after] == [document.id for document in before]
    assert after[0].content_hash != before[0].content_hash
    assert after[1].content_hash == before[1].content_hash
    assert len({document.id for document in after}) == 2


def test_many_tables_and_views_and_a_schema(faq: Path) -> None:
    database(
        faq.parent,
        "create table notes (name text primary key, text text)",
        "insert into notes values ('a','b')",
    )
    database(faq.parent, "create view old_faq as select question from faq where id = 1")
    sources = [document.source for document in rows(faq, "table=main.notes&table=old_faq")]
    assert sources[0] == "help.db/main.notes/a"
    assert sources[1].startswith("help.db/old_faq/")


def test_rows_without_a_key_are_told_by_their_content(tmp_path: Path) -> None:
    path = database(
        tmp_path,
        "create table faq (what text, n real)",
        "insert into faq values ('Ask Rosa', 1.5), ('Ask Rosa', 1.5), ('Ask Wim', null), (null, null)",
    )
    found = rows(path)
    assert [document.title for document in found] == ["Ask Rosa", "Ask Wim"]
    assert found[0].id != found[1].id
    assert [document.id for document in rows(path)] == [document.id for document in found]


def test_a_key_cannot_leave_its_folder_and_different_keys_stay_apart(tmp_path: Path) -> None:
    keys = ["../../etc/passwd", "..", "a/b", "a%2Fb", "a\\b", "x" * 300, "ü"]
    path = database(tmp_path, "create table faq (k text primary key, t text)")
    connection = sqlite3.connect(path)
    connection.executemany("insert into faq values (?, 'text')", [(key,) for key in keys])
    connection.commit()
    connection.close()
    sources = [document.source for document in rows(path)]
    assert len(set(sources)) == len(keys)
    assert all(source.count("/") == 2 and ".." not in source and len(source) < 200 for source in sources)


def test_nothing_is_written_and_no_file_is_made(faq: Path, tmp_path: Path) -> None:
    before = hashlib.sha256(faq.read_bytes()).hexdigest()
    rows(faq, "table=faq&mode=rwc")
    assert hashlib.sha256(faq.read_bytes()).hexdigest() == before
    missing = tmp_path / "none.db"
    assert refused(f"sqlite:///{missing}?table=faq&mode=rwc").startswith("There is no database file")
    assert not missing.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["help.db"]


@pytest.mark.parametrize("name", ["a b.db", "ü.db", "a?b.db", "100%.db", "a#b.db"])
def test_names_of_files_are_taken_as_they_are(tmp_path: Path, name: str) -> None:
    path = database(tmp_path, "create table faq (t text)", "insert into faq values ('words')", name=name)
    quoted = str(path).replace("%", "%25").replace("?", "%3F").replace("#", "%23")
    found = list(rows_of(f"sqlite:///{path if '?' not in name else quoted}?table=faq", SETTINGS))
    assert [document.title for document in found] == ["words"]


def test_a_table_that_does_not_exist_is_named_with_those_that_do(faq: Path) -> None:
    expected = "There is no table faq; drop table faq in help.db; its tables are: faq."
    assert refused(f"sqlite:///{faq}?table=faq; drop table faq") == expected
    assert len(rows(faq)) == 2


def test_names_that_look_like_sql_are_only_names(tmp_path: Path) -> None:
    odd = 'x"; drop table faq; --'
    path = database(tmp_path, f'''create table "{odd.replace('"', '""')}" ("a""b; c" text)''')
    database(tmp_path, f'''insert into "{odd.replace('"', '""')}" values ('words')''')
    found = rows(path, "table=x%22; drop table faq; --")
    assert found[0].text == "# words"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("nonsense", "It is not a database URL"),
        ("sqlite:///help.db", "The database URL names no table; add ?table=NAME to it."),
        ("sqlite://?table=a", "There is no database file"),
        ("nosuch://rosa:geheim@host/db?table=a", "The database driver of nosuch is not installed"),
        (
            "postgresql+nosuch://rosa:geheim@host/db?table=a",
            "The database driver of postgresql+nosuch is not",
        ),
    ],
)
def test_a_url_that_cannot_be_used_is_said_without_its_password(url: str, reason: str) -> None:
    message = refused(url)
    assert message.startswith(reason)
    assert "geheim" not in message


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_text("not a database, but long enough to be read as one " * 50)
    assert refused(f"sqlite:///{path}?table=a").startswith("The database x.db cannot be read (DatabaseError)")


def test_more_rows_than_the_limit_are_named(faq: Path) -> None:
    with pytest.raises(
        SourceError, match=r"more than 1 rows; the limit is 1 \(INHOUSE_INGESTION__MAX_ROWS\)"
    ):
        rows(faq, settings=IngestionSettings(max_rows=1))
