"""How this machine computes: threads and number format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder, SentenceTransformer


def inference_dtype() -> torch.dtype:
    """bfloat16 where the processor multiplies it natively (three times as fast there), else float32."""
    native = torch.cuda.is_available() or "bf16" in _cpu_features()
    return torch.bfloat16 if native else torch.float32


def _cpu_features() -> str:
    return " ".join(name for name, has in torch.cpu.get_capabilities().items() if has is True)


def use_threads(threads: int) -> None:
    if threads:
        torch.set_num_threads(threads)


def pad_to_few_lengths(model: SentenceTransformer | CrossEncoder) -> None:
    """Pads each batch to a multiple of 16 tokens.

    On a CPU torch keeps buffers for every shape that it has seen: indexing 883 files peaked at 2.5 GB with
    batches of any length, at 1.3 GB with these (`python -m eval.ingestion_benchmark`).
    """
    transformer: Any = model[0]
    transformer.processing_kwargs = {"text": {"pad_to_multiple_of": 16}}
