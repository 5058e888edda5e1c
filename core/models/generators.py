"""Generating models behind the `Generator` seam: local by transformers, remote by OpenAI's API.

What they write is shown sentence by sentence, each with the marks of the units of the passages that bear it
out. The text ends before the first sentence that none bears out, so that every answer can be cited.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from core.decoding import StopCutter, cut_at_stop
from core.errors import ConfigurationError, InvalidInputError
from core.interfaces import Decoding, Draft, Reading
from core.models.encoding import PromptEncoder, fit, prompt_of, window_of
from core.prompts import NOT_COVERED, Asked, Prompt, broken_up
from core.reading import first_hits
from core.settings import Settings
from core.support import Beginning, Sentence, cited, numbers, verbatim_units
from core.types import FinishReason, Message, Usage
from core.units import split_sentences

if TYPE_CHECKING:
    from core.models.adapter_card import AdapterCard
    from core.models.adapters import Adapter
    from core.models.endpoint import Endpoint
    from core.models.local import LocalModel

SHIPPED_MODEL = Path(__file__).parent / "base_causal"  # where the settings name none
_ENDPOINT_WINDOW = 8192  # tokens, where the settings name none
_WRITTEN = 400  # tokens at most of what is written beside answers
_CHARS_A_TOKEN = 3  # of a tokenizer that is not at hand, on the safe side for European languages


class LocalGenerator:
    """A Generator over a transformers model, with one of its adapters or none."""

    def __init__(self, settings: Settings, local: LocalModel, adapter: Adapter | None = None) -> None:
        self.local = local
        self.adapter = adapter
        self.id = f"transformers:{local.shown_name}" + (f"@{adapter.id}" if adapter else "")
        self._settings = settings
        models = settings.models
        prompt = prompt_of(
            models.prompt, models.shots, local.tokenizer, encoder_decoder=local.encoder_decoder
        )
        self.encoder = PromptEncoder(local.tokenizer, prompt, local.encoder_decoder)
        self._window = window_of(local.model.config, local.tokenizer, models.context_tokens)

    @property
    def prompt_hash(self) -> str:
        return self.encoder.prompt.hash

    @cached_property
    def card(self) -> AdapterCard:
        """What an adapter has to be trained for to be served here."""
        from core.models.adapter_card import card_of

        return card_of(self.local.fingerprint, self.local.tokenizer, self.encoder.prompt)

    def tuned(self, adapter_id: str, folder: Path) -> LocalGenerator:
        """The same model with the adapter, loaded now. Raises AdapterMismatchError and ModelError."""
        from core.models.adapters import Adapter

        self.card.check(adapter_id, folder)
        adapter = Adapter(adapter_id, folder)
        self.local.adapters.load(adapter)
        return LocalGenerator(self._settings, self.local, adapter)

    def fitted(self, asked: Asked, decoding: Decoding) -> tuple[list[int], Asked, int]:
        """(prompt as token ids, what of it fitted, tokens left for the answer).

        Half of the window at most is kept free for the answer. Raises InvalidInputError where the question
        does not fit.
        """
        shared = not self.local.encoder_decoder
        reserved = min(decoding.max_tokens, self._window // 2) if shared else 0
        fitting = fit(asked, lambda some: len(self.encoder.ids(some)), self._window - reserved)
        ids = self.encoder.ids(fitting)
        left = self._window - len(ids) if shared else self._window
        return ids, fitting, min(decoding.max_tokens, left)

    def stream(
        self, question: str, reading: Reading, history: Sequence[Message], decoding: Decoding
    ) -> Iterator[Draft]:
        """Raises ModelError where the model fails, InvalidInputError where the question does not fit."""
        asked = Asked(question, reading.hits, tuple(history), self._settings.assistant.purpose)
        ids, fitting, max_tokens = self.fitted(asked, decoding)
        shown = first_hits(reading, len(fitting.hits))
        if self._settings.answering.grounded:
            return self._quote(ids, shown, decoding, max_tokens)
        return self._write(ids, shown, decoding, max_tokens)

    def _write(
        self, ids: list[int], reading: Reading, decoding: Decoding, max_tokens: int
    ) -> Iterator[Draft]:
        cutter, beginning = StopCutter(decoding.stop), Beginning(reading)
        written: list[int] = []
        text, decoded = "", ""
        with closing(self.local.write(ids, decoding, max_tokens=max_tokens, adapter=self.adapter)) as steps:
            for tokens in steps:
                written += tokens
                now = self._decode(written) if tokens else decoded
                if not now.endswith("\ufffd"):  # the rest of a letter of several bytes is to come
                    text += cutter.push(now[len(decoded) :])
                    decoded = now
                yield _so_far(text, beginning, decoding.stop)
                if cutter.stopped or beginning.over:
                    break
        if not cutter.stopped:
            text += cutter.push(self._decode(written)[len(decoded) :]) + cutter.rest()
        full = len(written) >= max_tokens and not cutter.stopped
        usage = Usage(len(ids), len(written))
        yield _whole(text, beginning, decoding.stop, usage, "length" if full else "stop")

    def _quote(
        self, ids: list[int], reading: Reading, decoding: Decoding, max_tokens: int
    ) -> Iterator[Draft]:
        """Each unit is shown as soon as it is certain, unless a stop string may cut it."""
        from core.models.grounding import SpanProcessor, Spans, Walk

        most = self._settings.answering.max_sentences
        spans = Spans(reading, self.encoder.prompt, self.local.tokenizer, most=most)
        processor = SpanProcessor(
            spans, begin=self.local.begin(ids), max_tokens=max_tokens, end_tokens=self.local.end_tokens
        )
        walk, written = Walk(spans), 0
        steps = self.local.write(
            ids, decoding, max_tokens=max_tokens, adapter=self.adapter, processors=[processor]
        )
        with closing(steps):
            for tokens in steps:
                written += len(tokens)
                sentences = spans.sentences(walk.push(tokens))
                yield Draft() if decoding.stop else Draft(*cited(sentences))
        sentences = _until_stop(spans.sentences(walk.end()), decoding.stop)
        yield _cited(sentences, decoding.stop, Usage(len(ids), written), "stop")

    def write(self, messages: Sequence[Message]) -> str:
        """What the base writes behind messages of another kind than a question, its likeliest tokens.

        Raises InvalidInputError where they do not fit into the model, ModelError where it fails.
        """
        marks = self.encoder.prompt.marks
        safe = [replace(message, content=broken_up(message.content, marks)) for message in messages]
        ids = self.encoder.message_ids(safe)
        room = self._window if self.local.encoder_decoder else self._window - len(ids)
        if room < 1:
            raise InvalidInputError(
                f"{len(ids)} tokens do not fit into the model's {self._window}. Choose smaller "
                "ingestion.chunk_tokens or a larger model.",
                code="context_too_small",
            )
        with closing(self.local.write(ids, Decoding(), max_tokens=min(_WRITTEN, room))) as steps:
            return self._decode([token for tokens in steps for token in tokens]).strip()

    def _decode(self, tokens: list[int]) -> str:
        text: str = self.local.tokenizer.decode(tokens, skip_special_tokens=True)
        return text


class EndpointGenerator:
    """A Generator over a server that speaks OpenAI's protocol.

    Its tokenizer is not at hand: tokens are estimated from characters. Grounding is verified afterwards.
    """

    def __init__(self, settings: Settings, endpoint: Endpoint) -> None:
        self.id = f"openai:{endpoint.model}"
        self._settings = settings
        self._endpoint = endpoint
        family = "chat" if settings.models.prompt == "auto" else settings.models.prompt
        self.prompt = Prompt(family, settings.models.shots)
        self._window = settings.models.context_tokens or _ENDPOINT_WINDOW

    @property
    def prompt_hash(self) -> str:
        return self.prompt.hash

    def stream(
        self, question: str, reading: Reading, history: Sequence[Message], decoding: Decoding
    ) -> Iterator[Draft]:
        """Raises ModelError where the model cannot be reached or fails."""
        asked = Asked(question, reading.hits, tuple(history), self._settings.assistant.purpose)
        reserved = min(decoding.max_tokens, self._window // 2)
        fitting = fit(asked, self._estimate, self._window - reserved)
        shown = first_hits(reading, len(fitting.hits))
        cutter, beginning = StopCutter(decoding.stop), Beginning(shown)
        verbatim = self._settings.answering.grounded
        text, usage, reason = "", Usage(), None
        with closing(self._endpoint.write(self.prompt.render(fitting), decoding)) as pieces:
            for piece in pieces:
                text += cutter.push(piece.text)
                usage, reason = piece.usage or usage, piece.finish_reason or reason
                yield Draft() if verbatim else _so_far(text, beginning, decoding.stop)
                if cutter.stopped or beginning.over:
                    break
        text += cutter.rest()
        if verbatim:
            units = verbatim_units(_complete(text.strip()) if reason == "length" else text.strip(), shown)
            yield _cited(units or [], decoding.stop, usage, reason or "stop")
        else:
            yield _whole(text, beginning, decoding.stop, usage, reason or "stop")

    def write(self, messages: Sequence[Message]) -> str:
        """What the model writes behind messages of another kind than a question. Raises ModelError."""
        with closing(self._endpoint.write(tuple(messages), Decoding(max_tokens=_WRITTEN))) as pieces:
            return "".join(piece.text for piece in pieces).strip()

    def _estimate(self, asked: Asked) -> int:
        return sum(len(message.content) // _CHARS_A_TOKEN + 4 for message in self.prompt.render(asked))


def _so_far(text: str, beginning: Beginning, stops: tuple[str, ...]) -> Draft:
    """Nothing where a stop string might cut what is shown, or where the model says that it does not know."""
    if stops or NOT_COVERED in text:
        return Draft()
    return Draft(*cited(beginning.of(text, ended=False)))


def _whole(
    text: str, beginning: Beginning, stops: tuple[str, ...], usage: Usage, reason: FinishReason
) -> Draft:
    text = text.partition(NOT_COVERED)[0].strip()
    sentences = beginning.of(_complete(text) if reason == "length" else text, ended=True)
    return _cited(sentences, stops, usage, "content_filter" if beginning.over else reason)


def _cited(
    sentences: Sequence[Sentence], stops: tuple[str, ...], usage: Usage, reason: FinishReason
) -> Draft:
    text, quotes = cited(sentences)
    text = cut_at_stop(text, stops)  # the marks that were added may hold one
    return Draft(text, quotes if text.strip() else (), usage, reason)


def _complete(text: str) -> str:
    """The text without a last sentence that was cut off: half a sentence may say the contrary, half a number
    is another one.
    """
    last = (split_sentences(text) or [""])[-1]
    ended = re.search(r"[.!?…][\"'”’)\]]*(\s*\[\d+\])*$", last)
    return text if ended else text[: len(text) - len(last)].rstrip()


def _until_stop(sentences: Sequence[Sentence], stops: tuple[str, ...]) -> list[Sentence]:
    """The sentences before a stop string; one that it cuts inside a word or number is left out."""
    kept: list[Sentence] = []
    for sentence in sentences:
        shown = cut_at_stop(sentence.text, stops)
        if shown == sentence.text:
            kept.append(sentence)
            continue
        inside = shown[-1:].isalnum() and sentence.text[len(shown) : len(shown) + 2][-1:].isalnum()
        if shown.strip() and not inside and numbers(shown) <= numbers(sentence.text):
            kept.append(replace(sentence, text=shown.rstrip()))
        break
    return kept


def named_model(settings: Settings) -> str:
    """Raises ConfigurationError where the settings name none, and none of our own is at hand."""
    if settings.generator == "transformers" and not settings.models.model and SHIPPED_MODEL.is_dir():
        return str(SHIPPED_MODEL)
    if not settings.models.model:
        raise ConfigurationError(
            f"INHOUSE_GENERATOR={settings.generator} needs a model: set INHOUSE_MODELS__MODEL."
        )
    return settings.models.model


def check_named(settings: Settings) -> None:
    """Raises ConfigurationError where the settings do not name what their generator needs; loads nothing."""
    if settings.generator == "reader":
        return
    named_model(settings)
    if settings.generator == "openai":
        from core.models.endpoint import address_of

        address_of(settings.models)


def load_local(settings: Settings) -> LocalModel:
    """The model that `transformers` generates with. Raises ConfigurationError and ModelError."""
    from core.models.local import LocalModel

    models = settings.models
    return LocalModel.load(
        named_model(settings),
        timeout_s=models.timeout_s,
        adapters_kept=models.adapters_kept,
        threads=models.threads,
    )


def endpoint_generator(settings: Settings) -> EndpointGenerator:
    """Raises ConfigurationError where the settings do not name model and address."""
    from core.models.endpoint import Endpoint

    named_model(settings)
    return EndpointGenerator(settings, Endpoint(settings.models))
