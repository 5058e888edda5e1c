"""The service's database: SQLite under the data folder, or PostgreSQL by URL."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError, SQLAlchemyError

from core.errors import ConfigurationError

if TYPE_CHECKING:
    from core.settings import Settings

_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_S = 5.0  # how long a writer waits for another one
_CONNECT_S = 5  # how long a server may take to accept a connection
_LOCK = 0x1A0B5E  # of PostgreSQL's advisory locks, the one that migrations hold


class Database:
    """Connections for any number of threads; the first one brings the tables up to date."""

    def __init__(self, url: str) -> None:
        """Raises ConfigurationError for a URL that names no database that can be used here."""
        try:
            parsed = make_url(url)
            self._file = (
                Path(parsed.database) if parsed.drivername.startswith("sqlite") and parsed.database else None
            )
            arguments: dict[str, Any] = {"timeout": _BUSY_S} if self._file else {}
            if parsed.drivername.startswith("postgresql"):
                arguments["connect_timeout"] = _CONNECT_S
            self._engine: Engine = create_engine(
                parsed,
                connect_args=arguments,
                pool_pre_ping=not self._file,
                hide_parameters=True,  # a fault is logged, what people asked is not
            )
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            raise ConfigurationError(
                "INHOUSE_DATABASE_URL must look like postgresql+psycopg://user:password@host/name or "
                f"sqlite:////path/file.db ({error})."
            ) from error
        if self._file:
            event.listen(self._engine, "connect", _configure_sqlite)
        self._ready = False
        self._preparing = threading.Lock()

    @classmethod
    def of(cls, settings: Settings) -> Database:
        return cls(settings.database_url or f"sqlite:///{settings.database}")

    @property
    def is_unwritten(self) -> bool:
        """True of an SQLite file that is not there yet, and would be made by `begin`."""
        return self._file is not None and not self._file.exists()

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A connection in a transaction, committed at the end. Raises SQLAlchemyError and OSError."""
        self.migrate()
        with self._engine.begin() as connection:
            yield connection

    def migrate(self) -> None:
        """Brings the tables up to date, once a process. Raises SQLAlchemyError and OSError."""
        if self._ready:
            return
        with self._preparing:
            if self._ready:
                return
            if self._file:
                self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._one_process():
                _upgrade(self._engine)
            self._ready = True

    def give_back_space(self, *, whole: bool = False) -> None:
        """Returns the room of deleted rows of a SQLite file to the file system; PostgreSQL reuses it itself.

        `whole` writes the file anew, so that nothing of a deleted row is left in it; it waits for other
        writers and keeps them waiting. Raises SQLAlchemyError.
        """
        if not self._file:
            return
        statement = "VACUUM" if whole else "PRAGMA incremental_vacuum"
        with self._engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            try:  # a script runs to its end; `execute` would free a single page
                driver.executescript(f"{statement}; PRAGMA wal_checkpoint(TRUNCATE)")
            except sqlite3.Error as error:
                raise OperationalError(statement, None, error) from error

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _one_process(self) -> Iterator[None]:
        """Two processes that start together must not both make the tables."""
        if self._file:
            from filelock import FileLock

            with FileLock(f"{self._file}.migrating"):
                yield
            return
        with self._engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
            try:
                yield
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})


def fault(error: Exception) -> str:
    """What to log of a database's fault: the driver's first line, since further ones quote the row."""
    cause = getattr(error, "orig", None) or error
    return f"{type(cause).__name__}: {(str(cause).splitlines() or [''])[0]}"


def _upgrade(engine: Engine) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as error:  # a revision that this version does not know
        raise SQLAlchemyError(f"The database was written by a newer version of Inhouse ({error}).") from error


def _configure_sqlite(connection: Any, _record: Any) -> None:
    """Write-ahead log, so that readers and a writer do not wait for each other; what is deleted is
    overwritten, and its room can be given back.
    """
    connection.execute("PRAGMA auto_vacuum=INCREMENTAL")  # before anything is written into a new file
    connection.execute("PRAGMA secure_delete=ON")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")
