"""Several short trainings of the reader on the same questions, each measured on documents that none saw.

python -m finetune.probe            over learning rates
python -m finetune.learning_curve   over shares of the data
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.progress import Progress, console, silent
from core.settings import FinetuneSettings, load_settings
from finetune import tuning
from finetune.recipes.groups import ReaderGroup

if TYPE_CHECKING:
    from core.bootstrap import Inhouse

_MEASURED = 80  # held-out groups


@dataclass(frozen=True, slots=True)
class Trial:
    name: str  # what was varied, `before` for the reader that training starts from
    groups: int
    steps: int
    loss: float  # of the last tenth of the steps
    first: float  # share of held-out questions whose right text ranks first
    reciprocal_rank: float
    told_apart: float  # how often a question that is answered scores above one that is not
    score: float  # the mean of the last two
    seconds: float


@dataclass(frozen=True, slots=True)
class Variant:
    name: str
    settings: FinetuneSettings
    share: float = 1.0  # of the groups


def trials(
    inhouse: Inhouse, variants: Sequence[Variant], *, dataset: Path | None = None, progress: Progress = silent
) -> list[Trial]:
    """The reader in use as it is, then trained by each variant.

    Raises what `finetune.tuning.retrain` raises before it trains.
    """
    pairs, _ = tuning.pairs_of(inhouse, dataset, progress)
    parts = tuning.split(pairs, inhouse.settings.finetune)
    lessons = tuning.lessons_of(inhouse, parts, progress)
    seed = inhouse.settings.finetune.seed
    measured = tuning.taught(parts.held_out, inhouse, progress)[:_MEASURED]
    found = [_trial("before", inhouse.adapter, measured)]
    for done, variant in enumerate(variants, 1):
        with tempfile.TemporaryDirectory(prefix="inhouse-trial-") as temporary:
            found.append(
                _trained(variant, lessons, inhouse.adapter, Path(temporary), measured, seed, progress)
            )
        progress("try", done, len(variants), f"{variant.name}: {found[-1].score:.3f}")
    return found


def _trained(
    variant: Variant,
    lessons: tuning.Lessons,
    start: Path,
    out: Path,
    measured: Sequence[ReaderGroup],
    seed: int,
    progress: Progress,
) -> Trial:
    from finetune.recipes.reader import train_reader

    began = time.monotonic()
    rng = random.Random(seed)
    mixed = [*part(lessons.groups, variant.share), *part(lessons.replayed, variant.share)]
    rng.shuffle(mixed)
    report = train_reader(
        mixed,
        base_adapter=start,
        out=out,
        settings=variant.settings,
        validation=lessons.validation,
        progress=progress,
    )
    seconds = time.monotonic() - began
    return _trial(variant.name, out, measured, len(mixed), report.steps, report.loss_last, seconds)


def part(groups: Sequence[ReaderGroup], share: float) -> Sequence[ReaderGroup]:
    """The first ones, so that a larger share holds a smaller one."""
    return groups[: max(1, round(share * len(groups)))]


def _trial(
    name: str,
    adapter: Path,
    measured: Sequence[ReaderGroup],
    groups: int = 0,
    steps: int = 0,
    loss: float = 0.0,
    seconds: float = 0.0,
) -> Trial:
    from core.models.reader import merged_cross_encoder
    from finetune.recipes.ranking import ranking

    figures = ranking(merged_cross_encoder(adapter), measured)
    shares = {key: figures.get(key, 0.0) for key in ("first", "reciprocal_rank", "told_apart", "score")}
    return Trial(name, groups, steps, loss, **shares, seconds=round(seconds, 1))


def table(found: Sequence[Trial], varied: str) -> str:
    rows = [[varied, "groups", "steps", "loss", "first", "rank", "apart", "score", "seconds"]]
    for trial in found:
        shares = (trial.first, trial.reciprocal_rank, trial.told_apart, trial.score)
        figures = [f"{trial.loss:.3f}", *(f"{share:.3f}" for share in shares), f"{trial.seconds:.0f}"]
        rows.append([trial.name, str(trial.groups), str(trial.steps), *figures])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows
    )


def command(
    description: str,
    varied: str,
    values: Sequence[float],
    variants: Callable[[FinetuneSettings, Sequence[float]], list[Variant]],
    argv: Sequence[str] | None,
) -> int:
    """A table on stderr, and as the last line of stdout one JSON object."""
    import sys

    from core.bootstrap import Inhouse

    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(f"--{varied}s", dest="values", type=float, nargs="+", default=list(values))
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--dataset", type=Path, help="pairs (default: the newest generated)")
    args = parser.parse_args(argv)
    settings = load_settings(**({"data_dir": args.data_dir} if args.data_dir else {}))
    with closing(Inhouse(settings)) as inhouse:
        tried = variants(settings.finetune, args.values)
        found = trials(inhouse, tried, dataset=args.dataset, progress=console())
    print(table(found, varied), file=sys.stderr)
    print(json.dumps({"varied": varied, "trials": [asdict(trial) for trial in found]}))
    return 0
