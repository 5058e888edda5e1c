"""What a generating model can do beside answering from documents: ARC and friends, against forgetting.

By lm-evaluation-harness, where it is installed and the data of its tasks are at hand. Nothing is downloaded
unless the settings name a model of a hub, which lets this process reach it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from core.progress import Progress, silent

if TYPE_CHECKING:
    from core.models.generators import LocalGenerator

TASKS = ("arc_easy", "arc_challenge", "hellaswag", "piqa")
LIMIT = 200  # questions of a task
PACKAGE = "lm_eval"
NOT_INSTALLED = (
    "General ability (ARC and friends) was not measured: lm-evaluation-harness is not installed "
    "(pip install lm-eval), or not with the data of its tasks."
)

Generators = Sequence[tuple[str, Callable[[], "LocalGenerator"]]]  # arm -> what it writes with


def general_ability(
    generators: Generators, tasks: Sequence[str] = TASKS, progress: Progress = silent, **options: Any
) -> dict[str, Any] | None:
    """Arm -> task -> metric -> value, and why a task was left out; None where no model of ours writes.

    `options` go to `lm_eval.simple_evaluate`.
    """
    if not generators:
        return None
    if find_spec(PACKAGE) is None:
        return {"arms": {}, "left_out": {"all": NOT_INSTALLED}}
    found: dict[str, dict[str, Any]] = {}
    left_out: dict[str, str] = {}
    for done, (arm, generator) in enumerate(generators):
        progress("general ability", done, len(generators))
        for task in [task for task in tasks if task not in left_out]:
            try:
                found.setdefault(arm, {})[task] = _scores(generator(), task, options)
            except Exception as error:  # the harness and `datasets` raise of all kinds where data are missing
                left_out[task] = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    progress("general ability", len(generators), len(generators))
    return {"arms": found, "left_out": left_out}


def _scores(generator: LocalGenerator, task: str, options: dict[str, Any]) -> dict[str, float]:
    import lm_eval
    from lm_eval.models.huggingface import HFLM

    local = generator.local
    with local.adapters.using(generator.adapter, lambda: None):
        backend = "seq2seq" if local.encoder_decoder else "causal"
        model = HFLM(pretrained=local.model, tokenizer=local.tokenizer, backend=backend)
        results = lm_eval.simple_evaluate(
            model=model,
            tasks=[task],
            **{"limit": LIMIT, "bootstrap_iters": 0, "verbosity": "ERROR"} | options,
        )
    values = results["results"][task]
    return {
        name.partition(",")[0]: round(value, 4) for name, value in values.items() if isinstance(value, float)
    }
