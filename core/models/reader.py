"""The reader: MiniLM as a cross-encoder with a LoRA adapter; it says how well a text answers a question.

The same model reranks passages and chooses the sentences of an answer. Its input is rendered by
`unit_input` and nowhere else, for training as for serving.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import ModelError
from core.models.embedder import packaged_model
from core.types import Chunk
from core.units import Unit, plain

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

SHIPPED_ADAPTER = Path(__file__).parent / "base_reader"
MAX_TOKENS = 256
INPUT_FORMAT = "title > headings: lead: unit"  # changes whenever the rendering below does


def heading_line(title: str, headings: Sequence[str]) -> str:
    """`Title > Section > Subsection`, without a heading that repeats the one before."""
    path: list[str] = []
    for name in (title, *headings):
        name = plain(name)
        if name and (not path or name.lower() != path[-1].lower()):
            path.append(name)
    return " > ".join(path)


def unit_input(chunk: Chunk, unit: Unit) -> str:
    inside = (unit.heading,) if unit.heading else ()
    return f"{heading_line(chunk.title, (*chunk.headings, *inside))}: {unit.in_context()}"


def format_hash() -> str:
    """Identifies the input rendering; stored with every adapter and checked when one is loaded."""
    return hashlib.sha256(INPUT_FORMAT.encode()).hexdigest()[:12]


def new_cross_encoder() -> CrossEncoder:
    """MiniLM with a fresh one-output head.

    Attention is the plain kind: on a CPU its backward pass is twice as fast.
    """
    from sentence_transformers import CrossEncoder

    encoder: CrossEncoder = CrossEncoder(
        str(packaged_model()),
        num_labels=1,
        max_length=MAX_TOKENS,
        local_files_only=True,
        model_kwargs={"attn_implementation": "eager"},
    )
    return encoder


class Reader:
    """A Reranker over one adapter folder, merged into the base weights when it is loaded."""

    def __init__(self, adapter: Path = SHIPPED_ADAPTER) -> None:
        self.adapter = adapter

    @cached_property
    def id(self) -> str:
        weights = self.adapter / "adapter_model.safetensors"
        if not weights.is_file():
            raise ModelError(f"There is no reader adapter at {self.adapter}. See `inhouse models list`.")
        return f"reader-{hashlib.sha256(weights.read_bytes()).hexdigest()[:10]}"

    @cached_property
    def _model(self) -> CrossEncoder:
        import torch
        from peft import PeftModel
        from safetensors import SafetensorError

        from core.models.precision import inference_dtype, pad_to_few_lengths

        _check_format(self.adapter)
        model = new_cross_encoder()
        network = model[0].model
        assert isinstance(network, torch.nn.Module)
        try:
            tuned = PeftModel.from_pretrained(network, str(self.adapter))
        except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
            raise ModelError(
                f"The reader adapter at {self.adapter} cannot be loaded ({error}). Activate another one with "
                "`inhouse models activate ID`."
            ) from error
        merged = tuned.merge_and_unload()
        pad_to_few_lengths(model)
        model[0].model = merged.to(inference_dtype())
        model.train(False)
        return model

    def score(self, question: str, texts: Sequence[str]) -> list[float]:
        """Logits, one a text; 0 means even odds that the text answers the question."""
        import torch

        if not texts:
            return []
        from core.models.turns import in_turn

        model = self._model
        with torch.inference_mode(), in_turn():
            logits = model.predict(
                [(question, text) for text in texts],
                batch_size=16,
                activation_fn=torch.nn.Identity(),
                show_progress_bar=False,
                convert_to_tensor=True,
            )
        return [float(logit) for logit in logits.float().cpu()]


def _check_format(adapter: Path) -> None:
    card = adapter / "card.json"
    if not card.is_file():
        return
    stored = json.loads(card.read_text(encoding="utf-8")).get("input_format")
    if stored and stored != format_hash():
        raise ModelError(
            f"The reader adapter at {adapter} was trained with another input format "
            f"({stored}, now {format_hash()}). Train it again with `inhouse retrain`."
        )
