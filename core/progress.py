"""Progress of long work: a callable that is told stage, items done and items in all."""

from __future__ import annotations

import sys
import time
from typing import Protocol


class Progress(Protocol):
    def __call__(self, stage: str, done: int, total: int, note: str = "", /) -> None: ...


def silent(stage: str, done: int, total: int, note: str = "") -> None:
    """Tells nobody."""


def console(minimum_gap_s: float = 1.0) -> Progress:
    """A line to stderr at most every `minimum_gap_s`, and one when a stage ends: count, rate and time left.

    Rate and time left are of what is done since the stage was first told of: work may go on from before.
    On a terminal the line is rewritten in place; elsewhere each one stands on its own.
    """
    started: dict[str, tuple[float, int]] = {}  # stage -> when, and how many were done by then
    last_shown: dict[str, float] = {}
    terminal = sys.stderr.isatty()
    gap = minimum_gap_s if terminal else max(minimum_gap_s, 5.0)

    def show(stage: str, done: int, total: int, note: str = "") -> None:
        now = time.monotonic()
        begun, before = started.setdefault(stage, (now, done if total > done else 0))
        finished = total > 0 and done >= total
        if not finished and now - last_shown.get(stage, begun) < gap:
            return
        last_shown[stage] = now
        elapsed = now - begun
        line = f"{stage}: {done}/{total}" if total else f"{stage}: {done}"
        if elapsed > 0.5 and done > before:
            rate = (done - before) / elapsed
            line += f", {rate:.1f}/s"
            left = f", {(total - done) / rate:.0f} s left" if total else ""
            line += f", {elapsed:.0f} s" if finished else left
        line += f" ({note})" if note else ""
        print(
            f"\r\x1b[K{line}" if terminal else line,
            end="" if terminal and not finished else "\n",
            file=sys.stderr,
        )
        if finished:
            del started[stage], last_shown[stage]

    return show
