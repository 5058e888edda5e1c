"""Prompt -> token ids within a model's window, the same for serving, training and evaluation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.errors import InvalidInputError
from core.prompts import Asked, Family, Prompt
from core.types import Message

_UNBOUNDED = 1_000_000  # tokenizers without a limit name an astronomic one
_DEFAULT_WINDOW = 2048


def choose_family(wanted: str, tokenizer: Any, *, encoder_decoder: bool) -> Family:
    """`auto`: chat where the tokenizer has a chat template, flan for an encoder-decoder, else qa."""
    if wanted != "auto":
        family: Family = wanted  # type: ignore[assignment]  # the settings allow nothing else
        return family
    if getattr(tokenizer, "chat_template", None):
        return "chat"
    return "flan" if encoder_decoder else "qa"


def prompt_of(wanted: str, shots: int, tokenizer: Any, *, encoder_decoder: bool) -> Prompt:
    added = {str(token) for token in tokenizer.added_tokens_decoder.values() if token.special}
    marks = frozenset({*tokenizer.all_special_tokens, *added})
    return Prompt(choose_family(wanted, tokenizer, encoder_decoder=encoder_decoder), shots, marks)


@dataclass(frozen=True)
class PromptEncoder:
    """A prompt and the tokenizer that reads it."""

    tokenizer: Any
    prompt: Prompt
    encoder_decoder: bool

    def text(self, asked: Asked) -> str:
        """What is tokenized, in full."""
        return self._text(self.prompt.render(asked))

    def ids(self, asked: Asked) -> list[int]:
        """What the model is given. An end mark that the tokenizer puts behind a text stays only where an
        encoder reads it; a chat template brings its own begin mark.
        """
        return self.message_ids(self.prompt.render(asked))

    def message_ids(self, messages: Sequence[Message]) -> list[int]:
        """As `ids`, of messages that were rendered already."""
        text = self._text(messages)
        ids: list[int] = self.tokenizer(text, add_special_tokens=not self._has_turns)["input_ids"]
        ends = bool(ids) and ids[-1] == self.tokenizer.eos_token_id and not self._has_turns
        return ids[:-1] if ends and not self.encoder_decoder else ids

    def _text(self, messages: Sequence[Message]) -> str:
        turns = [{"role": message.role, "content": message.content} for message in messages]
        if not self._has_turns:
            return "\n\n".join(turn["content"] for turn in turns)
        text: str = self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        return text

    def completion_ids(self, answer: str) -> list[int]:
        """What the model is to write behind `ids`, its end mark included: the labels of training."""
        text = answer if self.encoder_decoder else self.prompt.completion(answer)
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return [*ids, self.tokenizer.eos_token_id]

    @property
    def _has_turns(self) -> bool:
        return self.prompt.family == "chat" and bool(self.tokenizer.chat_template)


def window_of(config: Any, tokenizer: Any, wanted: int) -> int:
    """Tokens that the model can read: by the setting, else by the model, else by its tokenizer."""
    if wanted:
        return wanted
    for name in ("max_position_embeddings", "n_positions"):
        if named := getattr(config, name, None):
            return int(named)
    limit = int(tokenizer.model_max_length)
    return limit if limit < _UNBOUNDED else _DEFAULT_WINDOW


def fit(asked: Asked, count: Callable[[Asked], int], room: int) -> Asked:
    """What fits into `room` tokens: the oldest turns go first, then the last passages, never the question.

    Raises InvalidInputError where not even the question with the first passage fits.
    """
    steps = _shortened(asked)
    low, high = 0, len(steps) - 1
    if count(steps[high]) > room:
        raise InvalidInputError(
            f"The question and one passage do not fit into the model's {room} tokens. Ask more briefly, or "
            "choose smaller ingestion.chunk_tokens, fewer models.shots or a larger model.",
            code="context_too_small",
        )
    while low < high:  # fewer parts never take more tokens
        middle = (low + high) // 2
        low, high = (low, middle) if count(steps[middle]) <= room else (middle + 1, high)
    return steps[low]


def _shortened(asked: Asked) -> list[Asked]:
    """The whole first, each next one with a part less, the question with one passage last."""
    turns = [message for message in asked.history if message.role != "system"]
    starts = [place for place, message in enumerate(turns) if message.role == "user"] + [len(turns)]
    steps = [replace(asked, history=tuple(turns))]
    steps += [replace(asked, history=tuple(turns[start:])) for start in starts if start > 0]
    bare = replace(asked, history=())
    return steps + [replace(bare, hits=asked.hits[:kept]) for kept in range(len(asked.hits) - 1, 0, -1)]
