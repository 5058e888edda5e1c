"""How well a model foretells documents that it did not learn from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from core.models.local import LocalModel

_AT_ONCE = 8  # windows
_MOST = 400  # windows: enough for two digits of the loss


@dataclass(frozen=True, slots=True)
class HeldOut:
    loss: float  # nats a token
    perplexity: float
    bits_per_byte: float  # which models of other tokenizers can be compared by
    tokens: int


def held_out_loss(local: LocalModel, texts: Sequence[str], window: int) -> HeldOut:
    """Of the texts in windows, an end mark behind each text; a part of them where they are long."""
    end = local.tokenizer.eos_token_id
    ids = [token for text in texts for token in (*local.tokenizer(text, verbose=False)["input_ids"], end)]
    windows = [ids[start : start + window] for start in range(0, len(ids) - window + 1, window)][:_MOST]
    total, bytes_read = 0.0, 0
    for start in range(0, len(windows), _AT_ONCE):
        tensor = torch.tensor(windows[start : start + _AT_ONCE], device=local.model.device)
        with torch.no_grad():
            total += float(local.model(input_ids=tensor, labels=tensor).loss) * len(tensor)
        bytes_read += sum(len(local.tokenizer.decode(row[1:]).encode()) for row in tensor.tolist())
    count = len(windows) * (window - 1)
    loss = total / max(1, len(windows))
    bits = loss * count / math.log(2) / max(1, bytes_read)
    return HeldOut(round(loss, 4), round(math.exp(loss), 2), round(bits, 4), count)
