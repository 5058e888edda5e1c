"""Pretrains a model from nothing.

    python -m finetune.pretraining.pretrain small --corpus FOLDER --out FOLDER --minutes 60

The same command goes on with a run that was killed. What was made of the corpus stays in `OUT/cache`.
"""

from __future__ import annotations

import sys

from core.models.precision import use_threads
from core.progress import console
from finetune.pretraining.command import stage_parser
from finetune.pretraining.packing import packed
from finetune.pretraining.pretraining import pretrain
from finetune.pretraining.recipe import recipe_of


def main(arguments: list[str] | None = None) -> int:
    args = stage_parser(__doc__).parse_args(arguments)
    use_threads(args.threads)
    recipe, progress = recipe_of(args.recipe), console()
    data = packed(
        args.corpus, recipe.corpus, context=recipe.shape.context, cache=args.out / "cache", progress=progress
    )
    print(pretrain(recipe, data, args.out, minutes=args.minutes, progress=progress))
    return 0


if __name__ == "__main__":
    sys.exit(main())
