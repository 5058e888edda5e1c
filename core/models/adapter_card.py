"""Which base, tokenizer and prompt an adapter of a generating model belongs to: a `card.json` in its folder.

Training writes it, loading compares it. An adapter on another base, or under another prompt, would answer
fluently and wrongly.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from core.errors import AdapterMismatchError

if TYPE_CHECKING:
    from core.prompts import Prompt

FILE_NAME = "card.json"
_SAMPLES = 256  # weights of a tensor that the fingerprint sees
_PROBE = "What's due on 3/4? €45.50 – naïve, #tag\n\t 東京"


@dataclass(frozen=True, slots=True)
class AdapterCard:
    base: str  # fingerprint of the base's weights
    tokenizer: str  # fingerprint of vocabulary, special tokens and chat template
    prompt: str  # hash of the prompt templates
    family: str = ""
    shots: int = 0

    def write(self, folder: Path) -> None:
        (folder / FILE_NAME).write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    def check(self, adapter_id: str, folder: Path) -> None:
        """Raises AdapterMismatchError where the adapter in the folder was not trained for this card."""
        try:
            trained = AdapterCard(**json.loads((folder / FILE_NAME).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise AdapterMismatchError(
                f"The adapter {adapter_id} does not say what it was trained on ({FILE_NAME} is missing or "
                "damaged). Train it again with `inhouse retrain`."
            ) from error
        if trained.base != self.base:
            self._refuse(adapter_id, "on another base model: serve that one (INHOUSE_MODELS__MODEL)")
        if trained.tokenizer != self.tokenizer:
            self._refuse(adapter_id, "with another tokenizer or chat template: serve the base it came with")
        if trained.prompt != self.prompt:
            wanted, served = f"{trained.family}/{trained.shots}", f"{self.family}/{self.shots}"
            hint = (
                "its templates have changed since"
                if wanted == served
                else f"set INHOUSE_MODELS__PROMPT={trained.family} and INHOUSE_MODELS__SHOTS={trained.shots}"
            )
            self._refuse(adapter_id, f"with the prompt {wanted}, and {served} is served: {hint}")

    @staticmethod
    def _refuse(adapter_id: str, why: str) -> None:
        raise AdapterMismatchError(
            f"The adapter {adapter_id} was trained {why}, or train again with `inhouse retrain`."
        )


def card_of(base: str, tokenizer: Any, prompt: Prompt) -> AdapterCard:
    """The card of what is trained or served, from the base's fingerprint."""
    return AdapterCard(base, tokenizer_fingerprint(tokenizer), prompt.hash, prompt.family, prompt.shots)


def base_fingerprint(model: torch.nn.Module) -> str:
    """Of names, shapes and a sample of each tensor's weights, in bfloat16, so that it is the same for every
    number format that the model is loaded in. To be taken before adapters are put in.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        flat = tensor.detach().reshape(-1)
        sample = flat[:: max(1, len(flat) // _SAMPLES)][:_SAMPLES].to("cpu", torch.bfloat16)
        digest.update(f"{name}{tuple(tensor.shape)}".encode())
        digest.update(sample.view(torch.int16).numpy().tobytes())
    return digest.hexdigest()[:16]


def tokenizer_fingerprint(tokenizer: Any) -> str:
    parts = [
        sorted(tokenizer.get_vocab().items()),
        sorted((name, str(token)) for name, token in tokenizer.special_tokens_map.items()),
        str(tokenizer.chat_template or ""),
        tokenizer(_PROBE)["input_ids"],
    ]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()[:16]
