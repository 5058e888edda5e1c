"""API keys in the database: made, listed and revoked. What a running server knows of them: `key_ring.py`.

Only the SHA-256 of a key is stored. A key is 256 random bits, so there is nothing to guess and no need of a
slow hash.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Row, bindparam, insert, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from core.errors import InvalidInputError, ServiceError
from service.database import Database
from service.errors import NotFoundError
from service.tables import api_keys

PREFIX = "ih_"  # so that people and secret scanners know what they have found
SCOPES = ("chat", "admin")  # an admin key may chat too

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
        if not used:
            return
        earlier = or_(api_keys.c.last_used.is_(None), api_keys.c.last_used < bindparam("time"))
        statement = (
            update(api_keys)
            .where(api_keys.c.id == bindparam("key"), earlier)
            .values(last_used=bindparam("time"))
        )
        # In one order, so that two processes cannot wait for each other's rows.
        self._attempt(statement, [{"key": key, "time": time} for key, time in sorted(used.items())])

    def _attempt(self, statement: Any, rows: Any = None) -> Sequence[Row[Any]]:
        try:
            with self._database.begin() as connection:
                result = connection.execute(statement, rows)
                return result.all() if result.returns_rows else []
        except (SQLAlchemyError, OSError) as error:
            raise ServiceError(
                "The database that holds the API keys cannot be reached; try again later.",
                code="keys_unavailable",
            ) from error


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
