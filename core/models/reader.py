"""The reader: MiniLM as a cross-encoder with a LoRA adapter; it says how well a text answers a question.

The same model reranks passages and chooses the sentences of an answer. Its input is rendered by
`unit_input` and nowhere else, for training as for serving.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import AdapterMismatchError, ModelError
from core.models.embedder import PACKAGED_NAME, packaged_model
from core.types import Chunk
from core.units import Unit, plain

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

SHIPPED_ADAPTER = Path(__file__).parent / "base_reader"
MAX_TOKENS = 256
WHOLE = "model.safetensors"  # of a reader that was tuned or exported whole, in place of an adapter
_WEIGHTS = ("adapter_model.safetensors", WHOLE)
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


def whole_cross_encoder(folder: Path) -> CrossEncoder:
    """A reader that was saved with all its weights. Raises what loading it raises."""
    from sentence_transformers import CrossEncoder

    encoder: CrossEncoder = CrossEncoder(
        str(folder),
        max_length=MAX_TOKENS,
        local_files_only=True,
        model_kwargs={"attn_implementation": "eager"},
    )
    return encoder


@cache
def base_hash() -> str:
    """Of the weights and the tokenizer that adapters are made for."""
    digest = hashlib.sha256()
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        digest.update((packaged_model() / name).read_bytes())
    return digest.hexdigest()[:16]


def reader_card() -> dict[str, Any]:
    """What a reader says it was made for; compared when one is loaded."""
    return {
        "kind": "reader",
        "base": PACKAGED_NAME,
        "base_hash": base_hash(),
        "input_format": format_hash(),
    }


class Reader:
    """A Reranker over one adapter folder, merged into the base weights when it is loaded.

    The folder may hold a whole model instead, as `method: full` and `models export --as merged` write it.
    """

    def __init__(self, adapter: Path = SHIPPED_ADAPTER) -> None:
        self.adapter = adapter

    @cached_property
    def id(self) -> str:
        weights = next(
            (file for name in _WEIGHTS if (file := self.adapter / name).is_file()),
            None,
        )
        if weights is None:
            raise ModelError(f"There is no reader adapter at {self.adapter}. See `inhouse models list`.")
        return f"reader-{hashlib.sha256(weights.read_bytes()).hexdigest()[:10]}"

    @cached_property
    def _model(self) -> CrossEncoder:
        import torch
        from safetensors import SafetensorError

        from core.models.precision import inference_dtype, pad_to_few_lengths

        check_card(self.adapter)
        try:
            model = merged_cross_encoder(self.adapter)
        except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
            raise ModelError(
                f"The reader adapter at {self.adapter} cannot be loaded ({error}). Activate another one with "
                "`inhouse models activate ID`."
            ) from error
        pad_to_few_lengths(model)
        network = model[0].model
        assert isinstance(network, torch.nn.Module)
        model[0].model = network.to(inference_dtype())
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


def merged_cross_encoder(adapter: Path) -> CrossEncoder:
    """The adapter's reader in float32 with plain weights. Raises what loading it raises."""
    import torch
    from peft import PeftModel

    if (adapter / WHOLE).is_file():
        return whole_cross_encoder(adapter)
    model = new_cross_encoder()
    network = model[0].model
    assert isinstance(network, torch.nn.Module)
    model[0].model = PeftModel.from_pretrained(network, str(adapter)).merge_and_unload()
    return model


def check_card(adapter: Path) -> None:
    """Raises AdapterMismatchError where the adapter was trained for another base or input format.

    A folder without a card, or one written before these fields were, is taken as it is.
    """
    file = adapter / "card.json"
    if not file.is_file():
        return
    try:
        card = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise AdapterMismatchError(
            f"The card of the reader adapter at {adapter} is damaged ({error}). Train it again with "
            "`inhouse retrain`."
        ) from error
    for name, ours in reader_card().items():
        stored = card.get(name, ours)
        if stored != ours:
            raise AdapterMismatchError(
                f"The reader adapter at {adapter} was trained with another {name.replace('_', ' ')} "
                f"({stored}, now {ours}). Train it again with `inhouse retrain`."
            )
