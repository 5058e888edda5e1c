"""Tunes a generating model on questions about the indexed documents, and promotes the adapter only if it is
better than what serves now.

dataset -> split by document -> examples as served -> LoRA -> both arms on held-out questions -> registry
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import AdapterMismatchError, ConfigurationError, InvalidInputError
from core.models.encoding import window_of
from core.models.generators import LocalGenerator, load_local
from core.progress import Progress, silent
from core.settings import Settings
from core.types import QAPair
from finetune import datasets, promotion, regression
from finetune.generating_data import Example, ExampleMaker, Examples, mix
from finetune.recipes.recipe import Recipe, load_recipe
from finetune.registry import Registry
from finetune.tuning import RetrainReport, sample

if TYPE_CHECKING:
    from core.bootstrap import Inhouse
    from core.models.local import LocalModel
    from finetune.recipes.training import Trained

RUN = "run.json"  # in the folder of a model of its own: what the registry says of an adapter
Regress = Callable[["Inhouse", LocalGenerator, Settings, str, Progress], list[promotion.Outcome]]
_PACKAGES = ("torch", "transformers", "peft", "trl", "accelerate", "datasets")


@dataclass(frozen=True, slots=True)
class _Parts:
    """What the pairs were made into."""

    learned: Examples
    judged: Examples  # of other documents than those learned from: they choose the checkpoint
    held_out: list[QAPair]  # of yet others: they decide on promotion
    seen: list[QAPair]  # the pairs of the first two


def retrain_generating(
    inhouse: Inhouse,
    pairs: Sequence[QAPair],
    *,
    kind: str,
    base: str | None = None,
    recipe: Recipe | Path | None = None,
    progress: Progress = silent,
    regress: Regress | None = regression.written_by,
) -> RetrainReport:
    """Tunes `base` (a model id or folder; the configured model where None) for `kind`: causal or seq2seq.

    A run of the same model, examples and recipe that was killed is gone on from. The method `full` makes a
    model of its own, which is measured, and served only when the settings name it. Without `regress` nothing
    is asked about another handbook. Raises ConfigurationError
    where no model is named or it is of the other kind, InvalidInputError where there is too little to learn
    from or to measure by, and ModelError.
    """
    started = time.monotonic()
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(kind, recipe)
    _check_packages(recipe)
    settings = _serving(inhouse.settings, base)
    local = load_local(settings)
    if local.kind != kind:
        raise ConfigurationError(
            f"{local.shown_name} is a {local.kind} model: use `--kind {local.kind}`, or name another model "
            "by INHOUSE_MODELS__MODEL."
        )
    generator = LocalGenerator(settings, local)
    parts = _parts(pairs, inhouse, generator, recipe, progress)
    checkpoints = settings.data_dir / "training" / f"{kind}-{_digest(local, parts, recipe)}"
    settings.adapters_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.adapters_dir, prefix=".training-") as temporary:
        out = Path(temporary) / "adapter"
        trained = _train(kind, local, parts, out, checkpoints, recipe, progress)
        if not _is_first_process():
            seconds = round(time.monotonic() - started, 1)
            return RetrainReport("", False, "Trained along; the first process measures.", {}, seconds)
        generator.card.write(out)
        promoted, reason, metrics = _measure(
            inhouse, settings, parts.held_out, out, recipe, regress, progress
        )
        metrics |= {"training": trained.to_json(), "pairs": _counts(parts)}
        datasets.save(out / datasets.LEARNED, parts.seen)
        run: dict[str, Any] = {
            "kind": kind,
            "base": local.shown_name,
            "base_hash": local.fingerprint,
            "metrics": metrics,
            "recipe": recipe.model_dump(mode="json"),
            "prompt_hash": generator.prompt_hash,
            "data_hash": datasets.data_hash(pairs),
            "environment": {name: metadata.version(name) for name in _PACKAGES},
        }
        if recipe.method == "full":
            (out / RUN).write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")
            model = _keep_model(out, settings, kind)
            told = reason.removeprefix("Promoted: ").removeprefix("Not promoted: ")
            reason = f"A model of its own, which serves by INHOUSE_MODELS__MODEL={model}: {told}"
            promoted, adapter = False, model.name
        else:
            adapter = Registry(settings.adapters_dir).add(out, **run)
    if (events := checkpoints / "runs").is_dir():  # TensorBoard's
        kept = settings.data_dir / "runs" / adapter
        kept.parent.mkdir(exist_ok=True)
        shutil.move(str(events), kept)
    shutil.rmtree(checkpoints, ignore_errors=True)
    if promoted:
        Registry(settings.adapters_dir).activate(adapter)
    return RetrainReport(adapter, promoted, reason, metrics, round(time.monotonic() - started, 1))


def _check_packages(recipe: Recipe) -> None:
    if missing := [name for name in _PACKAGES if find_spec(name) is None]:
        raise ConfigurationError(
            f"Tuning a generating model needs {', '.join(missing)}: pip install 'inhouse[tuning]'.",
            code="package_missing",
        )
    if missing := [name for name in recipe.report_to if find_spec(name) is None]:
        raise ConfigurationError(
            f"report_to names {', '.join(missing)}, which is not installed: pip install {' '.join(missing)}.",
            code="package_missing",
        )


def _serving(settings: Settings, base: str | None) -> Settings:
    models = settings.models.model_copy(update={"model": base} if base else {})
    return settings.model_copy(update={"generator": "transformers", "models": models})


def _parts(
    pairs: Sequence[QAPair], inhouse: Inhouse, generator: LocalGenerator, recipe: Recipe, progress: Progress
) -> _Parts:
    share, seed = inhouse.settings.finetune.test_share, inhouse.settings.finetune.seed
    learned, held_out = datasets.split_by_document(pairs, share, seed)
    try:
        learned, judged = datasets.split_by_document(learned, share, seed + 1)
    except InvalidInputError:  # too few documents: the last checkpoint is taken
        judged = []
    local, wanted = generator.local, inhouse.settings.models.context_tokens
    window = window_of(local.model.config, local.tokenizer, wanted)
    maker = ExampleMaker(inhouse, generator.encoder, recipe, window)
    fewer = recipe.model_copy(update={"examples": recipe.measured_on})
    return _Parts(
        maker.make(mix(learned, inhouse, recipe), progress),
        maker.make(mix(judged, inhouse, fewer), progress, "collect passages to judge by"),
        held_out,
        [*learned, *judged],
    )


def _digest(local: LocalModel, parts: _Parts, recipe: Recipe) -> str:
    """Names a run by all that its weights depend on."""
    rows = [
        [example.prompt, example.completion] for example in (*parts.learned.examples, *parts.judged.examples)
    ]
    named = [local.fingerprint, recipe.model_dump(mode="json"), rows]
    return hashlib.sha256(json.dumps(named).encode()).hexdigest()[:12]


def _train(
    kind: str,
    local: LocalModel,
    parts: _Parts,
    out: Path,
    checkpoints: Path,
    recipe: Recipe,
    progress: Progress,
) -> Trained:
    learned: list[Example] = parts.learned.examples
    if kind == "causal":
        from finetune.recipes.causal import train_causal as train
    else:
        from finetune.recipes.seq2seq import train_seq2seq as train
    return train(
        local,
        learned,
        parts.judged.examples,
        out=out,
        checkpoints=checkpoints,
        recipe=recipe,
        progress=progress,
    )


def _is_first_process() -> bool:
    """True but in the further processes of `accelerate launch`."""
    from accelerate import PartialState

    return bool(PartialState().is_main_process)


def _measure(
    inhouse: Inhouse,
    settings: Settings,
    held_out: Sequence[QAPair],
    tuned: Path,
    recipe: Recipe,
    regress: Regress | None,
    progress: Progress,
) -> tuple[bool, str, dict[str, Any]]:
    """(promote, why, figures) of what was tuned against what serves now, both loaded anew."""
    base = LocalGenerator(settings, load_local(settings))
    if recipe.method == "full":
        new = LocalGenerator(settings, load_local(_serving(settings, str(tuned))))
    else:
        new = base.tuned("tuned", tuned)
    seed = settings.finetune.seed
    asked = sample(held_out, seed)
    plain = inhouse.answerer
    models = {"current": _current(base, settings.adapters_dir), "tuned": new}
    before, after = (
        promotion.ask_all(replace(plain, settings=settings, generator=model), asked, name, progress)
        for name, model in models.items()
    )
    summaries = promotion.summary(before), promotion.summary(after)
    gain = promotion.difference(before, after, seed)
    promoted, reason = promotion.decide(*summaries, gain)
    metrics: dict[str, Any] = {"base": summaries[0], "tuned": summaries[1], "difference": asdict(gain)}
    if promoted and regress:
        elsewhere = [
            promotion.summary(regress(inhouse, model, settings, name, progress))
            for name, model in models.items()
        ]
        promoted, loss = promotion.kept(*elsewhere)
        reason = loss or reason
        metrics["regression"] = {"base": elsewhere[0], "tuned": elsewhere[1]}
    return promoted, reason, metrics


def _current(base: LocalGenerator, adapters: Path) -> LocalGenerator:
    """With the active adapter, where there is one that fits the model."""
    active = Registry(adapters).active(base.local.kind)
    if active is None:
        return base
    try:
        return base.tuned(active.id, active.path)
    except AdapterMismatchError:
        return base


def _keep_model(out: Path, settings: Settings, kind: str) -> Path:
    folder = settings.data_dir / "models"
    folder.mkdir(parents=True, exist_ok=True)
    free = next(place for n in count(1) if not (place := folder / f"{kind}-{n}").exists())
    return Path(shutil.move(str(out), free))


def _counts(parts: _Parts) -> dict[str, Any]:
    return {
        "learned": len(parts.learned.examples),
        "judged": len(parts.judged.examples),
        "held_out": len(parts.held_out),
        "dropped": parts.learned.dropped,
    }
