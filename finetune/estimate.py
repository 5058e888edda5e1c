"""What a training run will take, before it starts: weights, memory, arithmetic.

estimate(model, tokens=2_000_000, batch_tokens=2_048, sequence=128).line()
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_ADAM = 2  # moments that AdamW keeps of each trained weight
_KEPT_PER_HIDDEN = 17  # values that a transformer layer keeps for the backward pass, per token and width
_KEPT_PER_SCORE = 1  # and per attention score, without dropout (Korthikanti et al., 2022, section 4)
_KEPT_PER_OUTPUT = 2  # and per word of the vocabulary, where each token is given a logit for all of them


@dataclass(frozen=True, slots=True)
class Estimate:
    parameters: int
    trained: int  # of the parameters
    tokens: int  # that training passes through the model, padding included
    flops: float
    memory: int  # bytes at the peak: weights, gradients, optimizer, activations

    def line(self) -> str:
        """For people, as in `22.7 M weights, 1.35 M of them trained (6.0%); ...`."""
        share = self.trained / max(1, self.parameters)
        return (
            f"{_short(self.parameters)} weights, {_short(self.trained)} of them trained ({share:.1%}); "
            f"{_short(self.tokens)} tokens; about {self.memory / 2**30:.1f} GB of memory and "
            f"{self.flops / 1e12:,.1f} TFLOP"
        )


def estimate(
    model: torch.nn.Module, *, tokens: int, batch_tokens: int, sequence: int, bytes_per_value: int = 4
) -> Estimate:
    """Of a transformers model, with adapters or without.

    `tokens` are those of all steps, `batch_tokens` those of one forward pass and `sequence` the length that
    they come in, all padded. Arithmetic is 2 operations per weight and token forwards, 2 backwards to the
    activations and 2 more for each trained weight (Kaplan et al., 2020, section 2.1), and the attention's
    own. Weights that are only looked up count for memory alone.
    """
    parameters = sum(parameter.numel() for parameter in model.parameters())
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    multiplied = parameters - _looked_up(model)
    layers, width, heads = _shape(model)
    attention = layers * 4 * sequence * width  # per token: scores and their weighted sum
    per_token = 2 * multiplied + attention + 2 * multiplied + 2 * attention + 2 * min(trained, multiplied)
    kept = batch_tokens * layers * (_KEPT_PER_HIDDEN * width + _KEPT_PER_SCORE * heads * sequence)
    kept += batch_tokens * _KEPT_PER_OUTPUT * _vocabulary(model)
    weights = sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())
    memory = weights + 4 * trained * (1 + _ADAM) + int(kept * bytes_per_value)
    return Estimate(parameters, trained, tokens, float(tokens) * per_token, memory)


def _vocabulary(model: torch.nn.Module) -> int:
    """Words that each token is given a logit for; 0 for a model that does not write."""
    weight = getattr(_output(model), "weight", None)
    return 0 if weight is None else int(weight.shape[0])


def _output(model: torch.nn.Module) -> Any:
    try:
        return model.get_output_embeddings()  # type: ignore[operator]  # transformers models have it
    except (AttributeError, NotImplementedError):
        return None


def _looked_up(model: torch.nn.Module) -> int:
    """Weights of embeddings, each counted once; one that is tied to the output is multiplied as well."""
    import torch

    tied = getattr(_output(model), "weight", None)
    tables = {
        id(module.weight): module.weight
        for module in model.modules()
        if isinstance(module, torch.nn.Embedding)
    }
    return sum(table.numel() for table in tables.values() if table is not tied)


def _shape(model: Any) -> tuple[int, int, int]:
    """(layers, width, heads); the layers of an encoder and a decoder together."""
    config = model.config
    config = getattr(config, "encoder", None) or config
    layers = int(config.num_hidden_layers)
    layers += int(getattr(model.config, "num_decoder_layers", None) or 0)
    return layers, int(config.hidden_size), int(config.num_attention_heads)


def _short(number: float) -> str:
    for size, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g} {name}"
    return f"{number:.0f}"
