"""The tables of the service's database: what was asked, who may ask, conversations, jobs.

interactions 1 ── n feedback        conversations 1 ── n turns        jobs 1 ── n job_lines        api_keys

A change here needs a revision in `migrations/versions/`; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    false,
    text,
)

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
    # Empty in rows of before the second revision, as are the rest.
    Column("request_id", String(64), nullable=False, server_default=""),
    Column("conversation_id", String(36), nullable=False, server_default="", index=True),
    Column("key_id", String(36), nullable=False, server_default=""),  # of `api_keys`, or empty
    Column("history", JSON, nullable=True),  # the turns before the question
    Column("prompt_hash", String(64), nullable=False, server_default=""),
    Column("adapter", Text, nullable=False, server_default=""),
    Column("decoding", JSON, nullable=True),
    Column("guards", JSON, nullable=True),  # name of each guard that failed -> where
    Column("index_version", Integer, nullable=False, server_default="0"),
    Column("confidence", Float, nullable=False, server_default="0"),
    Column("prompt_tokens", Integer, nullable=False, server_default="0"),
    Column("completion_tokens", Integer, nullable=False, server_default="0"),
    Column(
        "masked", Boolean, nullable=False, server_default=false()
    ),  # personal data replaced before writing
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
    Column("key_id", String(36), nullable=False, server_default=""),  # who rated
    Index("ix_feedback_interaction_id_key_id", "interaction_id", "key_id", unique=True),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", Text, nullable=False),
    Column("digest", String(64), nullable=False, unique=True),  # SHA-256 of the key: it is long and random
    Column("scopes", JSON, nullable=False),  # of "chat", "admin"
    Column("groups", JSON, nullable=False),  # whose documents the asker may find
    Column("created", DateTime(timezone=True), nullable=False),
    Column("expires", DateTime(timezone=True), nullable=True),
    Column("revoked", DateTime(timezone=True), nullable=True),
    Column("last_used", DateTime(timezone=True), nullable=True),
)

conversations = Table(
    "conversations",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("key_id", String(36), nullable=False, index=True),  # whose it is; empty without keys
    Column("title", Text, nullable=False),
    Column("created", DateTime(timezone=True), nullable=False),
    Column("updated", DateTime(timezone=True), nullable=False, index=True),
)

turns = Table(
    "turns",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("conversation_id", ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("time", DateTime(timezone=True), nullable=False),
    Column("role", String(16), nullable=False),  # user or assistant
    Column("content", Text, nullable=False),
    Column("answer_type", String(16), nullable=False, server_default=""),
    Column("citations", JSON, nullable=True),
    Column("interaction_id", String(36), nullable=False, server_default=""),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("kind", String(32), nullable=False),  # reindex or retrain
    Column("state", String(16), nullable=False, index=True),  # queued, running, done, failed, cancelled
    Column("arguments", JSON, nullable=False),
    Column("progress", JSON, nullable=True),
    Column("result", JSON, nullable=True),
    Column("error", Text, nullable=False, server_default=""),
    Column("cancel_asked", Boolean, nullable=False, server_default=false()),
    Column("runs", Integer, nullable=False, server_default="0"),  # how often a worker has begun it
    Column("created", DateTime(timezone=True), nullable=False, index=True),
    Column("started", DateTime(timezone=True), nullable=True),
    Column("seen", DateTime(timezone=True), nullable=True),  # when its worker last said that it lives
    Column("ended", DateTime(timezone=True), nullable=True),
)

# One at a time of each kind, whoever asks and wherever.
_not_ended = text("state IN ('queued', 'running')")
Index("ix_jobs_one_of_a_kind", jobs.c.kind, unique=True, sqlite_where=_not_ended, postgresql_where=_not_ended)

job_lines = Table(
    "job_lines",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("time", DateTime(timezone=True), nullable=False),
    Column("line", Text, nullable=False),
)
