"""Generating models behind the `Generator` seam, as LangChain chat models: local by transformers, remote by
OpenAI's API.

What they write is kept only where a unit of the passages supports it, so that every answer can be cited.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from core.errors import ConfigurationError, ModelError
from core.index.lexical import STOP_WORDS
from core.interfaces import Decoding, Draft, Reading, ScoredUnit
from core.prompts import NOT_COVERED, prompt_hash, render_answer
from core.reading import fold
from core.settings import Settings
from core.types import Message, Usage
from core.units import split_sentences

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

_SUPPORT = 0.6  # share of a sentence's words that one unit, or two, must hold


class ChatGenerator:
    """A Generator over any LangChain chat model."""

    def __init__(self, chat_model: BaseChatModel, model_id: str, purpose: str) -> None:
        self.id = model_id
        self._chat_model = chat_model
        self._purpose = purpose

    @property
    def prompt_hash(self) -> str:
        return prompt_hash()

    def stream(
        self, question: str, reading: Reading, history: Sequence[Message], decoding: Decoding
    ) -> Iterator[str | Draft]:
        """Raises ModelError where the model cannot be reached or fails."""
        messages = render_answer(question, reading.hits, history, self._purpose)
        options: dict[str, Any] = {"max_tokens": decoding.max_tokens, "temperature": decoding.temperature}
        if decoding.top_p < 1:
            options["top_p"] = decoding.top_p
        written, usage = [], Usage()
        try:
            for piece in self._chat_model.stream(messages, stop=list(decoding.stop) or None, **options):
                text = str(piece.text)
                if text:
                    written.append(text)
                    yield text
                if piece.usage_metadata:
                    usage = Usage(piece.usage_metadata["input_tokens"], piece.usage_metadata["output_tokens"])
        except Exception as error:  # each provider brings an error tree of its own
            raise ModelError(f"The model {self.id} did not answer: {error}") from error
        text = "".join(written).strip()
        yield Draft(text, () if NOT_COVERED in text else supporting_units(text, reading), usage)


def supporting_units(text: str, reading: Reading) -> tuple[ScoredUnit, ...]:
    """For each sentence of the text the unit that holds most of its words; nothing where a sentence is
    unsupported, or where none says anything.
    """
    chosen: dict[int, ScoredUnit] = {}
    for sentence in split_sentences(text):
        words = {word for word in fold(sentence).split() if word not in STOP_WORDS and len(word) > 1}
        if not words:
            continue
        shares = [
            len(words & set(fold(scored.unit.in_context()).split())) / len(words) for scored in reading.units
        ]
        best = max(range(len(shares)), key=lambda number: (shares[number], -number), default=None)
        if best is None or shares[best] < _SUPPORT:
            return ()
        chosen[best] = reading.units[best]
    return tuple(chosen.values())


def chat_generator(settings: Settings) -> ChatGenerator:
    """The generator that the settings name: `transformers` (a folder or cached model id) or `openai` (an
    endpoint).
    """
    models = settings.models
    if not models.model:
        raise ConfigurationError(
            f"INHOUSE_GENERATOR={settings.generator} needs a model: set INHOUSE_MODELS__MODEL."
        )
    chat_model: BaseChatModel
    if settings.generator == "transformers":
        from core.models.local_chat import LocalChatModel

        chat_model = LocalChatModel.load(models.model)
    else:
        from langchain.chat_models import init_chat_model

        if not models.base_url:
            raise ConfigurationError(
                "INHOUSE_GENERATOR=openai needs an endpoint: set INHOUSE_MODELS__BASE_URL."
            )
        chat_model = init_chat_model(
            models.model,
            model_provider="openai",
            base_url=models.base_url,
            api_key=models.api_key or "none",
            timeout=120,
            stream_usage=True,
        )
    return ChatGenerator(chat_model, f"{settings.generator}:{models.model}", settings.assistant.purpose)
