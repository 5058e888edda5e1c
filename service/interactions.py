"""What was asked and answered, and what people thought of it: two of `service.tables`.

exchange -> row (`interaction_row`, quick) -> without personal data -> batch insert (`Interactions.write`)

Writing never fails a request: a fault of the database is logged, and the interaction has no id.
"""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from core.errors import ServiceError
from core.settings import LogSettings
from core.types import Answer, Hit, as_row
from service.database import Database, fault
from service.errors import NotFoundError
from service.redaction import redacted, redacted_all, storable
from service.tables import feedback, interactions

if TYPE_CHECKING:
    from core.bootstrap import Inhouse
    from service.conversing import Question

log = logging.getLogger("inhouse.interactions")

Row = dict[str, Any]
HISTORY_MESSAGES = 20  # of a conversation, the last ones are kept with each question
HISTORY_CHARS = 4000  # of each of them

_TEXTS = ("question", "standalone_question", "answer", "history", "decoding")
_OPINION = ("time", "rating", "comment", "correction")
_NO_GUARDS = ("", "decision")  # reasons of a declined answer that no guard gave
_CLIPPED = {"request_id": 64, "conversation_id": 36, "key_id": 36, "prompt_hash": 64, "cached": 16}


@dataclass(frozen=True, slots=True)
class Maker:
    """What made, or would make, an answer at the time of asking."""

    prompt_hash: str = ""
    adapter: str = ""  # `shipped`, an id of the registry, or a folder
    index_version: int = 0

    @classmethod
    def of(cls, inhouse: Inhouse) -> Maker:
        generator = inhouse.answerer.generator
        writer = getattr(generator, "adapter", None)  # of a generating model, whichever reader ranks for it
        return cls(
            generator.prompt_hash, writer.id if writer else _name_of(inhouse.adapter), inhouse.index.version
        )


@lru_cache(maxsize=64)
def _name_of(adapter: Path | str) -> str:
    from core.models.reader import SHIPPED_ADAPTER

    return "shipped" if Path(adapter) == SHIPPED_ADAPTER else Path(adapter).name


class Interactions:
    """The log. Thread-safe."""

    def __init__(self, database: Database, settings: LogSettings | None = None) -> None:
        self._database = database
        self._mask = (settings or LogSettings()).mask

    def record(
        self, question: Question, answer: Answer, cached: str, timings_ms: Mapping[str, float], maker: Maker
    ) -> str | None:
        """Writes one exchange and returns its id; None where it could not be written."""
        row = interaction_row(question, answer, cached, timings_ms, maker)
        return str(row["id"]) if self.write([row]) else None

    def write(self, rows: Sequence[Row]) -> int:
        """Writes rows of `interaction_row` in one transaction, and returns how many were written.

        Never raises. Where the database refuses the content of a row, the others are written without it.
        """
        try:
            safe = [self._redacted(row) for row in rows]
            if safe:
                with self._database.begin() as connection:
                    connection.execute(insert(interactions), safe)
            return len(safe)
        except (DataError, IntegrityError) as error:
            if len(rows) > 1:
                return sum(self.write([row]) for row in rows)
            _warn(error)
        except (SQLAlchemyError, OSError, UnicodeError) as error:
            _warn(error)
        return 0

    def rate(
        self, interaction_id: str, rating: int, comment: str = "", correction: str = "", key_id: str = ""
    ) -> None:
        """Keeps the last opinion of each key. `key_id` may rate its own interactions; empty: all of them.

        Raises NotFoundError for an id that was never logged or is somebody else's, ServiceError where the
        database is away.
        """
        known = select(interactions.c.id).where(interactions.c.id == storable(interaction_id))
        if key_id:
            known = known.where(interactions.c.key_id == key_id)
        row = {
            "time": datetime.now(UTC),
            "interaction_id": interaction_id,
            "rating": rating,
            "comment": redacted(comment, personal=self._mask),
            "correction": redacted(correction, personal=self._mask),
            "key_id": key_id,
        }
        try:
            with self._database.begin() as connection:
                found = connection.execute(known).first() is not None
                if found:
                    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
                    added = dialect.insert(feedback).values(row)
                    opinion = {name: added.excluded[name] for name in _OPINION}
                    connection.execute(
                        added.on_conflict_do_update(index_elements=["interaction_id", "key_id"], set_=opinion)
                    )
        except IntegrityError:  # the interaction was deleted meanwhile
            found = False
        except (SQLAlchemyError, OSError, UnicodeError) as error:
            raise ServiceError("The feedback could not be stored; try again later.") from error
        if not found:
            raise NotFoundError(f"There is no interaction {interaction_id}.", code="unknown_interaction")

    def _redacted(self, row: Row) -> Row:
        safe = {name: redacted_all(row[name], personal=self._mask) for name in _TEXTS}
        citations = [
            {**citation, "quote": redacted(citation["quote"], personal=self._mask)}
            for citation in row["citations"]
        ]
        return {**row, **safe, "citations": citations, "masked": self._mask}


def interaction_row(
    question: Question, answer: Answer, cached: str, timings_ms: Mapping[str, float], maker: Maker
) -> Row:
    """One row of the table, with an id of its own and with all texts as they came."""
    row: Row = {
        "id": str(uuid.uuid4()),
        "time": datetime.now(UTC),
        "question": question.text,
        "standalone_question": answer.question or question.text,
        "history": [
            {"role": message.role, "content": message.content[:HISTORY_CHARS]}
            for message in question.history[-HISTORY_MESSAGES:]
        ],
        "answer": answer.answer,
        "answer_type": answer.answer_type,
        "citations": [as_row(citation) for citation in answer.citations],
        "hits": _hits_json(answer.hits),
        "model": answer.model,
        "decoding": as_row(question.decoding),
        "timings_ms": dict(timings_ms),
        "cached": cached,
        "reason": answer.reason,
        "guards": _failed_guards(answer),
        "confidence": float(answer.confidence),
        "prompt_tokens": answer.usage.prompt_tokens,
        "completion_tokens": answer.usage.completion_tokens,
        "request_id": question.request_id,
        "conversation_id": question.conversation_id,
        "key_id": question.caller.key_id,
        **as_row(maker),
    }
    return row | {name: str(row[name])[:length] for name, length in _CLIPPED.items()}


def _failed_guards(answer: Answer) -> dict[str, str]:
    """The guard that stopped the question or the answer, and which of the two."""
    reason = answer.reason
    if answer.answer_type == "answer" or reason in _NO_GUARDS or not re.fullmatch(r"[a-z_]+", reason):
        return {}
    return {reason: "question" if answer.answer_type == "blocked" else "answer"}


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


def _warn(error: Exception) -> None:
    log.warning("The interaction could not be logged: %s", fault(error))
