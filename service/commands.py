"""What each command does: settings and arguments in, a payload for `--json` and a text for people out."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import InvalidInputError
from core.progress import console
from core.settings import Settings, load_settings
from service import environment, presenting

if TYPE_CHECKING:
    from core.index.catalogue import IndexedDocument
    from service.jobs.records import Jobs

PARTLY = 3  # exit status: done, but something could not be read


@dataclass(frozen=True, slots=True)
class Result:
    payload: dict[str, Any]
    text: str
    status: int = 0  # the exit status


def run(arguments: argparse.Namespace) -> Result | None:
    """Loads the settings and runs the command. None where it has printed for itself (serve)."""
    overrides = {"data_dir": Path(arguments.data_dir)} if arguments.data_dir else {}
    settings = load_settings(**overrides)
    environment.stay_offline(settings, *_chosen_ids(arguments))
    command: Callable[[Settings, argparse.Namespace], Result | None] = COMMANDS[arguments.command]
    return command(settings, arguments)


def _chosen_ids(arguments: argparse.Namespace) -> list[str]:
    """Models and data sets that the user named, which may be on a hub."""
    from finetune.rows import is_hub_id

    return [getattr(arguments, "base", None) or "", *filter(is_hub_id, getattr(arguments, "names", ()))]


def reindex(settings: Settings, arguments: argparse.Namespace) -> Result:
    from core.bootstrap import Inhouse
    from ingestion import indexing

    places = [place if "://" in place else Path(place) for place in arguments.paths]
    with closing(Inhouse(settings)) as inhouse:
        report = indexing.reindex(
            settings, places, full=arguments.full, embedder=inhouse.embedder, progress=console()
        )
    payload = report.to_json()
    return Result(payload, presenting.reindexed(payload), status=PARTLY if report.unread else 0)


def search(settings: Settings, arguments: argparse.Namespace) -> Result:
    from core.bootstrap import Inhouse
    from service import searching

    with closing(Inhouse(settings)) as inhouse:
        hits = searching.search(inhouse, utf8(arguments.query), arguments.k)
    payload = {"hits": [searching.hit_json(hit) for hit in hits]}
    return Result(payload, presenting.hits(payload))


def ask(settings: Settings, arguments: argparse.Namespace) -> Result:
    from core.bootstrap import Inhouse

    question = utf8(arguments.question)
    with closing(Inhouse(settings)) as inhouse:
        payload = inhouse.answerer.answer(question).to_json()
    return Result(payload, presenting.answer(payload))


def generate_qa(settings: Settings, arguments: argparse.Namespace) -> Result:
    from core.bootstrap import Inhouse
    from finetune import generation

    with closing(Inhouse(settings)) as inhouse:
        payload = generation.generate_qa(inhouse, progress=console()).to_json()
    return Result(payload, presenting.generated(payload))


def import_qa(settings: Settings, arguments: argparse.Namespace) -> Result:
    from finetune import importing

    report = importing.import_qa(
        settings,
        [utf8(name) for name in arguments.names],
        out=Path(arguments.out) if arguments.out else None,
        form=arguments.format,
        split=utf8(arguments.split),
        off_topic=[utf8(answer) for answer in arguments.off_topic],
        grounded_only=arguments.grounded_only,
        progress=console(),
    )
    payload = report.to_json()
    return Result(payload, presenting.imported(payload))


def retrain(settings: Settings, arguments: argparse.Namespace) -> Result:
    from core.bootstrap import Inhouse
    from finetune import recipe_file, tuning

    recipe = Path(arguments.recipe) if arguments.recipe else None
    if recipe and arguments.kind == tuning.KIND:  # whose recipe is a section of the settings
        changed = recipe_file.with_recipe(settings.finetune, recipe)
        settings, recipe = settings.model_copy(update={"finetune": changed}), None
    with closing(Inhouse(settings)) as inhouse:
        report = tuning.retrain(
            inhouse,
            kind=arguments.kind,
            base=arguments.base,
            dataset=Path(arguments.dataset) if arguments.dataset else None,
            recipe=recipe,
            progress=console(),
        )
    payload = report.to_json()
    return Result(payload, presenting.retrained(payload))


def evaluate(settings: Settings, arguments: argparse.Namespace) -> Result:
    from eval import evaluation
    from eval.report import table
    from service import learned
    from service.forgetting import regression_of

    arms = [arm.strip() for arm in arguments.arms.split(",") if arm.strip()]
    if not arms:
        raise InvalidInputError("No arm was named: try --arms base,tuned.")
    training = Path(arguments.training) if arguments.training else None
    held_out = arguments.questions == learned.HELD_OUT
    report = evaluation.evaluate(
        settings,
        questions=learned.write_held_out(settings) if held_out else Path(arguments.questions),
        arms=arms,
        training=training,
        learned=learned.learned_by(settings, arms, training),
        ratings=learned.ratings(settings),
        regression=regression_of if arguments.regression else None,
        off_topic=[utf8(answer) for answer in arguments.off_topic],
        progress=console(),
    )
    payload = report.to_json()
    return Result(payload, f"{table(report)}\nReport: {report.report / 'report.html'}")


def models(settings: Settings, arguments: argparse.Namespace) -> Result:
    from service import adapters

    registry = adapters.registry_of(settings)
    if arguments.action == "export":
        from finetune import export as exports

        exported = exports.export(registry.get(arguments.id), Path(arguments.to), arguments.form, settings)
        return Result(exported.to_json(), presenting.model_exported(exported.to_json()))
    if arguments.action == "activate":
        registry.activate(arguments.id)
    elif arguments.action == "rollback":
        registry.rollback(arguments.kind)
    payload = {"models": adapters.models_json(registry)}
    return Result(payload, presenting.models(payload))


def status(settings: Settings, arguments: argparse.Namespace) -> Result:
    from core.index.index import Index
    from core.models.embedder import PACKAGED_NAME
    from service import adapters

    # The catalogue can be read without the embedding model, which takes seconds to load.
    with closing(Index.open(settings, embedder_name=settings.models.embedder, dimension=0)) as index:
        documents = index.documents()
        payload = {
            "data_dir": str(settings.data_dir.resolve()),
            "index_version": index.version,
            "documents": len(documents),
            "chunks": index.count_chunks(),
            "folders": sorted({document.root for document in documents}),
            "last_indexed": _when(max((document.indexed_at for document in documents), default=None)),
            "changed_files": sum(_changed(document) for document in documents),
            "embedder": index.built_with or settings.models.embedder or PACKAGED_NAME,
            "generator": settings.generator,
            "adapter": settings.models.reader_adapter or adapters.ActiveAdapters(settings)() or "shipped",
            "adapters": len(adapters.registry_of(settings).list()),
            "jobs": _unfinished_jobs(settings),
        }
    return Result(payload, presenting.status(payload))


def _when(seconds: float | None) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds") if seconds else "never"


def _changed(document: IndexedDocument) -> bool:
    """True where the file is gone, or is not the one of size and date that was indexed."""
    if not document.mtime_ns:  # a row of a table, which has no date
        return False
    try:
        stat = document.path.stat()
    except OSError:
        return True
    return (stat.st_size, stat.st_mtime_ns) != (document.size, document.mtime_ns)


def export(settings: Settings, arguments: argparse.Namespace) -> Result:
    from service import exporting

    report = exporting.export(
        settings,
        Path(arguments.file),
        arguments.to,
        since=arguments.since,
        rated_only=arguments.rated_only,
    )
    payload = report.to_json()
    return Result(payload, presenting.exported(payload))


def log(settings: Settings, arguments: argparse.Namespace) -> Result:
    from service import retention

    purged = retention.purge_log(
        settings,
        before=arguments.before,
        conversation_id=utf8(arguments.conversation),
        key_id=utf8(arguments.key),
    )
    payload = asdict(purged)
    return Result(payload, presenting.purged(payload))


def keys(settings: Settings, arguments: argparse.Namespace) -> Result:
    from service.database import Database
    from service.keys import KeyStore, days_from_now

    with closing(Database.of(settings)) as database:
        store = KeyStore(database)
        if arguments.action == "create":
            days = arguments.expires_days
            expires = None if days is None else days_from_now(days)
            row, key = store.create(
                utf8(arguments.name), arguments.scope or ("chat",), arguments.group, expires
            )
            payload = {**row.to_json(), "key": key}
            return Result(payload, presenting.key_created(payload))
        if arguments.action == "revoke":
            payload = store.revoke(arguments.id).to_json()
            return Result(payload, f"The key {payload['id']} ({payload['name']}) is revoked.")
        payload = {"keys": [row.to_json() for row in store.all()]}
    return Result(payload, presenting.keys(payload))


def serve(settings: Settings, arguments: argparse.Namespace) -> None:
    from service import server

    server.serve(settings, host=arguments.host, port=arguments.port, as_json=arguments.json)


def worker(settings: Settings, arguments: argparse.Namespace) -> None:
    from service.jobs.worker import run_worker

    run_worker(settings)


def jobs(settings: Settings, arguments: argparse.Namespace) -> Result:
    with _jobs_of(settings) as known:
        if arguments.action == "list":
            payload = {"jobs": [job.to_json() for job in known.list()]}
            return Result(payload, presenting.jobs(payload))
        job = known.cancel(arguments.id) if arguments.action == "cancel" else known.get(arguments.id)
        payload = {**job.to_json(), "lines": [line.to_json() for line in known.lines(job.id)]}
    return Result(payload, presenting.job(payload))


@contextmanager
def _jobs_of(settings: Settings) -> Iterator[Jobs]:
    from service.database import Database
    from service.jobs.records import Jobs

    with closing(Database.of(settings)) as database:
        yield Jobs(database)


def _unfinished_jobs(settings: Settings) -> list[dict[str, Any]]:
    """Nothing, and no database made, where there is none yet."""
    if not settings.database_url and not settings.database.exists():
        return []
    with _jobs_of(settings) as known:
        return [job.to_json() for job in (*known.in_state("running"), *known.in_state("queued"))]


def utf8(text: str) -> str:
    """Command-line text that is not valid UTF-8 holds surrogates, which no store accepts."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInputError("The text is not valid UTF-8.") from error
    return text


COMMANDS: dict[str, Callable[[Settings, argparse.Namespace], Result | None]] = {
    "reindex": reindex,
    "search": search,
    "ask": ask,
    "generate-qa": generate_qa,
    "import-qa": import_qa,
    "retrain": retrain,
    "evaluate": evaluate,
    "models": models,
    "export": export,
    "log": log,
    "keys": keys,
    "status": status,
    "serve": serve,
    "worker": worker,
    "jobs": jobs,
}
