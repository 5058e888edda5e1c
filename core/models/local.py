"""A transformers model in this process, causal or encoder-decoder: token ids in, token ids out by steps."""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import torch
from transformers import LogitsProcessor, LogitsProcessorList, StoppingCriteria, StoppingCriteriaList
from transformers.generation.streamers import BaseStreamer

from core.errors import ModelError
from core.interfaces import Decoding
from core.models.adapter_card import base_fingerprint
from core.models.adapters import Adapter, Adapters
from core.models.precision import inference_dtype, use_threads
from core.models.sampling import generate_options, sampling_processors

log = logging.getLogger("inhouse.models")

Tokens = tuple[int, ...]
_JOIN_S = 1.0


@dataclass(frozen=True)
class LocalModel:
    """Thread-safe. `fingerprint` tells the weights of the base."""

    name: str
    model: Any
    tokenizer: Any
    adapters: Adapters
    fingerprint: str
    timeout_s: float = 120.0  # longest wait for the next token

    @classmethod
    def load(
        cls, name: str, *, timeout_s: float = 120.0, adapters_kept: int = 4, threads: int = 0
    ) -> LocalModel:
        """`name` is a folder or a model id. Raises ModelError where it cannot be loaded."""
        from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

        use_threads(threads)
        try:
            config = AutoConfig.from_pretrained(name)
            tokenizer = AutoTokenizer.from_pretrained(name)
            kind = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
            model = kind.from_pretrained(name, dtype=inference_dtype())
        except (OSError, ValueError) as error:
            raise ModelError(
                f"The model {name!r} cannot be loaded: {str(error).splitlines()[0]} Give a folder, or a "
                "model id that is in the local Hugging Face cache or can be downloaded."
            ) from error
        network: Any = model
        model = network.to("cuda" if torch.cuda.is_available() else "cpu").train(False)
        fingerprint = base_fingerprint(model)
        return cls(name, model, tokenizer, Adapters(model, adapters_kept), fingerprint, timeout_s)

    @property
    def encoder_decoder(self) -> bool:
        return bool(self.model.config.is_encoder_decoder)

    @property
    def kind(self) -> str:
        """As the registry names adapters of such models."""
        return "seq2seq" if self.encoder_decoder else "causal"

    @property
    def shown_name(self) -> str:
        """A folder by its name and weights: its path is nobody's business."""
        folder = Path(self.name)
        return f"{folder.name}-{self.fingerprint[:8]}" if folder.exists() else self.name

    @property
    def end_tokens(self) -> list[int]:
        named = self.model.generation_config.eos_token_id
        if named is None:
            named = self.tokenizer.eos_token_id
        return list(named) if isinstance(named, (list, tuple)) else [] if named is None else [int(named)]

    def begin(self, ids: Sequence[int]) -> int:
        """Tokens that stand before the first written one where `generate` counts."""
        return 1 if self.encoder_decoder else len(ids)

    def write(
        self,
        ids: Sequence[int],
        decoding: Decoding,
        *,
        max_tokens: int,
        adapter: Adapter | None = None,
        processors: Sequence[LogitsProcessor] = (),
    ) -> Generator[Tokens]:
        """What is written behind `ids`, without its end mark; empty tuples while nothing is known yet.

        Beams are known only at the end, all at once. Closing the iterator stops the generating thread at its
        next step. Raises ModelError where the model fails or takes longer than `timeout_s` for a step.
        """
        written: SimpleQueue[Tokens | Exception | None] = SimpleQueue()
        abandoned = threading.Event()
        watch = _Watch(written, abandoned)

        def generate() -> None:
            try:
                with self.adapters.using(adapter, watch.tick):
                    found = self._generate(ids, decoding, max_tokens, processors, watch)
                if decoding.num_beams > 1:
                    written.put(tuple(found[0, self.begin(ids) :].tolist()))
            except _Abandoned:
                pass
            except Exception as error:  # handed to the reading thread, which raises it
                written.put(error)
            finally:
                written.put(None)

        thread = threading.Thread(target=generate, name="generate", daemon=True)
        thread.start()
        ends = {*self.end_tokens, self._pad_token}
        try:
            while (item := self._next(written)) is not None:
                if isinstance(item, ModelError):
                    raise item
                if isinstance(item, Exception):
                    log.error("the model %s failed", self.shown_name, exc_info=item)
                    raise ModelError(
                        f"The model {self.shown_name} failed ({type(item).__name__}: {item})."
                    ) from item
                yield tuple(token for token in item if token not in ends)
        finally:
            abandoned.set()
            thread.join(_JOIN_S)  # a process that ends while torch computes in a thread is aborted

    def _next(self, written: SimpleQueue[Tokens | Exception | None]) -> Tokens | Exception | None:
        try:
            return written.get(timeout=self.timeout_s)
        except Empty:
            raise ModelError(
                f"The model {self.shown_name} wrote nothing for {self.timeout_s:g} seconds: it is too large "
                "for this machine, or models.timeout_s too small.",
                code="model_timeout",
            ) from None

    def _generate(
        self,
        ids: Sequence[int],
        decoding: Decoding,
        max_tokens: int,
        processors: Sequence[LogitsProcessor],
        watch: _Watch,
    ) -> Any:
        inputs = torch.tensor([list(ids)], device=self.model.device)
        return self.model.generate(
            input_ids=inputs,
            attention_mask=torch.ones_like(inputs),
            **generate_options(decoding, max_tokens),
            pad_token_id=self._pad_token,
            eos_token_id=self.end_tokens or None,
            logits_processor=LogitsProcessorList([*processors, *sampling_processors(decoding)]),
            stopping_criteria=StoppingCriteriaList([watch]),
            streamer=_TokenStream(watch.written) if decoding.num_beams == 1 else None,
        )

    @property
    def _pad_token(self) -> int:
        pad = self.tokenizer.pad_token_id
        return int(pad) if pad is not None else next(iter(self.end_tokens), 0)


class _Abandoned(Exception):
    """Nobody waits for the text any more."""


class _Watch(StoppingCriteria):
    """Asked after every step: ends the generating where nobody reads any more, and gives a sign of life."""

    def __init__(self, written: SimpleQueue[Tokens | Exception | None], abandoned: threading.Event) -> None:
        self.written = written
        self._abandoned = abandoned

    def tick(self) -> None:
        if self._abandoned.is_set():
            raise _Abandoned
        self.written.put(())

    def __call__(self, input_ids: torch.Tensor, scores: Any, **options: Any) -> torch.Tensor:
        self.written.put(())
        return torch.full((len(input_ids),), self._abandoned.is_set(), device=input_ids.device)


class _TokenStream(BaseStreamer):
    """Hands on each token; the first call brings the prompt."""

    def __init__(self, written: SimpleQueue[Tokens | Exception | None]) -> None:
        self._written = written
        self._past_prompt = False

    def put(self, value: torch.Tensor) -> None:
        if self._past_prompt:
            self._written.put(tuple(value.reshape(-1).tolist()))
        self._past_prompt = True

    def end(self) -> None:
        """The thread tells the end itself."""
