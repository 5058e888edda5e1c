"""Makes a model of our own with one command: pretraining, tuning, figures, card.

    python -m finetune.pretraining base --corpus FOLDER --nqg question_sentence_pairs.jsonl \\
        --xquad xquad.en.json --out FOLDER

It runs on a GPU where there is one. The same command goes on with a run that was killed.
"""

from __future__ import annotations

import argparse
import sys

from finetune.pretraining import figures, pretrain, tune


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipe", help="small, base or a YAML file")
    parser.add_argument("--corpus", required=True, help="a folder of *.jsonl.xz")
    parser.add_argument("--nqg", required=True, help="question_sentence_pairs.jsonl")
    parser.add_argument("--xquad", required=True, help="xquad.en.json, which only measures")
    parser.add_argument("--out", required=True)
    parser.add_argument("--minutes", default="0", help="of pretraining, where the recipe names no tokens")
    parser.add_argument("--tuning-minutes", default="0", help="likewise")
    parser.add_argument("--limit", default="0", help="about so many questions measure; 0: all")
    parser.add_argument("--threads", default="0", help="0: all cores")
    args = parser.parse_args(arguments)
    made = [args.recipe, "--corpus", args.corpus, "--out", args.out, "--threads", args.threads]
    pretrain.main([*made, "--minutes", args.minutes])
    tune.main([*made, "--nqg", args.nqg, "--minutes", args.tuning_minutes])
    shipped = ["--model", f"{args.out}/model", "--corpus", args.corpus, "--xquad", args.xquad]
    return figures.main([*shipped, "--limit", args.limit, "--threads", args.threads])


if __name__ == "__main__":
    sys.exit(main())
