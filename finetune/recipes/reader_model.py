"""The reader as it is trained: MiniLM with an adapter of some method, or whole; how it is read and saved."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from core.errors import ConfigurationError
from core.models.embedder import PACKAGED_NAME
from core.models.reader import WHOLE, new_cross_encoder, reader_card, whole_cross_encoder

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from sentence_transformers import CrossEncoder
    from transformers import PreTrainedModel

    from core.settings import FinetuneSettings

LORA_RANK = 32
LORA_TARGETS = [
    "query",
    "key",
    "value",
    "attention.output.dense",
    "intermediate.dense",
    "output.dense",
    "pooler.dense",
]
_LEAST_TEXT = 32  # tokens of a text that stay beside a question of any length
_TOGETHER = 16  # texts that are padded to one length
_ALPHA = 2 * LORA_RANK


def network_of(encoder: CrossEncoder) -> torch.nn.Module:
    """The transformers model inside a cross-encoder."""
    return cast("torch.nn.Module", encoder[0].model)


def trainable(start: Path | None, settings: FinetuneSettings, max_tokens: int) -> CrossEncoder:
    """The model to train, dropout off. It computes what `start` does, or MiniLM with a fresh head.

    Raises ConfigurationError where an adapter is to be put on a reader that was tuned whole.
    """
    import torch

    if start is not None and (start / WHOLE).is_file():
        if settings.method != "full":
            raise ConfigurationError(
                f"{start.name} was tuned whole; a {settings.method} adapter fits MiniLM only. Set "
                "INHOUSE_FINETUNE__METHOD=full, or start from an adapter with --base."
            )
        encoder = whole_cross_encoder(start)
    else:
        encoder = new_cross_encoder()
        network = cast("PreTrainedModel", network_of(encoder))
        if settings.method == "full":
            encoder[0].model = _merged(network, start)
        else:
            encoder[0].model = _adapted(network, start, settings.method)
    encoder.max_seq_length = max_tokens
    for module in encoder.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return encoder


def _merged(network: PreTrainedModel, start: Path | None) -> torch.nn.Module:
    from peft import PeftModel

    if start is None:
        return network
    merged = PeftModel.from_pretrained(network, str(start)).merge_and_unload()
    return cast("torch.nn.Module", merged.requires_grad_(True))


def _adapted(network: PreTrainedModel, start: Path | None, method: str) -> PeftModel:
    """With the adapter of `start` to train on, written anew where it is of another method."""
    from peft import LoraConfig, PeftModel, get_peft_model

    if start is not None:
        stored = json.loads((start / "adapter_config.json").read_text(encoding="utf-8"))
        if (bool(stored.get("use_rslora")), bool(stored.get("use_dora"))) == _flags(method):
            return PeftModel.from_pretrained(network, str(start), is_trainable=True)
    config = LoraConfig(
        r=LORA_RANK,
        lora_alpha=_ALPHA,
        target_modules=LORA_TARGETS,
        modules_to_save=["classifier"],
        task_type="SEQ_CLS",
        use_rslora=method == "rslora",
        use_dora=method == "dora",
    )
    if start is None:
        return cast("PeftModel", get_peft_model(network, config))
    loaded = PeftModel.from_pretrained(network, str(start))
    kept = {
        name: tensor.detach().clone() for name, tensor in loaded.state_dict().items() if ".default" in name
    }
    scales = {name: module.scaling["default"] for name, module in _lora_layers(loaded)}
    config.r = int(stored["r"])
    config.lora_alpha = 2 * config.r
    fresh = cast("PeftModel", get_peft_model(loaded.unload(), config))
    fresh.load_state_dict(kept, strict=False)
    for name, module in _lora_layers(fresh):
        module.lora_B["default"].weight.data *= scales[name] / module.scaling["default"]  # the same function
        if method == "dora":
            module.lora_magnitude_vector["default"].update_layer(
                base_layer=module.get_base_layer(),
                lora_A=module.lora_A["default"].weight,
                lora_B=module.lora_B["default"].weight,
                scaling=module.scaling["default"],
            )
    return fresh


def _flags(method: str) -> tuple[bool, bool]:
    return method == "rslora", method == "dora"


def _lora_layers(model: torch.nn.Module) -> list[tuple[str, Any]]:
    return [
        (name, module) for name, module in model.named_modules() if hasattr(module, "lora_magnitude_vector")
    ]


def logits(model: CrossEncoder, pairs: Sequence[tuple[str, str]]) -> torch.Tensor:
    """(n,) float32, in the order of the pairs; computed in batches of like length, which spares a quarter of
    the tokens (padding).

    bfloat16 only where the hardware multiplies it: emulated, a step took 18 times as long as in float32.
    """
    import torch

    from core.models.precision import inference_dtype

    device = next(network_of(model).parameters()).device
    fast = inference_dtype() == torch.bfloat16
    order = sorted(range(len(pairs)), key=lambda number: sum(map(len, pairs[number])))
    found: list[torch.Tensor] = []
    for start in range(0, len(order), _TOGETHER):
        encoded = encode(model, [pairs[number] for number in order[start : start + _TOGETHER]])
        with torch.autocast(device.type, torch.bfloat16) if fast else nullcontext():
            part: torch.Tensor = network_of(model)(**encoded.to(device)).logits
        found.append(part.view(-1).float())
    place = torch.tensor(order, device=device).argsort()
    return torch.cat(found)[place]


def encode(model: CrossEncoder, pairs: Sequence[tuple[str, str]]) -> Any:
    """Token ids, of texts cut to the model's room at their end, never of questions.

    Padded to a multiple of 8, because each new shape costs a compilation.
    """
    questions = [question for question, _ in pairs]
    longest = max(len(ids) for ids in model.tokenizer(questions, add_special_tokens=False)["input_ids"])
    wanted = max(model.max_seq_length or 0, longest + 3 + _LEAST_TEXT)
    return model.tokenizer(
        questions,
        [text for _, text in pairs],
        padding=True,
        pad_to_multiple_of=8,
        truncation="only_second",
        max_length=min(512, math.ceil(wanted / 8) * 8),
        return_tensors="pt",
    )


def save_reader(model: CrossEncoder, out: Path, method: str, about: dict[str, Any]) -> None:
    """Weights and card, as `core.models.reader.Reader` loads them."""
    out.mkdir(parents=True, exist_ok=True)
    network = network_of(model)
    if method == "full":
        model.save_pretrained(str(out), create_model_card=False)
    else:
        adapted = cast("PeftModel", network)
        adapted.peft_config["default"].base_model_name_or_path = PACKAGED_NAME  # no path of this machine
        adapted.save_pretrained(str(out), save_embedding_layers=False)
        (out / "README.md").unlink(missing_ok=True)  # an empty template that peft writes
    card = {**reader_card(), **about}
    (out / "card.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
