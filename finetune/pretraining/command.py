"""What the commands of a stage are told alike."""

from __future__ import annotations

import argparse
from pathlib import Path


def stage_parser(description: str | None) -> argparse.ArgumentParser:
    """Recipe, corpus, folder of the run, minutes, threads."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipe", help="small, base or a YAML file")
    parser.add_argument("--corpus", type=Path, required=True, help="a folder of *.jsonl.xz")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=0, help="where the recipe names no tokens")
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    return parser
