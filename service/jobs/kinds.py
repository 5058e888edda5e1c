"""What a job of each kind does: its arguments in, its result out, through the code that the commands use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from core.errors import IndexLockedError, InvalidInputError
from core.settings import Settings
from service import presenting
from service.jobs import places
from service.jobs.running import Run

LOCKED_S = 1800.0  # how long a job waits for another process that is indexing
_LOOK_S = 1.0
_MOST_NAMED = 100  # files that could not be read, in the log of a job

_Report = TypeVar("_Report")
Work = Callable[[Settings, Mapping[str, Any], Run], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Kind:
    work: Work
    repeatable: bool  # may be run from its beginning again after its worker died


def reindex(settings: Settings, arguments: Mapping[str, Any], run: Run) -> dict[str, Any]:
    """Raises what `ingestion.indexing.reindex` raises, and PermissionDeniedError."""
    from core.bootstrap import Inhouse
    from ingestion import indexing

    with closing(Inhouse(settings)) as inhouse:
        folders = inhouse.index.folders
        asked = arguments.get("paths") or []
        chosen = [places.allowed(path, folders, settings.jobs.roots) for path in asked]
        if not asked:
            chosen = [Path(folder) for folder in folders if Path(folder).is_dir()]
            for gone in sorted(set(folders) - {str(path) for path in chosen}):
                run.say(f"{gone} is not there; what was indexed of it stays.")
        if not chosen:
            raise InvalidInputError("No folder has been indexed yet: name the folders.")
        run.say("Indexing " + ", ".join(map(str, chosen)))
        report = _once_unlocked(
            lambda: indexing.reindex(
                settings,
                chosen,
                full=bool(arguments.get("full")),
                embedder=inhouse.embedder,
                progress=run.progress,
            ),
            run,
        )
    result: dict[str, Any] = report.to_json()
    shown = {**result, "failed": result["failed"][:_MOST_NAMED]}
    for line in presenting.reindexed(shown).splitlines():
        run.say(line)
    return result


def retrain(settings: Settings, arguments: Mapping[str, Any], run: Run) -> dict[str, Any]:
    """Raises what `finetune.tuning.retrain` raises."""
    from core.bootstrap import Inhouse
    from finetune import tuning

    dataset = arguments.get("dataset")
    with closing(Inhouse(settings)) as inhouse:
        report = tuning.retrain(
            inhouse,
            kind=arguments.get("kind") or "reader",
            base=arguments.get("base"),
            dataset=settings.datasets_dir / dataset if dataset else None,
            progress=run.progress,
        )
    run.say(f"Adapter {report.adapter}: {report.reason}")
    return report.to_json()


def replay(settings: Settings, arguments: Mapping[str, Any], run: Run) -> dict[str, Any]:
    """Raises what `service.replaying.replay` raises."""
    from core.bootstrap import Inhouse
    from eval.figures import remarks
    from service import replaying

    with closing(Inhouse(settings)) as inhouse:
        done = replaying.replay(inhouse, progress=run.progress)
    for line in (done.report.verdict, *remarks(done.report)):
        run.say(line)
    return {**done.report.to_json(), **done.to_json()}


KINDS: dict[str, Kind] = {
    "reindex": Kind(reindex, repeatable=True),
    "retrain": Kind(retrain, repeatable=False),
    "replay": Kind(replay, repeatable=True),
}
SCHEDULED: dict[str, dict[str, Any]] = {"reindex": {"paths": [], "full": False}, "replay": {}}  # arguments


def _once_unlocked(index: Callable[[], _Report], run: Run) -> _Report:
    """What it returns, tried again while another process, as on the command line, is indexing."""
    waited = 0.0
    while True:
        try:
            return index()
        except IndexLockedError:
            if waited >= LOCKED_S:
                raise
            if not waited:
                run.say("Another process is indexing; waiting for it.")
            run.wait(_LOOK_S)
            waited += _LOOK_S
