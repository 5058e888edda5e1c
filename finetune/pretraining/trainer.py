"""A training loop that goes on bit by bit after it was killed, for a number of tokens or for a time.

Where it is a time, each checkpoint plans the steps anew by the pace so far, and keeps the plan with the
weights.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch

from core.errors import InvalidInputError
from core.models.heaps import keep_freed_memory
from core.models.precision import inference_dtype
from core.progress import Progress, silent
from finetune.pretraining.log import Log
from finetune.pretraining.model import optimizers
from finetune.pretraining.recipe import StepsRecipe
from finetune.recipes.checkpoint import Checkpoints

_PACED = 5  # steps before the pace is known


class Material(Protocol):
    """What is learned. A step's batches are a function of its number alone."""

    def batches(self, step: int) -> Iterator[tuple[float, Any]]:
        """(share of the step, what is computed at once)."""

    def loss(self, network: Any, batch: Any) -> Any:
        """The mean loss of what `batches` gave, a scalar in nats a token."""

    def measured(self, network: Any) -> dict[str, float]:
        """Of what is held out, for the log."""


@dataclass
class _State:
    """What changes while it runs; `seconds` are those of all sittings."""

    model: Any
    optimizers: list[Any]
    steps: int  # planned in all; 0 until the pace is known
    step: int = 0
    seconds: float = 0.0
    first_seconds: float = 0.0  # of the first step, which may compile the network
    losses: list[float] = field(default_factory=list)  # since the last measurement

    def saved(self) -> dict[str, Any]:
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


def check_length(recipe: StepsRecipe, stage: str, minutes: float) -> None:
    """Raises InvalidInputError where neither tokens nor minutes are given."""
    if not recipe.tokens and minutes <= 0:
        raise InvalidInputError(f"Say how long: {stage}.tokens in the recipe, or --minutes.")


def train(
    model: Any,
    material: Material,
    recipe: StepsRecipe,
    out: Path,
    stage: str,
    *,
    key: str,
    minutes: float = 0,
    progress: Progress = silent,
) -> None:
    """Changes `model`, and writes `out/{stage}.jsonl`. `key` names the data and what the model was before.

    `minutes` bound the run where the recipe names no tokens; `check_length` has been asked.
    """
    keep_freed_memory()
    model.to(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    state = _State(model, optimizers(model, recipe), recipe.tokens // recipe.step_tokens)
    if recipe.tokens:
        state.steps = max(1, state.steps)
    checkpoints = Checkpoints(out / "checkpoints" / stage, key, recipe.checkpoint_s)
    if saved := checkpoints.load():
        state.restore(saved)
    log = Log(out / f"{stage}.jsonl", state.step)
    _Trainer(material, recipe, state, checkpoints, minutes, log, stage, progress).run()


@dataclass
class _Trainer:
    material: Material
    recipe: StepsRecipe
    state: _State
    checkpoints: Checkpoints
    minutes: float
    log: Log
    stage: str
    progress: Progress

    def __post_init__(self) -> None:
        model = self.state.model
        self.network = torch.compile(model) if self.recipe.compiled else model

    def run(self) -> None:
        state = self.state
        before, started = state.seconds, time.monotonic()
        while not state.steps or state.step < state.steps:
            loss = self._learn()
            state.step += 1
            state.seconds = before + time.monotonic() - started
            state.first_seconds = state.first_seconds or state.seconds
            due = self.checkpoints.due()
            if due or (not state.steps and state.step >= _PACED):
                self._plan()  # it may end here, so that it comes before the measurement
            if state.step % self.recipe.every == 0 or state.step == state.steps:
                self._measure()
            if due:
                self.checkpoints.save(state.saved())
            self.progress(self.stage, state.step, state.steps, f"loss {loss:.3f}")
        self.checkpoints.save(state.saved())

    def _plan(self) -> None:
        """By the pace so far, measurements included; a number of tokens stays as it is."""
        if not self.recipe.tokens:
            pace = (self.state.seconds - self.state.first_seconds) / max(1, self.state.step - 1)
            left = max(0.0, self.minutes * 60 - self.state.seconds)
            self.state.steps = self.state.step + math.ceil(left / pace)

    def _learn(self) -> float:
        """One step; its loss."""
        state = self.state
        rate = learning_rate(state.step, state.steps, self.recipe)
        for group in (group for optimizer in state.optimizers for group in optimizer.param_groups):
            group["lr"] = rate
        total = 0.0
        for share, batch in self.material.batches(state.step):
            with _number_format(state.model.device):
                loss = self.material.loss(self.network, batch) * share
            loss.backward()
            total += float(loss.detach())
        torch.nn.utils.clip_grad_norm_(state.model.parameters(), self.recipe.clip)
        for optimizer in state.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        state.losses.append(total)
        return total

    def _measure(self) -> None:
        """The log's next line: the mean training loss since the last one, and what is held out."""
        state = self.state
        state.model.train(False)
        with torch.no_grad(), _number_format(state.model.device):
            found = self.material.measured(self.network)
        state.model.train(True)
        tokens = state.step * self.recipe.step_tokens
        self.log.write(
            step=state.step,
            tokens=tokens,
            loss=round(sum(state.losses) / len(state.losses), 4),
            **{name: round(value, 4) for name, value in found.items()},
            learning_rate=round(learning_rate(max(0, state.step - 1), state.steps, self.recipe), 7),
            tokens_per_second=round(tokens / max(state.seconds, 1e-9), 1),
            seconds=round(state.seconds, 1),
            seconds_left=round((state.steps - state.step) * state.seconds / state.step, 1),
        )
        state.losses = []


def _number_format(device: torch.device) -> Any:
    dtype = inference_dtype()
    return torch.autocast(device.type, dtype, enabled=dtype == torch.bfloat16)


def learning_rate(step: int, steps: int, recipe: StepsRecipe) -> float:
    """Linear warm-up, then a half cosine down to the final share. `steps` 0: not planned yet."""
    if step < recipe.warm_up or not steps:
        return recipe.learning_rate * min(1.0, (step + 1) / max(1, recipe.warm_up))
    done = min(1.0, (step - recipe.warm_up) / max(1, steps - recipe.warm_up))
    share = recipe.final_share + (1 - recipe.final_share) * 0.5 * (1 + math.cos(math.pi * done))
    return recipe.learning_rate * share
