"""Practice groups that are mixed into every tuning run, so that the reader keeps what it learned before.

`replay.jsonl` holds a sample of the groups that the shipped reader was trained on. It is made by

    python -m finetune.replay [--questions 120]
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from core.errors import ModelError
from core.progress import Progress, console
from finetune.recipes.reader import ReaderGroup

REPLAY = Path(__file__).parent / "replay.jsonl"
_NEGATIVES = 6  # kept of each group, hardest first
_LONGEST = 160  # words of a text; the recipe reads no more


def replay_groups(limit: int, seed: int, path: Path = REPLAY) -> list[ReaderGroup]:
    """At most `limit` groups, chosen by seed. Raises ModelError where the file is missing."""
    if not path.is_file():
        raise ModelError(
            f"{path} is missing. Reinstall Inhouse, or make it with `python -m finetune.replay`."
        )
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    chosen = random.Random(f"{seed} replay").sample(rows, min(limit, len(rows)))
    return [ReaderGroup(row["question"], tuple(row["positives"]), tuple(row["negatives"])) for row in chosen]


def save_groups(groups: Sequence[ReaderGroup], path: Path) -> None:
    rows = (
        {
            "question": group.question,
            "positives": [_cut(text) for text in group.positives[:2]],
            "negatives": [_cut(text) for text in group.negatives[:_NEGATIVES]],
        }
        for group in groups
    )
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")


def _cut(text: str) -> str:
    return " ".join(text.split()[:_LONGEST])


def sampled_groups(questions: int, seed: int, progress: Progress) -> list[ReaderGroup]:
    """The groups of at most `questions` questions of each practice handbook but the one that measures."""
    from finetune.base_reader import HELD_OUT
    from finetune.datasets import load
    from finetune.reader_data import groups_from_pairs, practice_assistant, practice_handbooks

    groups: list[ReaderGroup] = []
    for folder in practice_handbooks():
        if folder.name == HELD_OUT:
            continue
        pairs = load(folder / "questions.jsonl")
        chosen = random.Random(seed).sample(pairs, min(questions, len(pairs)))
        with practice_assistant(folder) as inhouse:
            groups += groups_from_pairs(chosen, inhouse, seed=seed, progress=progress)
    random.Random(seed).shuffle(groups)
    return groups


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--questions", type=int, default=120, help="of each practice handbook")
    parser.add_argument("--seed", type=int, default=13)
    args = parser.parse_args()
    groups = sampled_groups(args.questions, args.seed, console())
    save_groups(groups, REPLAY)
    print(f"{len(groups)} groups in {REPLAY}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
