"""The state of a training run on disk, written whole or not at all, so that a killed run goes on bit by bit.

A checkpoint holds what a step depends on: trained weights, optimizer, schedule, random generators, the number
of steps done. The order of the data is a function of seed and step, so it needs no state.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE_NAME = "training.pt"
EVERY_S = 30.0


@dataclass
class Checkpoints:
    """`key` identifies the run: data, settings, start. A checkpoint of another run is not read."""

    folder: Path
    key: str
    every_s: float = EVERY_S
    _saved: float = field(default_factory=time.monotonic)

    @property
    def file(self) -> Path:
        return self.folder / FILE_NAME

    def due(self) -> bool:
        return time.monotonic() - self._saved >= self.every_s

    def save(self, state: dict[str, Any]) -> None:
        """Raises OSError, as of a full disk."""
        import torch

        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = self.file.with_suffix(f".{os.getpid()}")
        try:
            with open(temporary, "wb") as stream:
                torch.save({"key": self.key, **state}, stream)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, self.file)
        finally:
            temporary.unlink(missing_ok=True)
        self._saved = time.monotonic()

    def load(self) -> dict[str, Any] | None:
        """None where there is no checkpoint, or one of another run."""
        import torch

        if not self.file.is_file():
            return None
        state: dict[str, Any] = torch.load(self.file, map_location="cpu", weights_only=True)
        return state if state.pop("key") == self.key else None
