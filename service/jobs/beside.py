"""The worker that `inhouse serve` starts beside itself, so that one command is enough."""

from __future__ import annotations

import logging
import multiprocessing
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from service.jobs.worker import GRACE_S, run_worker

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

    from core.settings import Settings

log = logging.getLogger("inhouse.jobs")

_LOOK_S = 0.2
_STEADY_S = 10.0  # a worker that lived for so long is started again at once
_PAUSE_S = (0.5, 30.0)  # before the next start of one that did not, doubled each time


class WorkerBeside:
    """A context. The process is started again when it dies, and told to end when the context is left.

    It waits until the server has `settled`: loading the libraries of both at once made the server ready later
    by half.
    """

    def __init__(self, settings: Settings, settled: Callable[[], bool] = lambda: True) -> None:
        self._settings = settings
        self._settled = settled
        self._over = threading.Event()
        self._watching = threading.Thread(target=self._watch, name="worker-beside", daemon=True)

    def __enter__(self) -> WorkerBeside:
        self._watching.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._watching.join(GRACE_S + 10)

    def _watch(self) -> None:
        while not self._settled() and not self._over.wait(_LOOK_S):
            pass
        pause = _PAUSE_S[0]
        while not self._over.is_set():
            process, began = self._start(), time.monotonic()
            while process.is_alive() and not self._over.wait(_LOOK_S):
                pass
            if self._over.is_set():
                _stop(process)
                return
            pause = _PAUSE_S[0] if time.monotonic() - began > _STEADY_S else min(pause * 2, _PAUSE_S[1])
            log.error("the worker died, the next one is started", extra={"exit_code": process.exitcode})
            self._over.wait(pause)

    def _start(self) -> SpawnProcess:
        """A fresh process, since a fork would carry the threads' locks of the server along."""
        process = multiprocessing.get_context("spawn").Process(
            target=run_worker, args=(self._settings,), name="inhouse-worker"
        )
        process.start()
        return process


def _stop(process: SpawnProcess) -> None:
    process.terminate()
    process.join(GRACE_S + 5)
    if process.is_alive():
        process.kill()
        process.join()
