"""The interaction log and feedback. A database of before the revisions has these tables already."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    if "interactions" in sa.inspect(op.get_bind()).get_table_names():
        return
    op.create_table(
        "interactions",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("standalone_question", sa.Text, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("answer_type", sa.String(16), nullable=False),
        sa.Column("citations", sa.JSON, nullable=False),
        sa.Column("hits", sa.JSON, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("timings_ms", sa.JSON, nullable=False),
        sa.Column("cached", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_index("ix_interactions_time", "interactions", ["time"])
    op.create_table(
        "feedback",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("interaction_id", sa.String(36), sa.ForeignKey("interactions.id"), nullable=False),
        sa.Column("rating", sa.Integer, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("correction", sa.Text, nullable=False),
    )
    op.create_index("ix_feedback_interaction_id", "feedback", ["interaction_id"])
