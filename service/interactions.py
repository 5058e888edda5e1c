"""What was asked and answered, and what people thought of it: two tables in `settings.database`.

Writing never fails a request: a fault of the database is logged, and the interaction has no id.
"""

from __future__ import annotations

import logging
import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    insert,
    select,
)
from sqlalchemy.exc import SQLAlchemyError

from core.errors import ServiceError
from core.types import Answer, Hit
from service.errors import NotFoundError

log = logging.getLogger("inhouse.interactions")

metadata = MetaData()

interactions = Table(
    "interactions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("time", DateTime(timezone=True), nullable=False, index=True),
    Column("question", Text, nullable=False),
    Column("standalone_question", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("answer_type", String(16), nullable=False),
    Column("citations", JSON, nullable=False),
    Column("hits", JSON, nullable=False),  # empty where the answer came from the cache
    Column("model", Text, nullable=False),
    Column("timings_ms", JSON, nullable=False),
    Column("cached", String(16), nullable=False),
    Column("reason", Text, nullable=False),
)

feedback = Table(
    "feedback",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("time", DateTime(timezone=True), nullable=False),
    Column("interaction_id", ForeignKey("interactions.id"), nullable=False, index=True),
    Column("rating", Integer, nullable=False),  # 1 or -1
    Column("comment", Text, nullable=False),
    Column("correction", Text, nullable=False),
)


class Interactions:
    """The log. Thread-safe; the tables are made when first needed."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._engine = create_engine(f"sqlite:///{database}", connect_args={"timeout": 2.0})
        self._ready = False
        event.listen(self._engine, "connect", _configure)

    def record(
        self, question: str, answer: Answer, cached: str, timings_ms: Mapping[str, float]
    ) -> str | None:
        """Writes one exchange and returns its id; None where it could not be written."""
        row = {
            "id": str(uuid.uuid4()),
            "time": datetime.now(UTC),
            "question": question,
            "standalone_question": answer.question or question,
            "answer": answer.answer,
            "answer_type": answer.answer_type,
            "citations": [asdict(citation) for citation in answer.citations],
            "hits": _hits_json(answer.hits),
            "model": answer.model,
            "timings_ms": dict(timings_ms),
            "cached": cached,
            "reason": answer.reason,
        }
        try:
            self._prepare()
            with self._engine.begin() as connection:
                connection.execute(insert(interactions).values(row))
        except (SQLAlchemyError, OSError, UnicodeError) as error:
            log.warning("The interaction could not be logged: %s", error)
            return None
        return str(row["id"])

    def rate(self, interaction_id: str, rating: int, comment: str = "", correction: str = "") -> None:
        """Raises NotFoundError for an id that was never logged, ServiceError where the database is away."""
        known = select(interactions.c.id).where(interactions.c.id == interaction_id)
        row = {
            "time": datetime.now(UTC),
            "interaction_id": interaction_id,
            "rating": rating,
            "comment": comment,
            "correction": correction,
        }
        try:
            self._prepare()
            with self._engine.begin() as connection:
                found = connection.execute(known).first() is not None
                if found:
                    connection.execute(insert(feedback).values(row))
        except (SQLAlchemyError, OSError, UnicodeError) as error:
            raise ServiceError("The feedback could not be stored; try again later.") from error
        if not found:
            raise NotFoundError(f"There is no interaction {interaction_id}.", code="unknown_interaction")

    def close(self) -> None:
        self._engine.dispose()

    def _prepare(self) -> None:
        if not self._ready:
            self._database.parent.mkdir(parents=True, exist_ok=True)
            metadata.create_all(self._engine)
            self._ready = True


def _configure(connection: sqlite3.Connection, _record: Any) -> None:
    """Write-ahead log, so that readers and a writer do not wait for each other."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")


def _hits_json(hits: Sequence[Hit]) -> list[dict[str, Any]]:
    return [
        {
            "chunk": hit.chunk.id,
            "source": hit.chunk.source,
            "score": hit.score,
            "dense": hit.dense,
            "lexical": hit.lexical,
            "rerank": hit.rerank,
        }
        for hit in hits
    ]
