"""What a training run will take, told before it starts: weights, memory, arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.errors import InvalidInputError
from finetune.recipes.recipe import Recipe

if TYPE_CHECKING:
    import torch

    from finetune.generating_data import Example

_ADAM_BYTES = 12  # gradient and two moments, 4 bytes each


@dataclass(frozen=True, slots=True)
class Plan:
    parameters: int
    trainable: int
    examples: int
    tokens: int  # of all epochs, padding not counted
    trained_share: float  # of the tokens that the loss is taken over
    micro_batch: int  # examples computed at once on a device
    accumulated: int  # micro-batches a step
    memory_gb: float  # rough
    teraflop: float  # rough

    def text(self) -> str:
        return (
            f"{self.parameters / 1e6:.1f}M weights, {self.trainable / 1e6:.2f}M trained; {self.examples} "
            f"examples, {self.tokens} tokens in all epochs, {self.trained_share:.1%} of them trained; about "
            f"{self.memory_gb:.1f} GB and {self.teraflop:.3g} TFLOP"
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
    """Memory by Korthikanti et al. 2022 (arXiv 2205.05198, equation 1), arithmetic by Kaplan et al. 2020
    (arXiv 2001.08361): 2 operations a weight and token forward, twice that backward; with an adapter, the
    frozen weights' own gradients are not computed.
    """
    config: Any = model.config
    parameters = sum(weight.numel() for weight in model.parameters())
    trainable = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    held = sum(weight.numel() * weight.element_size() for weight in model.parameters())
    micro, accumulated = micro_batches(examples, recipe, devices)
    per_epoch = sum(example.length for example in examples)
    tokens = round(per_epoch * recipe.epochs)
    longest = max(example.length for example in examples)
    hidden = int(getattr(config, "hidden_size", 0) or getattr(config, "d_model", 0))
    layers = int(getattr(config, "num_hidden_layers", 0)) + int(getattr(config, "num_decoder_layers", 0) or 0)
    heads = int(getattr(config, "num_attention_heads", 0) or getattr(config, "num_heads", 0))
    half_precision_bytes = longest * micro * layers * (34 * hidden + 5 * heads * longest)
    activations = half_precision_bytes * 2 / (layers if recipe.checkpointing and layers else 1)
    return Plan(
        parameters=parameters,
        trainable=trainable,
        examples=len(examples),
        tokens=tokens,
        trained_share=trained_share(examples),
        micro_batch=micro,
        accumulated=accumulated,
        memory_gb=round((held + trainable * _ADAM_BYTES + activations) / 1e9, 2),
        teraflop=float(f"{tokens * (4 * parameters + 2 * trainable) / 1e12:.3g}"),
    )


def micro_batches(examples: Sequence[Example], recipe: Recipe, devices: int) -> tuple[int, int]:
    """(examples at once on a device, micro-batches a step), whose product is about the recipe's batch."""
    longest = max((example.length for example in examples), default=1)
    a_device = max(1, round(recipe.batch / devices))
    accumulated = -(-a_device * longest // recipe.micro_tokens)
    micro = max(1, -(-a_device // accumulated))
    return micro, -(-a_device // micro)
