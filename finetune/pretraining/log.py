"""The log of a run: a JSON object a line, on disk as soon as it is known."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


class Log:
    """Lines behind `step`, which a run that goes on from a checkpoint writes again, are cut off."""

    def __init__(self, file: Path, step: int) -> None:
        self.file = file
        file.parent.mkdir(parents=True, exist_ok=True)
        kept = [row for row in read_log(file) if row["step"] <= step]
        file.write_text("".join(f"{json.dumps(row)}\n" for row in kept), encoding="utf-8")

    def write(self, **row: Any) -> None:
        with open(self.file, "a", encoding="utf-8") as lines:
            lines.write(f"{json.dumps(row)}\n")
            lines.flush()
            os.fsync(lines.fileno())


def read_log(file: Path) -> list[dict[str, Any]]:
    """The whole lines; one that a kill tore is left out."""
    if not file.is_file():
        return []
    found = []
    for line in file.read_text(encoding="utf-8").splitlines(keepends=True):
        if line.endswith("\n"):
            found.append(json.loads(line))
    return found
