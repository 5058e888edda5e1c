"""API keys, conversations and jobs; the interaction log knows who, by which prompt, adapter and decoding."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    # Not in a batch, which SQLite could only do by dropping the table that feedback refers to.
    for name, size in (("request_id", 64), ("conversation_id", 36), ("key_id", 36), ("prompt_hash", 64)):
        op.add_column("interactions", sa.Column(name, sa.String(size), nullable=False, server_default=""))
    op.add_column("interactions", sa.Column("adapter", sa.Text, nullable=False, server_default=""))
    for name in ("history", "decoding", "guards"):
        op.add_column("interactions", sa.Column(name, sa.JSON, nullable=True))
    for name in ("index_version", "prompt_tokens", "completion_tokens"):
        op.add_column("interactions", sa.Column(name, sa.Integer, nullable=False, server_default="0"))
    op.add_column("interactions", sa.Column("confidence", sa.Float, nullable=False, server_default="0"))
    op.add_column("interactions", sa.Column("masked", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_index("ix_interactions_conversation_id", "interactions", ["conversation_id"])
    # From now on a second opinion replaces the first, so only the last one of an interaction is kept.
    op.execute("DELETE FROM feedback WHERE id NOT IN (SELECT max(id) FROM feedback GROUP BY interaction_id)")
    op.add_column("feedback", sa.Column("key_id", sa.String(36), nullable=False, server_default=""))
    op.create_index(
        "ix_feedback_interaction_id_key_id", "feedback", ["interaction_id", "key_id"], unique=True
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("scopes", sa.JSON, nullable=False),
        sa.Column("groups", sa.JSON, nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used", sa.DateTime(timezone=True), nullable=True),
    )
    op.create_table(
        "conversations",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("key_id", sa.String(36), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_conversations_key_id", "conversations", ["key_id"])
    op.create_index("ix_conversations_updated", "conversations", ["updated"])
    conversation = sa.ForeignKey("conversations.id", ondelete="CASCADE")
    op.create_table(
        "turns",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("conversation_id", sa.String(36), conversation, nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("answer_type", sa.String(16), nullable=False, server_default=""),
        sa.Column("citations", sa.JSON, nullable=True),
        sa.Column("interaction_id", sa.String(36), nullable=False, server_default=""),
    )
    op.create_index("ix_turns_conversation_id", "turns", ["conversation_id"])
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("arguments", sa.JSON, nullable=False),
        sa.Column("progress", sa.JSON, nullable=True),
        sa.Column("result", sa.JSON, nullable=True),
        sa.Column("error", sa.Text, nullable=False, server_default=""),
        sa.Column("cancel_asked", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("runs", sa.Integer, nullable=False, server_default="0"),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=True),
    )
    op.create_index("ix_jobs_state", "jobs", ["state"])
    op.create_index("ix_jobs_created", "jobs", ["created"])
    not_ended = sa.text("state IN ('queued', 'running')")
    op.create_index(
        "ix_jobs_one_of_a_kind",
        "jobs",
        ["kind"],
        unique=True,
        sqlite_where=not_ended,
        postgresql_where=not_ended,
    )
    op.create_table(
        "job_lines",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("job_id", sa.String(36), sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("line", sa.Text, nullable=False),
    )
    op.create_index("ix_job_lines_job_id", "job_lines", ["job_id"])
