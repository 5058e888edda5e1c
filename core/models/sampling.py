"""Decoding parameters -> what transformers' `generate` is called with."""

from __future__ import annotations

from typing import Any

import torch
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from core.interfaces import Decoding


def generate_options(decoding: Decoding, max_new_tokens: int) -> dict[str, Any]:
    """Each one is named, because `generate` takes what is left out from the model's own defaults."""
    return {
        "max_new_tokens": max_new_tokens,
        "min_new_tokens": min(decoding.min_new_tokens, max_new_tokens),
        "do_sample": False,  # sampling is done by `sampling_processors`
        "num_beams": decoding.num_beams,
        "length_penalty": decoding.length_penalty,
        "early_stopping": decoding.early_stopping,
        "repetition_penalty": decoding.repetition_penalty,
        "no_repeat_ngram_size": decoding.no_repeat_ngram_size,
        "use_cache": True,
        "num_return_sequences": 1,
        "return_dict_in_generate": False,
    }


def sampling_processors(decoding: Decoding) -> LogitsProcessorList:
    """Temperature, top-k and top-p by transformers, and a draw of our own; none for greedy search and beams.

    The draw adds Gumbel noise, after which the highest score is a sample of the distribution (Gumbel-max;
    Maddison et al., 2014). Its generator belongs to one request, so that a seed holds while others sample.
    """
    processors = LogitsProcessorList()
    if decoding.temperature == 0:
        return processors
    processors.append(TemperatureLogitsWarper(decoding.temperature))
    if decoding.top_k:
        processors.append(TopKLogitsWarper(decoding.top_k))
    if decoding.top_p < 1:
        processors.append(TopPLogitsWarper(decoding.top_p))
    processors.append(GumbelNoise(decoding.seed))
    return processors


class GumbelNoise(LogitsProcessor):
    def __init__(self, seed: int | None) -> None:
        self._seed = seed
        self._generator: torch.Generator | None = None

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if self._generator is None:
            self._generator = torch.Generator(device=scores.device)
            if self._seed is None:
                self._generator.seed()
            else:
                self._generator.manual_seed(self._seed)
        waiting = torch.empty_like(scores, dtype=torch.float32).exponential_(generator=self._generator)
        return scores.float() - waiting.clamp_min(1e-30).log()
