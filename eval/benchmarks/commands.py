"""Wall time and peak memory of a whole command in a process of its own.

    python -m eval.benchmarks.commands python -m service.cli status --json

prints both as JSON. The kernel counts the memory of the process that starts a command as the command's own
until it runs, so a small process has to start it: this module, which therefore imports next to nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class CommandRun:
    seconds: float  # from starting the process to its end
    peak_mb: float  # largest resident memory, in 10^6 bytes
    payload: dict[str, Any]  # the last line of its output


def measured(arguments: Sequence[str]) -> CommandRun:
    """Runs a command that prints a JSON object last; its stderr goes to ours.

    Raises RuntimeError where the command fails.
    """
    started = subprocess.run(
        [sys.executable, "-m", "eval.benchmarks.commands", *arguments], stdout=subprocess.PIPE, text=True
    )
    if started.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed with status {started.returncode}: {started.stdout}")
    return CommandRun(**json.loads(started.stdout))


def main(arguments: Sequence[str]) -> int:
    import resource  # POSIX only

    begun = time.perf_counter()
    done = subprocess.run(arguments, stdout=subprocess.PIPE, text=True)
    seconds = time.perf_counter() - begun
    if done.returncode:
        print(done.stdout, end="")
        return done.returncode
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    payload = json.loads(done.stdout.splitlines()[-1])
    print(json.dumps({"seconds": seconds, "peak_mb": peak / 1e6, "payload": payload}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
