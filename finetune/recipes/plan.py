"""What a training run will take, told before it starts: weights, memory, arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import InvalidInputError
from finetune.estimate import Estimate, estimate
from finetune.recipes.recipe import Recipe

if TYPE_CHECKING:
    import torch

    from finetune.generating_data import Example


@dataclass(frozen=True, slots=True)
class Plan:
    costs: Estimate  # of all epochs, padding not counted in its tokens
    examples: int
    trained_share: float  # of the tokens that the loss is taken over
    micro_batch: int  # examples computed at once on a device
    accumulated: int  # micro-batches a step

    def text(self) -> str:
        return (
            f"{self.examples} examples, the loss over {self.trained_share:.1%} of their tokens; "
            f"{self.costs.line()}"
        )


def trained_share(examples: Sequence[Example]) -> float:
    """Tokens that the loss is taken over, those of completions, among all.

    Raises InvalidInputError at 0 and at 100%, where nothing would be learned or nothing is asked.
    """
    trained = sum(len(example.completion) for example in examples)
    whole = sum(example.length for example in examples)
    if not examples or trained == 0:
        raise InvalidInputError("Nothing would be learned: no example has a completion (0% trained tokens).")
    if trained == whole:
        raise InvalidInputError(
            "All tokens would be trained (100%): the examples have no prompts, so that nothing is asked."
        )
    return trained / whole


def check_ends(examples: Sequence[Example], end_token: int) -> None:
    """Raises InvalidInputError where a completion does not end with the end mark: it would teach never to
    stop.
    """
    for example in examples:
        if not example.completion or example.completion[-1] != end_token:
            raise InvalidInputError(
                f"The completion {example.target[:80]!r} does not end with the end mark of the tokenizer "
                f"({end_token}): the model would never learn to stop."
            )


def plan_of(model: torch.nn.Module, examples: Sequence[Example], recipe: Recipe, *, devices: int = 1) -> Plan:
    """Of a run over all epochs. Activations that are computed twice (`checkpointing`) need less memory."""
    micro, accumulated = micro_batches(examples, recipe, devices)
    longest = max(example.length for example in examples)
    tokens = round(sum(example.length for example in examples) * recipe.epochs)
    costs = estimate(model, tokens=tokens, batch_tokens=micro * longest, sequence=longest)
    return Plan(costs, len(examples), trained_share(examples), micro, accumulated)


def micro_batches(examples: Sequence[Example], recipe: Recipe, devices: int) -> tuple[int, int]:
    """(examples at once on a device, micro-batches a step), whose product is about the recipe's batch."""
    longest = max((example.length for example in examples), default=1)
    a_device = max(1, round(recipe.batch / devices))
    accumulated = -(-a_device * longest // recipe.micro_tokens)
    micro = max(1, -(-a_device // accumulated))
    return micro, -(-a_device // micro)
