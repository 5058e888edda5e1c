"""How the interaction log gets smaller: by age in the background, and on request.

Deletes in small transactions, so that nobody who writes meanwhile waits long.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.exc import SQLAlchemyError

from core.errors import InvalidInputError, ServiceError
from core.settings import Settings
from service import replaying
from service.database import Database, fault
from service.tables import conversations, feedback, interactions, turns

log = logging.getLogger("inhouse.interactions")

SWEEP_EVERY_S = 3600.0
FIRST_SWEEP_S = 30.0  # after the start, when the models have been loaded
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Purged:
    """How many rows were deleted."""

    interactions: int = 0
    feedback: int = 0
    conversations: int = 0


def older_than(days: int, now: datetime | None = None) -> datetime:
    return (now or datetime.now(UTC)) - timedelta(days=days)


def sweep(database: Database, keep_days: int, now: datetime | None = None) -> Purged:
    """Deletes what is older than `keep_days`; 0 keeps everything. Raises SQLAlchemyError and OSError."""
    if keep_days == 0 or database.is_unwritten:
        return Purged()
    purged = _delete_interactions(database, interactions.c.time < older_than(keep_days, now))
    if purged.interactions:
        database.give_back_space()
    return purged


def purge(
    database: Database, *, before: datetime | None = None, conversation_id: str = "", key_id: str = ""
) -> Purged:
    """Deletes the interactions, with their feedback, that fit all that is given; of a conversation or key
    its stored conversations too. A SQLite file is written anew, where there is room for that.

    Raises SQLAlchemyError and OSError.
    """
    chosen: list[ColumnElement[bool]] = []
    if before is not None:
        chosen.append(interactions.c.time < before)
    if conversation_id:
        chosen.append(interactions.c.conversation_id == conversation_id)
    if key_id:
        chosen.append(interactions.c.key_id == key_id)
    assert chosen
    purged = _delete_interactions(database, *chosen)
    talks = 0
    if conversation_id or key_id:
        talks = _delete_conversations(database, before, conversation_id, key_id)
    try:
        database.give_back_space(whole=True)
    except SQLAlchemyError as error:  # no room for a second file, or somebody writes without a pause
        log.warning("deleted, but the file could not be written anew: %s", fault(error))
        database.give_back_space()
    return Purged(purged.interactions, purged.feedback, talks)


def purge_log(
    settings: Settings, *, before: datetime | None = None, conversation_id: str = "", key_id: str = ""
) -> Purged:
    """The command `log purge`: `purge`, by the setting `log.keep_days` where nothing is named, and all
    replays of the log, which hold its questions.

    Raises InvalidInputError where that keeps everything, ServiceError where the database cannot be used.
    """
    if before is None and not conversation_id and not key_id:
        if settings.log.keep_days == 0:
            raise InvalidInputError(
                "Everything is kept (log.keep_days is 0): name what to delete by --before DATE, "
                "--conversation ID or --key ID."
            )
        before = older_than(settings.log.keep_days)
    if not settings.database_url and not settings.database.exists():
        return Purged()
    database = Database.of(settings)
    try:
        replaying.forget(settings)
        return purge(database, before=before, conversation_id=conversation_id, key_id=key_id)
    except (SQLAlchemyError, OSError) as error:
        raise ServiceError(
            f"The interaction log cannot be purged now ({fault(error)}); try again, or stop what uses it."
        ) from error
    finally:
        database.close()


def _delete_interactions(database: Database, *chosen: ColumnElement[bool]) -> Purged:
    asked = rated = 0
    while True:
        with database.begin() as connection:
            ids = connection.scalars(select(interactions.c.id).where(*chosen).limit(_BATCH)).all()
            if not ids:
                return Purged(asked, rated)
            rated += connection.execute(delete(feedback).where(feedback.c.interaction_id.in_(ids))).rowcount
            asked += connection.execute(delete(interactions).where(interactions.c.id.in_(ids))).rowcount


def _delete_conversations(
    database: Database, before: datetime | None, conversation_id: str, key_id: str
) -> int:
    chosen: list[ColumnElement[bool]] = []
    if before is not None:
        chosen.append(conversations.c.updated < before)
    if conversation_id:
        chosen.append(conversations.c.id == conversation_id)
    if key_id:
        chosen.append(conversations.c.key_id == key_id)
    with database.begin() as connection:
        doomed = select(conversations.c.id).where(*chosen)
        connection.execute(delete(turns).where(turns.c.conversation_id.in_(doomed)))
        return connection.execute(delete(conversations).where(*chosen)).rowcount


class Sweeper:
    """A thread that sweeps once an hour. A fault is logged, and the next hour tries again."""

    def __init__(
        self,
        database: Database,
        keep_days: int,
        *,
        first_s: float = FIRST_SWEEP_S,
        every_s: float = SWEEP_EVERY_S,
        swept: Callable[[Purged], Any] = lambda _: None,
    ) -> None:
        self._database = database
        self._keep_days = keep_days
        self._first_s, self._every_s = first_s, every_s
        self._swept = swept
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._keep_days:
            self._thread = threading.Thread(target=self._run, name="log-sweeper", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(10)

    def _run(self) -> None:
        wait_s = self._first_s
        while not self._stopping.wait(wait_s):
            wait_s = self._every_s
            try:
                purged = sweep(self._database, self._keep_days)
            except (SQLAlchemyError, OSError) as error:
                log.warning("The interaction log could not be swept: %s", fault(error))
                continue
            if purged.interactions:
                log.info("swept %d interactions older than %d days", purged.interactions, self._keep_days)
            self._swept(purged)
