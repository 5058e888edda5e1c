"""Trains the reader adapter that Inhouse ships, from nothing.

    python -m finetune.base_reader sentences --nqg question_sentence_pairs.jsonl --out FOLDER
    python -m finetune.base_reader practice --nqg question_sentence_pairs.jsonl --base FOLDER --out
    core/models/base_reader

`sentences` teaches which sentence of an article answers a question (21,257 pairs, half an hour on two
cores); `practice` goes on with the invented handbooks of `finetune/practice`: tables, lists, everyday
wording, and declining. Neither sees XQuAD, the examples, or any question file that measures.
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

SENTENCES = FinetuneSettings(epochs=1, learning_rate=7e-4, batch_questions=24, negatives=5, max_minutes=60)
PRACTICE = FinetuneSettings(epochs=2, learning_rate=4e-4, batch_questions=24, negatives=7, max_minutes=60)
HELD_OUT = "charity"  # the handbook that the decision is fitted and the reader is measured on
REPLAYED = 2000  # NQG groups mixed into the second stage against forgetting


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stage", choices=("sentences", "practice"))
    parser.add_argument("--nqg", type=Path, required=True, help="question_sentence_pairs.jsonl")
    parser.add_argument("--base", type=Path, help="the adapter of the first stage")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    sentences = nqg_groups(args.nqg, SentenceEmbedder())
    if args.stage == "sentences":
        report = train_reader(
            sentences, base_adapter=None, out=args.out, settings=SENTENCES, max_tokens=96, progress=console()
        )
    else:
        if args.base is None:
            parser.error("practice needs --base, the adapter of the first stage")
        groups = practice_groups(without=[HELD_OUT], seed=PRACTICE.seed, progress=console())
        groups += random.Random(PRACTICE.seed).sample(sentences, REPLAYED)
        report = train_reader(
            groups,
            base_adapter=args.base,
            out=args.out,
            settings=PRACTICE,
            max_tokens=256,
            progress=console(),
        )
    print(json.dumps(asdict(report)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
