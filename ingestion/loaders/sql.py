"""Database tables by SQLAlchemy: each row a Document, read without writing anything.

Tables and columns are taken from the database's own catalogue, so that no name in a URL becomes SQL. A
password never stands in an id, a source or an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from sqlalchemy import URL, Connection, MetaData, Table, create_engine, inspect, make_url, select, type_coerce
from sqlalchemy.exc import NoSuchModuleError, NoSuchTableError, SQLAlchemyError
from sqlalchemy.pool import NullPool
from sqlalchemy.types import NullType

from core.errors import SourceError
from core.settings import IngestionSettings
from core.types import Document
from ingestion.loaders.limits import at_most_rows
from ingestion.loaders.sql_rows import TableName, row_documents

_ROWS_AT_A_TIME = 500


def rows_of(url: str, settings: IngestionSettings) -> Iterator[Document]:
    """The rows of the tables that a URL names: `sqlite:///faq.db?table=faq`, `...?table=hr.leave&table=faq`.

    An id is stable for the database (whoever opens it), the table and the primary key; without a key, for
    the row's content, and of equal rows only the first one comes. Raises SourceError where the database
    cannot be opened or read, or a table has more than `max_rows` rows.
    """
    address, tables = _parsed(url)
    name = Path(_file(address)).name if address.get_backend_name() == "sqlite" else address.database or ""
    try:
        engine = create_engine(address, poolclass=NullPool)
    except (NoSuchModuleError, ModuleNotFoundError):
        driver = address.drivername
        raise SourceError(f"The database driver of {driver} is not installed; install it with pip.") from None
    except SQLAlchemyError as error:
        raise SourceError(f"The database's URL cannot be used ({type(error).__name__}); check it.") from None
    try:
        with engine.connect() as connection:
            _forbid_writing(connection)
            for table in [_reflected(connection, wanted, name) for wanted in tables]:
                rows = at_most_rows(_rows(connection, table), settings)
                keys = [column.name for column in table.primary_key.columns]
                yield from row_documents(rows, TableName(_place(address), name, table.fullname), keys)
    except SQLAlchemyError as error:
        kind = type(error).__name__
        raise SourceError(
            f"The database {name} cannot be read ({kind}); check its address, user, password and rights."
        ) from None
    finally:
        engine.dispose()


def tables_named(url: str) -> str:
    """The database and its tables without who opens it and how: what the rows are indexed under.

    Raises SourceError as `rows_of` does.
    """
    address, tables = _parsed(url)
    return f"{_place(address)}?{'&'.join(f'table={table}' for table in tables)}"


def _parsed(url: str) -> tuple[URL, Sequence[str]]:
    try:
        address = make_url(url)
    except (SQLAlchemyError, ValueError):
        raise SourceError("It is not a database URL; write it as sqlite:///path/to.db?table=faq.") from None
    tables = address.query.get("table", ())
    tables = (tables,) if isinstance(tables, str) else tables
    if not any(tables):
        raise SourceError("The database URL names no table; add ?table=NAME to it.")
    address = address.difference_update_query(["table"])
    if address.get_backend_name() != "sqlite":
        return address, tables
    path = Path(_file(address))
    if not path.is_file():
        raise SourceError(f"There is no database file {path}; check the path in the URL.")
    options = {**address.query, "mode": "ro", "uri": "true"}
    return address.set(database=f"file:{quote(path.absolute().as_posix())}", query=options), tables


def _file(address: URL) -> str:
    database = address.database or ""
    return unquote(database.removeprefix("file:").split("?")[0]) if database.startswith("file:") else database


def _place(address: URL) -> str:
    """The database without who opens it and how."""
    if address.get_backend_name() == "sqlite":
        return f"sqlite:{Path(_file(address)).resolve().as_posix()}"
    return f"{address.get_backend_name()}://{address.host}:{address.port}/{address.database}"


def _forbid_writing(connection: Connection) -> None:
    """Of SQLite, the URL does so."""
    if connection.dialect.name == "postgresql":
        connection.execution_options(postgresql_readonly=True)
    elif connection.dialect.name in ("mysql", "mariadb"):
        connection.exec_driver_sql("SET SESSION TRANSACTION READ ONLY")


def _reflected(connection: Connection, wanted: str, database: str) -> Table:
    found = inspect(connection)
    schema, _, name = wanted.rpartition(".") if not found.has_table(wanted) else ("", "", wanted)
    try:
        return Table(name, MetaData(), schema=schema or None, autoload_with=connection, resolve_fks=False)
    except (NoSuchTableError, SQLAlchemyError) as error:
        if not isinstance(error, NoSuchTableError):
            raise
        known = ", ".join(sorted(found.get_table_names() + found.get_view_names())[:10]) or "none"
        raise SourceError(f"There is no table {wanted} in {database}; its tables are: {known}.") from None


def _rows(connection: Connection, table: Table) -> Iterator[Mapping[str, Any]]:
    """The rows with the values as the driver gives them: SQLite keeps what its column types do not allow."""
    columns = [type_coerce(column, NullType()).label(column.name) for column in table.columns]
    query = select(*columns).order_by(*table.primary_key.columns)
    names = [column.name for column in table.columns]
    for row in connection.execute(query.execution_options(yield_per=_ROWS_AT_A_TIME)):
        yield dict(zip(names, row, strict=True))
