"""What the recipes of generating models share: the weights to train, the arguments, and a trainer that judges
by the task and can go on after it was killed.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.progress import Progress, silent
from finetune.generating_data import Example, score
from finetune.recipes.plan import Plan, plan_of
from finetune.recipes.recipe import Recipe
from finetune.recipes.sampling import LengthSorted

if TYPE_CHECKING:
    from core.models.local import LocalModel

PAD_TO = 8  # each new shape costs a CPU buffers of its own
_WRITTEN_AT_ONCE = 16  # completions of an evaluation
_MORE_TOKENS = 8  # that a completion may take beyond the longest one to learn
_BEST = "eval_score"


@dataclass(frozen=True, slots=True)
class Trained:
    """How a run went; the adapter, or the whole model of the method `full`, is in its folder."""

    plan: Plan
    steps: int
    seconds: float
    loss_first: float  # at the first and the last evaluation's end
    loss_last: float
    score: float  # of the best checkpoint: share of held-out completions that are right; 0 without any
    stop_rate: float  # share of them that ended by themselves
    best_step: int
    stopped_early: bool
    tokens_per_second: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def trainable(local: LocalModel, recipe: Recipe) -> Any:
    """The model with the weights to train, dropout of the base off. Seeded: the same recipe gives the same
    start.
    """
    import torch
    from transformers import set_seed

    set_seed(recipe.seed)
    model = local.model
    for module in model.modules():  # random numbers for dropout cost as much as a small model
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        for name in ("dropout", "attention_dropout"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, 0.0)
    if recipe.method == "full":
        return model.float()
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,  # type: ignore[arg-type]  # any number does
        lora_dropout=recipe.dropout,
        target_modules=list(recipe.targets) or "all-linear",
        use_rslora=recipe.method == "rslora",
        use_dora=recipe.method == "dora",
        task_type="SEQ_2_SEQ_LM" if local.encoder_decoder else "CAUSAL_LM",
    )
    return get_peft_model(model, config)


def planned(model: Any, examples: Sequence[Example], recipe: Recipe, progress: Progress) -> Plan:
    """The plan, told. Raises InvalidInputError where there is nothing to learn."""
    import torch
    from accelerate import PartialState

    state = PartialState(cpu=not torch.cuda.is_available())  # as the trainer will make it
    plan = plan_of(model, examples, recipe, devices=state.num_processes)
    progress("plan", 1, 1, plan.text())
    return plan


def arguments(recipe: Recipe, plan: Plan, folder: Path, *, measured: bool) -> dict[str, Any]:
    """Of TrainingArguments, the same for every kind."""
    import torch

    from core.models.precision import inference_dtype

    epoch = max(1, -(-plan.examples // (plan.micro_batch * plan.accumulated)))
    every = max(1, epoch // recipe.evaluations_per_epoch)
    cuda = torch.cuda.is_available()
    return {
        "output_dir": str(folder),
        "per_device_train_batch_size": plan.micro_batch,
        "gradient_accumulation_steps": plan.accumulated,
        "learning_rate": recipe.learning_rate,
        "num_train_epochs": recipe.epochs,
        "lr_scheduler_type": "cosine",
        "warmup_steps": recipe.warm_up,  # below 1: a share
        "weight_decay": recipe.weight_decay,
        "max_grad_norm": recipe.clip,
        "bf16": inference_dtype() == torch.bfloat16,
        "gradient_checkpointing": recipe.checkpointing,
        "use_cpu": not cuda,
        "dataloader_pin_memory": cuda,
        "seed": recipe.seed,
        "data_seed": recipe.seed,
        "eval_strategy": "steps" if measured else "no",
        "eval_steps": every,
        "save_strategy": "steps",
        "save_steps": every,
        "save_total_limit": 2,  # the best and the last
        "load_best_model_at_end": measured,
        "metric_for_best_model": _BEST if measured else None,
        "greater_is_better": True if measured else None,
        "logging_steps": every,
        "report_to": list(recipe.report_to) or "none",
        "disable_tqdm": True,
    }


def judged_by_task(
    base: type,
    local: LocalModel,
    recipe: Recipe,
    examples: Sequence[Example],
    held_out: Sequence[Example],
    progress: Progress,
) -> type:
    """The trainer class, which takes batches by length, and whose evaluation writes the completions of the
    held-out examples greedily.
    """

    class Judged(base):  # type: ignore[misc]  # SFTTrainer or Seq2SeqTrainer
        def evaluate(
            self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
        ) -> dict[str, float]:
            network = self.accelerator.unwrap_model(self.model)
            found = judge(network, local, held_out, progress)
            metrics = {f"{metric_key_prefix}_{name}": value for name, value in found.items()}
            self.log(metrics)
            control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
            self.control: Any = control
            return metrics

        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            if not recipe.length_sorted:
                return super()._get_train_sampler(train_dataset)
            lengths = [example.length for example in examples]
            return LengthSorted(lengths, self.args.per_device_train_batch_size, recipe.seed)

        def create_model_card(self, *_: Any, **__: Any) -> None:
            """An adapter is described by its own card."""

    return Judged


def judge(
    network: Any, local: LocalModel, examples: Sequence[Example], progress: Progress = silent
) -> dict[str, float]:
    """Of greedily written completions: `score`, `refused` (of refusals), `answered_f1`, `stopped`."""
    if not examples:
        return {"score": 0.0, "stopped": 0.0}
    training = network.training
    network.train(False)
    try:
        written = list(_write(network, local, examples, progress))
    finally:
        network.train(training)
    values = [score(text, example) for example, (text, _) in zip(examples, written, strict=True)]
    found = {
        "score": sum(values) / len(values),
        "stopped": sum(stopped for _, stopped in written) / len(written),
    }
    for name, kind in (("refused", "refusal"), ("answered_f1", "answer")):
        of_kind = [value for value, example in zip(values, examples, strict=True) if example.kind == kind]
        if of_kind:
            found[name] = sum(of_kind) / len(of_kind)
    return {name: round(value, 4) for name, value in found.items()}


def _write(
    network: Any, local: LocalModel, examples: Sequence[Example], progress: Progress
) -> Iterator[tuple[str, bool]]:
    """(text, whether it ended by itself) of each example, several at once, padded on the left."""
    import torch

    pad = local.tokenizer.pad_token_id
    pad = local.tokenizer.eos_token_id if pad is None else pad
    most = max(len(example.completion) for example in examples) + _MORE_TOKENS
    ends = set(local.end_tokens)
    for start in range(0, len(examples), _WRITTEN_AT_ONCE):
        part = examples[start : start + _WRITTEN_AT_ONCE]
        longest = max(len(example.prompt) for example in part)
        ids = torch.tensor([[pad] * (longest - len(row.prompt)) + [*row.prompt] for row in part])
        mask = torch.tensor([[0] * (longest - len(row.prompt)) + [1] * len(row.prompt) for row in part])
        with torch.no_grad():
            found = network.generate(
                input_ids=ids.to(network.device),
                attention_mask=mask.to(network.device),
                max_new_tokens=most,
                do_sample=False,
                use_cache=True,
                pad_token_id=pad,
                eos_token_id=local.end_tokens or None,
            )
        for row in found[:, 1 if local.encoder_decoder else longest :].tolist():
            yield local.tokenizer.decode(row, skip_special_tokens=True).strip(), bool(ends & set(row))
        progress("judge by held-out answers", start + len(part), len(examples))


def callbacks(recipe: Recipe, held_out: Sequence[Example], progress: Progress) -> list[Any]:
    from transformers import EarlyStoppingCallback

    return [_told(progress), *([EarlyStoppingCallback(recipe.patience)] if held_out else [])]


def _told(progress: Progress) -> Any:
    """A callback that hands on how far training is."""
    from transformers import TrainerCallback

    class Told(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            progress("train", state.global_step, state.max_steps)

    return Told()


def run(trainer: Any, plan: Plan, local: LocalModel, out: Path) -> Trained:
    """Trains, from the last whole checkpoint of the trainer's folder if there is one, and saves the best."""
    folder = Path(trainer.args.output_dir)
    started = time.monotonic()
    checkpoint = last_checkpoint(folder)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    seconds = time.monotonic() - started
    if trainer.is_world_process_zero():
        _save(trainer.accelerator.unwrap_model(trainer.model), local, out)
    state = trainer.state
    losses = [row["loss"] for row in state.log_history if "loss" in row]
    judged = [row for row in state.log_history if _BEST in row]
    best: dict[str, Any] = max(judged, key=lambda row: row[_BEST], default={})
    begun = int(checkpoint.name.rsplit("-", 1)[1]) if checkpoint else 0
    computed = plan.costs.tokens * (state.global_step - begun) / max(1, state.max_steps)
    return Trained(
        plan=plan,
        steps=state.global_step,
        seconds=round(seconds, 1),
        loss_first=round(losses[0], 4) if losses else 0.0,
        loss_last=round(losses[-1], 4) if losses else 0.0,
        score=float(best.get(_BEST, 0.0)),
        stop_rate=float(best.get("eval_stopped", 0.0)),
        best_step=int(best.get("step", state.global_step)),
        stopped_early=state.global_step < state.max_steps,
        tokens_per_second=round(computed / max(seconds, 1e-9), 1),
    )


def last_checkpoint(folder: Path) -> Path | None:
    """The newest whole one; one that a kill tore is removed. The trainer's state is written last."""
    checkpoints = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rsplit("-", 1)[1]))
    for checkpoint in reversed(checkpoints):
        try:
            json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            shutil.rmtree(checkpoint)
            continue
        return checkpoint
    return None


def _save(model: Any, local: LocalModel, out: Path) -> None:
    """The adapter, or the whole model, without this machine's paths."""
    out.mkdir(parents=True, exist_ok=True)
    if hasattr(model, "peft_config"):
        model.peft_config["default"].base_model_name_or_path = local.shown_name
        model.save_pretrained(str(out), save_embedding_layers=False)  # else it asks a hub for the base
    else:
        model.save_pretrained(str(out))
        local.tokenizer.save_pretrained(str(out))
    (out / "README.md").unlink(missing_ok=True)  # an empty template
