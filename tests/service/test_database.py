from __future__ import annotations

import multiprocessing
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from core.errors import ConfigurationError
from core.settings import Settings
from service.database import Database
from service.tables import feedback, interactions, metadata

OLD = """
CREATE TABLE interactions (
  id VARCHAR(36) NOT NULL PRIMARY KEY, time DATETIME NOT NULL, question TEXT NOT NULL,
  standalone_question TEXT NOT NULL, answer TEXT NOT NULL, answer_type VARCHAR(16) NOT NULL,
  citations JSON NOT NULL, hits JSON NOT NULL, model TEXT NOT NULL, timings_ms JSON NOT NULL,
  cached VARCHAR(16) NOT NULL, reason TEXT NOT NULL);
CREATE INDEX ix_interactions_time ON interactions (time);
CREATE TABLE feedback (
  id INTEGER NOT NULL PRIMARY KEY, time DATETIME NOT NULL,
  interaction_id VARCHAR(36) NOT NULL REFERENCES interactions (id), rating INTEGER NOT NULL,
  comment TEXT NOT NULL, correction TEXT NOT NULL);
CREATE INDEX ix_feedback_interaction_id ON feedback (interaction_id);
INSERT INTO interactions
  VALUES ('i', '2026-01-01 00:00:00', 'q', 'q', 'a', 'answer', '[]', '[]', 'm', '{}', 'none', '');
INSERT INTO feedback (time, interaction_id, rating, comment, correction)
  VALUES ('2026-01-01 00:00:00', 'i', -1, '', ''), ('2026-01-01 00:00:01', 'i', 1, 'after all', '');
"""


@pytest.fixture
def database(settings: Settings) -> Database:
    return Database.of(settings)


def test_the_revisions_make_the_same_tables_in_postgres(postgres_url: str) -> None:
    database = Database(postgres_url)
    with database.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    database.close()


def test_the_revisions_make_the_tables_that_the_code_uses(database: Database) -> None:
    with database.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_a_log_of_before_the_revisions_is_kept(database: Database, settings: Settings) -> None:
    settings.database.parent.mkdir(parents=True)
    connection = sqlite3.connect(settings.database)
    connection.executescript(OLD)
    connection.close()
    with database.begin() as opened:
        (row,) = opened.execute(select(interactions)).mappings()
        assert (row["question"], row["conversation_id"], row["masked"]) == ("q", "", False)
        (opinion,) = opened.execute(select(feedback)).mappings()  # the last one of two
        assert (opinion["rating"], opinion["comment"], opinion["key_id"]) == (1, "after all", "")
        assert compare_metadata(MigrationContext.configure(opened), metadata) == []


def test_a_database_of_a_newer_version_is_left_alone(database: Database, settings: Settings) -> None:
    database.migrate()
    connection = sqlite3.connect(settings.database)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(SQLAlchemyError, match="newer version"):
        Database.of(settings).migrate()


def test_a_url_that_names_no_database_says_what_one_looks_like() -> None:
    with pytest.raises(ConfigurationError, match=r"postgresql\+psycopg://"):
        Database("nonsense")


def _migrate(path: Path) -> None:
    Database.of(Settings(data_dir=path)).migrate()


def test_processes_that_start_together_make_the_tables_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    started = [context.Process(target=_migrate, args=(tmp_path,)) for _ in range(3)]
    for process in started:
        process.start()
    for process in started:
        process.join(60)
    assert [process.exitcode for process in started] == [0, 0, 0]
