"""What was asked and answered, and what people thought of it: two of `service.tables`.

Writing never fails a request: a fault of the database is logged, and the interaction has no id.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.exc import SQLAlchemyError

from core.errors import ServiceError
from core.types import Answer, Hit
from service.database import Database
from service.errors import NotFoundError
from service.tables import feedback, interactions

log = logging.getLogger("inhouse.interactions")


class Interactions:
    """The log. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

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
            with self._database.begin() as connection:
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
            with self._database.begin() as connection:
                found = connection.execute(known).first() is not None
                if found:
                    connection.execute(insert(feedback).values(row))
        except (SQLAlchemyError, OSError, UnicodeError) as error:
            raise ServiceError("The feedback could not be stored; try again later.") from error
        if not found:
            raise NotFoundError(f"There is no interaction {interaction_id}.", code="unknown_interaction")


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
