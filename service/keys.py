"""API keys in the database: made, listed, revoked, and known to a running server.

Only the SHA-256 of a key is stored. A key is 256 random bits, so there is nothing to guess and no need of a
slow hash.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Row, insert, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from core.errors import InvalidInputError, ServiceError
from service.database import Database
from service.errors import NotFoundError
from service.tables import api_keys

log = logging.getLogger("inhouse.keys")

PREFIX = "ih_"  # so that people and secret scanners know what they have found
SCOPES = ("chat", "admin")  # an admin key may chat too
FRESH_S = 0.5  # a revoked or new key is noticed after this long
WAIT_S = 2.0  # for another thread that reads them
NOTED_S = 30.0  # `last_used` is written this often

State = Literal["active", "expired", "revoked"]


@dataclass(frozen=True, slots=True)
class Key:
    """A row of `api_keys`."""

    id: str
    name: str
    digest: str
    scopes: tuple[str, ...]
    groups: tuple[str, ...]
    created: datetime
    expires: datetime | None = None
    revoked: datetime | None = None
    last_used: datetime | None = None

    def state(self, now: datetime) -> State:
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= now else "active"

    def allows(self, scope: str) -> bool:
        return scope in self.scopes or "admin" in self.scopes

    def to_json(self) -> dict[str, Any]:
        """Everything but the digest."""
        return {
            "id": self.id,
            "name": self.name,
            "scopes": list(self.scopes),
            "groups": list(self.groups),
            "state": self.state(datetime.now(UTC)),
            "created": _written(self.created),
            "expires": _written(self.expires),
            "revoked": _written(self.revoked),
            "last_used": _written(self.last_used),
        }


class KeyStore:
    """The table. Every method raises ServiceError where the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        name: str,
        scopes: Iterable[str] = ("chat",),
        groups: Iterable[str] = (),
        expires: datetime | None = None,
    ) -> tuple[Key, str]:
        """The new row and the key itself, which cannot be had again.

        Raises InvalidInputError for an empty name, a scope that does not exist, or an expiry in the past.
        """
        key = PREFIX + secrets.token_urlsafe(32)
        now = datetime.now(UTC)
        row = Key(
            id=secrets.token_hex(6),
            name=name.strip(),
            digest=digest_of(key),
            scopes=tuple(sorted(set(scopes))),
            groups=tuple(sorted({group.strip() for group in groups} - {""})),
            created=now,
            expires=expires,
        )
        if not row.name:
            raise InvalidInputError("A key needs a name that says whose it is.")
        if not row.scopes or not set(row.scopes) <= set(SCOPES):
            raise InvalidInputError(f"The scopes are {' and '.join(SCOPES)}, not {', '.join(row.scopes)}.")
        if row.state(now) == "expired":
            raise InvalidInputError("The key would have expired already.")
        values = {column.name: getattr(row, column.name) for column in api_keys.columns}
        self._attempt(insert(api_keys).values({**values, "scopes": row.scopes, "groups": row.groups}))
        return row, key

    def all(self) -> list[Key]:
        """All that were ever made, oldest first."""
        if self._database.is_unwritten:
            return []
        rows = self._attempt(select(api_keys).order_by(api_keys.c.created, api_keys.c.id))
        return [_key(row) for row in rows]

    def revoke(self, key_id: str) -> Key:
        """The key as it is now; one that was revoked before keeps its time. Raises NotFoundError."""
        known = api_keys.c.id == key_id
        self._attempt(
            update(api_keys).where(known, api_keys.c.revoked.is_(None)).values(revoked=datetime.now(UTC))
        )
        rows = self._attempt(select(api_keys).where(known))
        if not rows:
            raise NotFoundError(f"There is no key {key_id!r}: see `inhouse keys list`.", code="unknown_key")
        return _key(rows[0])

    def note_use(self, used: dict[str, datetime]) -> None:
        """Times by key id; a later time that another process has written stays."""
        for key_id, when in used.items():
            earlier = or_(api_keys.c.last_used.is_(None), api_keys.c.last_used < when)
            self._attempt(update(api_keys).where(api_keys.c.id == key_id, earlier).values(last_used=when))

    def _attempt(self, statement: Any) -> Sequence[Row[Any]]:
        try:
            with self._database.begin() as connection:
                result = connection.execute(statement)
                return result.all() if result.returns_rows else []
        except (SQLAlchemyError, OSError) as error:
            raise ServiceError(
                "The database that holds the API keys cannot be reached; try again later.",
                code="keys_unavailable",
            ) from error


class KeyRing:
    """The keys as a server's process knows them, read again when they are asked for and no longer fresh.

    Thread-safe. While the database is away `refresh` raises, so that nobody is let in on old knowledge.
    """

    def __init__(self, store: KeyStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._reading = threading.Lock()
        self._by_digest: dict[str, Key] = {}
        self._seen_any = False
        self._read_at = float("-inf")
        self._fault: ServiceError | None = None  # of the last reading; the next one is not before FRESH_S
        self._used: dict[str, datetime] = {}
        self._noted_at = clock()

    @property
    def is_fresh(self) -> bool:
        return self._fault is None and self._clock() - self._read_at < FRESH_S

    @property
    def is_empty(self) -> bool:
        """True where no key was ever seen: neither keys that are all revoked or expired nor a database file
        that went away open the door.
        """
        return not self._seen_any

    def refresh(self) -> None:
        """Reads the keys where they are no longer fresh. Blocks; raises ServiceError."""
        if not self._reading.acquire(timeout=WAIT_S):
            raise ServiceError("The API keys cannot be read; try again later.", code="keys_unavailable")
        try:
            if self._clock() - self._read_at >= FRESH_S:
                self._read()
            if self._fault is not None:
                raise self._fault
        finally:
            self._reading.release()

    def find(self, key: str) -> Key | None:
        """The active key, as of the last reading."""
        digest = digest_of(key)
        found = self._by_digest.get(digest)
        if found is None or not hmac.compare_digest(found.digest, digest):
            return None
        now = datetime.now(UTC)
        if found.state(now) != "active":
            return None
        self._used[found.id] = now
        return found

    def close(self) -> None:
        self._note_use()

    def _read(self) -> None:
        try:
            self._by_digest = {key.digest: key for key in self._store.all()}
            self._seen_any = self._seen_any or bool(self._by_digest)
            self._fault = None
        except ServiceError as error:
            self._fault = error
        self._read_at = self._clock()
        if self._fault is None and self._clock() - self._noted_at >= NOTED_S:
            self._note_use()

    def _note_use(self) -> None:
        used, self._used = self._used, {}
        if not used:
            return
        self._noted_at = self._clock()
        try:
            self._store.note_use(used)
        except ServiceError as error:
            log.warning("The last use of %d keys was not written: %s", len(used), error)


def digest_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def days_from_now(days: int) -> datetime:
    """Raises InvalidInputError where the calendar ends before."""
    try:
        return datetime.now(UTC) + timedelta(days=days)
    except OverflowError as error:
        raise InvalidInputError(f"{days} days from now is beyond the calendar.") from error


def _key(row: Row[Any]) -> Key:
    fields = dict(row._mapping)
    for name in ("created", "expires", "revoked", "last_used"):
        if fields[name] is not None and fields[name].tzinfo is None:  # SQLite keeps no time zone
            fields[name] = fields[name].replace(tzinfo=UTC)
    return Key(**{**fields, "scopes": tuple(fields["scopes"]), "groups": tuple(fields["groups"])})


def _written(when: datetime | None) -> str | None:
    return None if when is None else when.isoformat(timespec="seconds")
