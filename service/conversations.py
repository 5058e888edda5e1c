"""Conversations that the server keeps: the tables `conversations` and `turns` of `service.tables`.

Each belongs to the key that began it; for everybody else it does not exist. One that was not used for `days`
is gone at once and swept away when the next one begins.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from core.errors import InvalidInputError, ServiceError
from core.settings import ConversationSettings
from core.types import Answer, as_row
from service.database import Database, fault
from service.errors import NotFoundError
from service.redaction import storable
from service.tables import conversations, turns

log = logging.getLogger("inhouse.conversations")

TITLE_CHARS = 80


@dataclass(frozen=True, slots=True)
class Turn:
    role: str  # user or assistant
    content: str
    time: str
    answer_type: str = ""
    citations: tuple[dict[str, Any], ...] = ()
    interaction_id: str = ""


@dataclass(frozen=True, slots=True)
class Conversation:
    """As it was before the question that is being answered."""

    id: str
    owner: str
    turns: tuple[Turn, ...] = ()
    is_new: bool = False


class ConversationFullError(InvalidInputError):
    code = "conversation_full"


class Conversations:
    """Thread-safe. What a caller does not own raises NotFoundError, a database that is away ServiceError."""

    def __init__(
        self,
        database: Database,
        settings: ConversationSettings,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock

    def begin(self, owner: str) -> Conversation:
        """One that is written with its first exchange: a question without an answer leaves nothing."""
        return Conversation(str(uuid.uuid4()), owner, is_new=True)

    def open(self, conversation_id: str, owner: str) -> Conversation:
        """One that is to go on. Raises ConversationFullError where it must not."""
        with self._begin() as connection:
            self._find(connection, conversation_id, owner)
            found = _turns(connection, conversation_id)
        chars = sum(len(turn.content) for turn in found)
        if len(found) + 2 > self._settings.max_turns or chars >= self._settings.max_chars:
            raise ConversationFullError("This conversation is full: begin a new one.")
        return Conversation(conversation_id, owner, found)

    def add(
        self, conversation: Conversation, question: str, answer: Answer, interaction_id: str | None
    ) -> bool:
        """Writes one exchange; False where it could not be written.

        The answer was given, so a fault of the database is logged and not raised. A conversation that was
        deleted while its answer was made is not brought back.
        """
        now = self._clock()
        asked = {
            "conversation_id": conversation.id,
            "time": now,
            "role": "user",
            "content": storable(question),
        }
        answered = {
            "conversation_id": conversation.id,
            "time": now,
            "role": "assistant",
            "content": storable(answer.answer),
            "answer_type": answer.answer_type,
            "citations": [as_row(citation) for citation in answer.citations],
            "interaction_id": interaction_id or "",
        }
        try:
            with self._database.begin() as connection:
                if conversation.is_new:
                    self._insert(connection, conversation, question, now)
                elif not self._touch(connection, conversation, now):
                    return False
                connection.execute(insert(turns).values(asked))
                connection.execute(insert(turns).values(answered))
        except (SQLAlchemyError, OSError, UnicodeError) as error:
            log.warning("The exchange could not be kept: %s", fault(error))
            return False
        return True

    def list(self, owner: str) -> list[dict[str, Any]]:
        """id, title, created and updated of each, newest first."""
        wanted = select(conversations).where(self._owned(owner)).order_by(conversations.c.updated.desc())
        with self._begin() as connection:
            return [_head(row) for row in connection.execute(wanted)]

    def read(self, conversation_id: str, owner: str) -> tuple[dict[str, Any], tuple[Turn, ...]]:
        with self._begin() as connection:
            head = self._find(connection, conversation_id, owner)
            return _head(head), _turns(connection, conversation_id)

    def rename(self, conversation_id: str, owner: str, title: str) -> dict[str, Any]:
        with self._begin() as connection:
            self._find(connection, conversation_id, owner)
            one = conversations.c.id == conversation_id
            connection.execute(update(conversations).where(one).values(title=storable(title)))
            return _head(self._find(connection, conversation_id, owner))

    def delete(self, conversation_id: str, owner: str) -> None:
        with self._begin() as connection:
            self._find(connection, conversation_id, owner)
            connection.execute(delete(conversations).where(conversations.c.id == conversation_id))

    def delete_all(self, owner: str) -> int:
        """Returns how many there were."""
        with self._begin() as connection:
            count = connection.scalar(
                select(func.count()).select_from(conversations).where(self._owned(owner))
            )
            connection.execute(delete(conversations).where(conversations.c.key_id == owner))
        return count or 0

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        try:
            with self._database.begin() as connection:
                yield connection
        except (SQLAlchemyError, OSError, UnicodeError) as error:
            raise ServiceError(
                "Conversations cannot be reached just now; try again later.", code="database_unavailable"
            ) from error

    def _insert(
        self, connection: Connection, conversation: Conversation, question: str, now: datetime
    ) -> None:
        """Makes room first: for the same owner, and of whatever is too old."""
        own = select(conversations.c.id).where(conversations.c.key_id == conversation.owner)
        newest_first = own.order_by(conversations.c.updated.desc(), conversations.c.id)
        surplus = newest_first.offset(self._settings.max_per_caller - 1).subquery()
        connection.execute(delete(conversations).where(conversations.c.updated < self._oldest()))
        connection.execute(delete(conversations).where(conversations.c.id.in_(select(surplus.c.id))))
        row = {"id": conversation.id, "key_id": conversation.owner, "title": storable(_title(question))}
        connection.execute(insert(conversations).values({**row, "created": now, "updated": now}))

    def _touch(self, connection: Connection, conversation: Conversation, now: datetime) -> bool:
        """Also makes others who add to it wait, so that questions and answers stay in pairs."""
        one = (conversations.c.id == conversation.id, conversations.c.key_id == conversation.owner)
        return connection.execute(update(conversations).where(*one).values(updated=now)).rowcount > 0

    def _oldest(self) -> datetime:
        return self._clock() - timedelta(days=self._settings.days)

    def _owned(self, owner: str) -> ColumnElement[bool]:
        return (conversations.c.key_id == owner) & (conversations.c.updated >= self._oldest())

    def _find(self, connection: Connection, conversation_id: str, owner: str) -> Row[Any]:
        wanted = select(conversations).where(
            conversations.c.id == storable(conversation_id), self._owned(owner)
        )
        found = connection.execute(wanted).first()
        if found is None:
            raise NotFoundError(
                f"There is no conversation {conversation_id!r} of yours.", code="unknown_conversation"
            )
        return found


def _turns(connection: Connection, conversation_id: str) -> tuple[Turn, ...]:
    wanted = select(turns).where(turns.c.conversation_id == conversation_id).order_by(turns.c.id)
    return tuple(
        Turn(
            row.role,
            row.content,
            _time(row.time),
            row.answer_type,
            tuple(row.citations or ()),
            row.interaction_id,
        )
        for row in connection.execute(wanted)
    )


def _title(question: str) -> str:
    title = " ".join(question.split())
    return title if len(title) <= TITLE_CHARS else title[: TITLE_CHARS - 1].rstrip() + "…"


def _head(row: Row[Any]) -> dict[str, Any]:
    return {"id": row.id, "title": row.title, "created": _time(row.created), "updated": _time(row.updated)}


def _time(time: datetime) -> str:
    """ISO 8601 in UTC. SQLite gives back no time zone: what was written is UTC."""
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC).isoformat(timespec="seconds")
