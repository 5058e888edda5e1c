"""How fast a folder is indexed, beside a plain LangChain pipeline, and what keeping the index costs.

    python -m eval.ingestion_benchmark FOLDER [--baseline-files N] [--rounds N] [--json]

Everything happens in copies under a temporary folder; FOLDER is only read. Both pipelines get the same
Markdown and text files, and their models are loaded before the clock starts. The comparison needs
`pip install langchain-chroma`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.bootstrap import Inhouse
from core.progress import Progress, console, silent
from core.settings import Settings, load_settings
from eval.benchmarks.baseline import READABLE, PlainEmbeddings, full_precision_model
from eval.benchmarks.commands import CommandRun
from eval.benchmarks.fidelity import Fidelity, measure_fidelity
from eval.benchmarks.folders import copied, documents_below, sampled, stored_in
from eval.benchmarks.speed import Speed, SpeedComparison, compare_speed
from eval.benchmarks.upkeep import Memory, Step, measure_steps, reindex_command

_SEED = 13
_TENTH = 10  # the memory of a tenth of the files is compared with that of all


@dataclass(frozen=True, slots=True)
class IngestionResult:
    """`commands`: the whole command on a new index, and again on the unchanged folder."""

    files: int
    speed: SpeedComparison
    fidelity: Fidelity
    steps: tuple[Step, ...]
    commands: tuple[CommandRun, CommandRun]
    memory: Memory

    def to_json(self) -> dict[str, Any]:
        first = self.steps[0].seconds
        speed = {"times_faster": self.speed.times_faster, "times_the_chunks": self.speed.times_the_chunks}
        steps = [{**asdict(step), "share_of_first": step.seconds / first} for step in self.steps]
        commands = {"second_share_of_first": self.commands[1].seconds / self.commands[0].seconds}
        return {
            **asdict(self),
            "speed": asdict(self.speed) | speed,
            "steps": steps,
            "commands": {"runs": [asdict(run) for run in self.commands], **commands},
            "memory": asdict(self.memory) | {"growth": self.memory.growth},
        }


def measure(
    folder: Path,
    settings: Settings,
    *,
    baseline_files: int = 0,
    rounds: int = 1,
    fidelity_chunks: int = 400,
    progress: Progress = silent,
) -> IngestionResult:
    """All measures on copies of the folder's documents. `settings.data_dir` is not used."""
    files = documents_below(folder)
    readable = [path for path in files if path.suffix.lower() in READABLE]
    embedder, embeddings = Inhouse(settings).embedder, PlainEmbeddings(full_precision_model())
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        place = Path(name)
        subset = copied(sampled(readable, baseline_files, _SEED), folder, place / "subset")
        speed = compare_speed(subset, settings, embedder, embeddings, rounds=rounds, progress=progress)
        whole = copied(files, folder, place / "whole")
        tenth = copied(sampled(files, max(1, len(files) // _TENTH), _SEED), folder, place / "tenth")
        small = reindex_command(tenth, place / "tenth-data")
        commands = (
            reindex_command(whole, place / "command-data"),
            reindex_command(whole, place / "command-data"),
        )
        memory = Memory((len(documents_below(tenth)), len(files)), (small.peak_mb, commands[0].peak_mb))
        stored = stored_in(settings, place / "data")
        steps = measure_steps(whole, stored, embedder, progress)
        with closing(Inhouse(stored).index) as index:
            fidelity = measure_fidelity(index, embeddings, count=fidelity_chunks, seed=_SEED)
    return IngestionResult(len(files), speed, fidelity, tuple(steps), commands, memory)


def markdown(result: IngestionResult) -> str:
    """The figures as tables, one a question."""
    return "\n\n".join(
        "\n".join(lines)
        for lines in (
            _speed_lines(result.speed),
            _step_lines(result),
            _command_lines(result),
            [_fidelity_line(result.fidelity)],
        )
    )


def _speed_lines(speed: SpeedComparison) -> list[str]:
    def row(name: str, run: Speed) -> str:
        rate = f"{run.chunks_per_second:.1f} | {run.mb_per_second:.3f}"
        return f"| {name} | {run.seconds:.2f} | {run.chunks} | {rate} |"

    median = f", median of {speed.rounds}" if speed.rounds > 1 else ""
    return [
        f"| {speed.files} files{median} | seconds | chunks | chunks/s | MB of text/s |",
        "| --- | ---: | ---: | ---: | ---: |",
        row("plain LangChain", speed.baseline),
        row("Inhouse", speed.ours),
        f"| Inhouse, times | {speed.times_faster:.2f} | | {speed.times_the_chunks:.2f} "
        f"| {speed.times_faster:.2f} |",
    ]


def _step_lines(result: IngestionResult) -> list[str]:
    first = result.steps[0].seconds
    rows = [
        f"| {step.name} | {step.seconds:.2f} | {step.seconds / first:.2%} | {step.added} | {step.updated} "
        f"| {step.deleted} | {step.unchanged} |"
        for step in result.steps
    ]
    header = (
        f"| run over {result.files} files | seconds | of the first | added | updated | deleted | unchanged |"
    )
    return [header, "| --- " + "| ---: " * 6 + "|", *rows]


def _command_lines(result: IngestionResult) -> list[str]:
    first, second = result.commands
    (few, many), (low, high) = result.memory.files, result.memory.peak_mb
    return [
        "| whole command | seconds | of the first | peak MB |",
        "| --- | ---: | ---: | ---: |",
        f"| first, {many} files | {first.seconds:.2f} | 100% | {high:.0f} ({result.memory.growth:+.1%}) |",
        f"| second, unchanged | {second.seconds:.2f} | {second.seconds / first.seconds:.1%} "
        f"| {second.peak_mb:.0f} |",
        f"| first, {few} files | | | {low:.0f} |",
    ]


def _fidelity_line(fidelity: Fidelity) -> str:
    return (
        f"Cosine of stored vectors to float32 embeddings of {fidelity.chunks} chunks: "
        f"mean {fidelity.mean:.5f}, 1st percentile {fidelity.percentile_1:.5f}, least {fidelity.least:.5f}; "
        f"{fidelity.missing} not found."
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument(
        "--baseline-files", type=int, default=0, metavar="N", help="compare on N random files (default: all)"
    )
    parser.add_argument("--rounds", type=int, default=1, metavar="N", help="of the comparison (default 1)")
    parser.add_argument("--json", action="store_true", help="print all figures as one JSON object, last")
    args = parser.parse_args(argv)
    result = measure(
        args.folder,
        load_settings(),
        baseline_files=args.baseline_files,
        rounds=args.rounds,
        progress=console(),
    )
    print(markdown(result))
    if args.json:
        print(json.dumps(result.to_json()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
