"""Trains the reader adapter that Inhouse ships, from nothing.

    python -m finetune.base_reader --nqg question_sentence_pairs.jsonl --out core/models/base_reader

Question-sentence pairs of encyclopedia articles (NQG) teach which sentence answers a question; the invented
handbooks of `finetune/practice` teach tables, lists, everyday wording and declining. Neither XQuAD nor the
examples nor any other question file that measures is seen, and one practice handbook is kept out to fit the
decision on.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from dataclasses import asdict
from pathlib import Path

from core.models.embedder import SentenceEmbedder
from core.progress import console
from core.settings import FinetuneSettings
from finetune.reader_data import nqg_groups, practice_groups
from finetune.recipes.reader import train_reader

RECIPE = FinetuneSettings(epochs=1, learning_rate=7e-4, batch_questions=24, negatives=5, max_minutes=90)
HELD_OUT = "charity"
SENTENCES = 9000  # NQG groups, of 21,257
PRACTICE_TIMES = 2  # each practice group, with another draw of negatives


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nqg", type=Path, required=True, help="question_sentence_pairs.jsonl")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    sentences = nqg_groups(args.nqg, SentenceEmbedder(), seed=RECIPE.seed)
    practice = practice_groups(without=[HELD_OUT], seed=RECIPE.seed, progress=console())
    groups = random.Random(RECIPE.seed).sample(sentences, SENTENCES) + practice * PRACTICE_TIMES
    print(f"{SENTENCES} groups of sentences, {PRACTICE_TIMES} x {len(practice)} of practice", file=sys.stderr)
    report = train_reader(
        groups, base_adapter=None, out=args.out, settings=RECIPE, max_tokens=256, progress=console()
    )
    print(json.dumps(asdict(report)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
