"""A training run of its own, for the test that kills it: python -m tests.finetune.interrupted FOLDER"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from finetune.recipes.checkpoint import Checkpoints
from finetune.recipes.reader import train_reader
from tests.finetune.test_reader_recipe import GROUPS, KILLED

STEPS_SEEN = 3


def main(folder: Path) -> None:
    def linger(stage: str, done: int, total: int, note: str = "") -> None:
        if stage == "train" and done > STEPS_SEEN:
            time.sleep(60)  # the test kills us here

    train_reader(
        GROUPS,
        base_adapter=None,
        out=folder / "never",
        settings=KILLED,
        max_tokens=48,
        validation=GROUPS[:2],
        checkpoints=Checkpoints(folder, "run", every_s=0),
        progress=linger,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
