"""Teaches a pretrained model to answer from passages, and puts what is shipped into `OUT/model`.

    python -m finetune.pretraining.tune small --corpus FOLDER --nqg question_sentence_pairs.jsonl \\
        --out FOLDER --minutes 20

`OUT` is the folder of `finetune.pretraining.pretrain`. The same command goes on with a run that was killed.
"""

from __future__ import annotations

import sys
from pathlib import Path

from core.models.precision import use_threads
from core.progress import console
from finetune.pretraining.command import stage_parser
from finetune.pretraining.recipe import recipe_of
from finetune.pretraining.shipping import ship
from finetune.pretraining.tuning import tune


def main(arguments: list[str] | None = None) -> int:
    parser = stage_parser(__doc__)
    parser.add_argument("--nqg", type=Path, required=True, help="question_sentence_pairs.jsonl")
    args = parser.parse_args(arguments)
    use_threads(args.threads)
    recipe, progress = recipe_of(args.recipe), console()
    tune(recipe, args.corpus, args.nqg, args.out, minutes=args.minutes, progress=progress)
    print(ship(recipe, args.corpus, args.nqg, args.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
