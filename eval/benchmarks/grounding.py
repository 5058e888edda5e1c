"""What grounded decoding costs a token, in a Llama of 29 million random weights over six passages.

    python -m eval.benchmarks.grounding [--tokens 64]

The vocabulary has 32,000 tokens, as a real model's; the figures do not depend on what the weights know.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, LogitsProcessor, PreTrainedTokenizerFast

from core.interfaces import Decoding, Reading, ScoredUnit
from core.models.adapters import Adapters
from core.models.grounding import SpanProcessor, Spans
from core.models.local import LocalModel
from core.prompts import Prompt
from core.types import Chunk, Hit
from core.units import split_units

_VOCABULARY = 32_000
_PROMPT_TOKENS = 600


class _Timed(LogitsProcessor):
    def __init__(self, inner: LogitsProcessor) -> None:
        self.inner = inner
        self.seconds = 0.0
        self.calls = 0

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        started = time.perf_counter()
        masked: torch.Tensor = self.inner(input_ids, scores)
        self.seconds += time.perf_counter() - started
        self.calls += 1
        return masked


def measure(tokens: int) -> dict[str, float]:
    """Milliseconds a token: as it is, grounded, and of the mask alone; and those of making the trie once."""
    tokenizer = _tokenizer()
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=_VOCABULARY,
            hidden_size=384,
            intermediate_size=1024,
            num_hidden_layers=3,
            num_attention_heads=6,
            max_position_embeddings=2048,
            eos_token_id=0,
            bos_token_id=None,
        )
    ).train(False)
    local = LocalModel("random", model, tokenizer, Adapters(model, 1), "random")
    prompt = list(range(1, 1 + _PROMPT_TOKENS))
    started = time.perf_counter()
    spans = Spans(_reading(), Prompt("qa"), tokenizer, most=8)
    trie_ms = (time.perf_counter() - started) * 1000
    free_ms = _run(local, prompt, tokens, None)
    timed = _Timed(SpanProcessor(spans, begin=len(prompt), max_tokens=10 * tokens, end_tokens=[0]))
    grounded_ms = _run(local, prompt, tokens, timed)
    return {
        "free_ms_per_token": round(free_ms, 2),
        "grounded_ms_per_token": round(grounded_ms, 2),
        "mask_ms_per_token": round(timed.seconds / timed.calls * 1000, 3),
        "trie_ms": round(trie_ms, 2),
    }


def _run(local: LocalModel, prompt: list[int], tokens: int, processor: LogitsProcessor | None) -> float:
    """Milliseconds a token, without the first, which reads the prompt."""
    decoding = Decoding(max_tokens=tokens, min_new_tokens=tokens)
    moments = [
        time.perf_counter()
        for step in local.write(
            prompt, decoding, max_tokens=tokens, processors=[processor] if processor else []
        )
        if step
    ]
    return (moments[-1] - moments[0]) / (len(moments) - 1) * 1000


def _tokenizer() -> Any:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: n for n, letter in enumerate(["<end>", *letters])}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    make: Any = PreTrainedTokenizerFast  # untyped
    return make(tokenizer_object=tokenizer, eos_token="<end>")


def _reading() -> Reading:
    """Six passages of eight sentences."""
    hits = [
        Hit(
            Chunk(
                f"c{n}",
                "d",
                f"{n}.md",
                "Rules",
                (),
                " ".join(f"Rule {n}.{m} allows {m * 7} days of leave in department {n}." for m in range(8)),
                0,
            ),
            1.0,
        )
        for n in range(6)
    ]
    units = [ScoredUnit(n, unit, 0.0) for n, hit in enumerate(hits) for unit in split_units(hit.chunk.text)]
    return Reading(tuple(hits), tuple(units))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=64)
    print(json.dumps(measure(parser.parse_args().tokens)))


if __name__ == "__main__":
    main()
