"""Next-token training from nothing, on packed windows, in bf16 where the processor has it.

A run that was killed goes on from its last checkpoint bit by bit. Its length is a number of tokens, or
a time: then each checkpoint plans the steps anew by the pace so far, and keeps the plan with the weights.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core.errors import InvalidInputError
from core.models.heaps import keep_freed_memory
from core.models.precision import inference_dtype
from core.progress import Progress, silent
from finetune.pretraining.log import Log
from finetune.pretraining.model import optimizers, untrained
from finetune.pretraining.packing import Packed, order, rows
from finetune.pretraining.recipe import ModelRecipe
from finetune.recipes.checkpoint import Checkpoints

_PACED = 5  # steps before the pace is known


@dataclass
class _Run:
    """What changes while it runs; `seconds` are those of all sittings."""

    model: Any
    optimizers: list[Any]
    steps: int  # planned in all
    step: int = 0
    seconds: float = 0.0
    first_seconds: float = 0.0  # of the first step, which may compile the network
    losses: list[float] = field(default_factory=list)  # since the last measurement

    def state(self) -> dict[str, Any]:
        return {
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "steps": self.steps,
            "step": self.step,
            "seconds": self.seconds,
            "first_seconds": self.first_seconds,
            "losses": self.losses,
            "generator": torch.get_rng_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.steps, self.step, self.seconds = state["steps"], state["step"], state["seconds"]
        self.first_seconds, self.losses = state["first_seconds"], state["losses"]
        torch.set_rng_state(state["generator"])


def pretrain(
    recipe: ModelRecipe, data: Packed, out: Path, *, minutes: float = 0, progress: Progress = silent
) -> Path:
    """The folder of the model in float32, which `out` holds with `pretraining.jsonl`.

    `minutes` bound the run where the recipe names no tokens. Raises InvalidInputError where neither is given,
    or the data are too few.
    """
    steps = _planned(recipe, minutes)
    keep_freed_memory()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = untrained(recipe.shape, data.tokenizer, recipe.pretraining.seed).to(device)
    run = _Run(model, optimizers(model, recipe.pretraining), steps)
    key = f"{data.key} {recipe.pretraining_key()}"
    checkpoints = Checkpoints(out / "checkpoint", key, recipe.pretraining.checkpoint_s)
    if state := checkpoints.load():
        run.restore(state)
    _Trainer(
        recipe, data, run, checkpoints, minutes, Log(out / "pretraining.jsonl", run.step), progress
    ).run()
    folder = out / "pretrained"
    model.save_pretrained(str(folder))
    data.tokenizer.save_pretrained(str(folder))
    return folder


def _planned(recipe: ModelRecipe, minutes: float) -> int:
    if recipe.pretraining.tokens:
        return max(1, recipe.pretraining.tokens // (recipe.pretraining.batch * recipe.pretraining.window))
    if minutes <= 0:
        raise InvalidInputError("Say how long: pretraining.tokens in the recipe, or --minutes.")
    return 0  # until the pace is known


@dataclass
class _Trainer:
    recipe: ModelRecipe
    data: Packed
    state: _Run
    checkpoints: Checkpoints
    minutes: float
    log: Log
    progress: Progress

    def __post_init__(self) -> None:
        self.settings = self.recipe.pretraining
        self.windows = len(self.data.train) // self.settings.window
        self.measured = min(self.settings.measured_rows, len(self.data.held_out) // self.settings.window)
        if not self.windows or not self.measured:
            raise InvalidInputError(
                f"{len(self.data.train)} tokens to learn from and {len(self.data.held_out)} held out are too "
                f"few for windows of {self.settings.window}."
            )
        model = self.state.model
        self.network = torch.compile(model) if self.settings.compiled else model

    def run(self) -> None:
        state = self.state
        before, started = state.seconds, time.monotonic()
        while not state.steps or state.step < state.steps:
            loss = self._learn()
            state.step += 1
            state.seconds = before + time.monotonic() - started
            state.first_seconds = state.first_seconds or state.seconds
            if not state.steps and state.step >= _PACED:
                self._plan()
            if state.step % self.settings.every == 0 or state.step == state.steps:
                self._measure()
            if self.checkpoints.due():
                self._plan()
                self.checkpoints.save(state.state())
            self.progress("pretrain", state.step, state.steps, f"loss {loss:.3f}")
        self.checkpoints.save(state.state())

    def _plan(self) -> None:
        """By the pace so far, measurements included; a number of tokens stays as it is."""
        if not self.settings.tokens:
            pace = (self.state.seconds - self.state.first_seconds) / max(1, self.state.step - 1)
            left = max(0.0, self.minutes * 60 - self.state.seconds)
            self.state.steps = self.state.step + math.ceil(left / pace)

    def _learn(self) -> float:
        """One step; its loss."""
        settings, state = self.settings, self.state
        rate = learning_rate(state.step, state.steps, recipe=self.recipe)
        for group in (group for optimizer in state.optimizers for group in optimizer.param_groups):
            group["lr"] = rate
        numbers = order(self.windows, settings.seed, state.step, settings.batch)
        total = 0.0
        for start in range(0, settings.batch, settings.micro_batch):
            some = numbers[start : start + settings.micro_batch]
            loss = self._loss(rows(self.data.train, some, settings.window)) * (len(some) / settings.batch)
            loss.backward()
            total += float(loss.detach())
        torch.nn.utils.clip_grad_norm_(state.model.parameters(), settings.clip)
        for optimizer in state.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        state.losses.append(total)
        return total

    def _loss(self, ids: np.ndarray[Any, Any]) -> Any:
        device = self.state.model.device
        tensor = torch.from_numpy(ids).to(device)
        dtype = inference_dtype()
        with torch.autocast(device.type, dtype, enabled=dtype == torch.bfloat16):
            return self.network(input_ids=tensor, labels=tensor).loss

    def _measure(self) -> None:
        """The log's next line: the mean training loss since the last one, and that of the held-out rows."""
        state, settings = self.state, self.settings
        state.model.train(False)
        numbers = np.linspace(0, len(self.data.held_out) // settings.window - 1, self.measured).astype(int)
        losses = []
        with torch.no_grad():
            for start in range(0, len(numbers), settings.micro_batch):
                some = numbers[start : start + settings.micro_batch]
                ids = rows(self.data.held_out, some.tolist(), settings.window)
                losses += [float(self._loss(ids))] * len(some)
        state.model.train(True)
        pace = state.step * settings.batch * settings.window / max(state.seconds, 1e-9)
        self.log.write(
            step=state.step,
            tokens=state.step * settings.batch * settings.window,
            loss=round(sum(state.losses) / len(state.losses), 4),
            held_out_loss=round(sum(losses) / len(losses), 4),
            learning_rate=round(learning_rate(max(0, state.step - 1), state.steps, recipe=self.recipe), 7),
            tokens_per_second=round(pace, 1),
            seconds=round(state.seconds, 1),
            seconds_left=round((state.steps - state.step) * state.seconds / state.step, 1),
        )
        state.losses = []


def learning_rate(step: int, steps: int, *, recipe: ModelRecipe) -> float:
    """Linear warm-up, then a half cosine down to the final share. `steps` 0: not planned yet."""
    settings = recipe.pretraining
    if step < settings.warm_up or not steps:
        return settings.learning_rate * min(1.0, (step + 1) / max(1, settings.warm_up))
    done = min(1.0, (step - settings.warm_up) / max(1, steps - settings.warm_up))
    share = settings.final_share + (1 - settings.final_share) * 0.5 * (1 + math.cos(math.pi * done))
    return settings.learning_rate * share
