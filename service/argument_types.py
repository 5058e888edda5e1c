"""What the options of the command line take, from text; argparse tells what is wrong as wrong usage."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

TOLERABLE = (
    "right", "answered", "declined", "quotes_verbatim", "correct", "refused_right", "recall",
    "reciprocal_rank", "ndcg", "cited_right", "token_f1", "rouge_l", "similarity",
)  # fmt: skip


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def names(text: str) -> list[str]:
    found = [name.strip() for name in text.split(",") if name.strip()]
    if not found:
        raise argparse.ArgumentTypeError("names nothing: try base,tuned")
    return found


def tolerance(text: str) -> tuple[str, float]:
    """A metric and the share of it that may be lost."""
    metric, _, points = text.partition("=")
    try:
        share = float(points) / 100
    except ValueError:
        share = -1.0
    if metric not in TOLERABLE or not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(
            f"{text!r}: write METRIC=POINTS, such as right=2; metrics are {', '.join(TOLERABLE)}"
        )
    return metric, share


def moment(text: str) -> datetime:
    """A date or a time, in UTC where it names no other zone."""
    try:
        parsed = datetime.fromisoformat(text)
        return parsed.replace(tzinfo=parsed.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no date: write 2026-11-25 or 2026-11-25T14:30"
        ) from error
