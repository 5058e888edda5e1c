"""Models compute in turn: threads that each use all cores are in each other's way."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache


@cache
def _turns() -> threading.BoundedSemaphore:
    import torch

    return threading.BoundedSemaphore(max(1, (os.cpu_count() or 1) // torch.get_num_threads()))


@contextmanager
def in_turn() -> Iterator[None]:
    """Waits until a model may compute: as many at once as the cores divided by torch's threads."""
    with _turns():
        yield
