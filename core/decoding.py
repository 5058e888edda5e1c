"""How a generating model picks its tokens: a request's wishes over the defaults, checked together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from core.errors import InvalidInputError

if TYPE_CHECKING:
    from core.settings import DecodingSettings

_OF_BEAMS = ("num_beams", "length_penalty", "early_stopping")
_OF_SAMPLING = ("temperature", "top_k", "top_p")
_BEYOND_OPENAI = (
    "top_k",
    "num_beams",
    "length_penalty",
    "early_stopping",
    "repetition_penalty",
    "no_repeat_ngram_size",
    "min_new_tokens",
)


@dataclass(frozen=True, slots=True)
class Decoding:
    """How a generating model picks its tokens, named as transformers does.

    Of these the reader heeds `max_tokens` and `stop` alone.
    """

    max_tokens: int = 256
    temperature: float = 0.0  # 0: the likeliest token each time
    top_p: float = 1.0
    stop: tuple[str, ...] = field(default=())
    top_k: int = 0  # 0: of all tokens
    num_beams: int = 1
    length_penalty: float = 1.0
    early_stopping: bool = False
    repetition_penalty: float = 1.0
    no_repeat_ngram_size: int = 0
    min_new_tokens: int = 0
    seed: int | None = None


_PLAIN = asdict(Decoding())
DECODING_NAMES = tuple(_PLAIN)


def default_decoding(settings: DecodingSettings) -> Decoding:
    return Decoding(**dict(settings))


def decide_decoding(defaults: Decoding, wishes: Mapping[str, Any]) -> Decoding:
    """The defaults with the wishes that are not None. Who asks for beams turns sampling by default off, and
    the other way round.

    Raises InvalidInputError (`contradictory_decoding`) that names both parameters.
    """
    wishes = {name: value for name, value in wishes.items() if value is not None}
    if "seed" in wishes:
        wishes["seed"] %= 2**63
    if wishes.get("num_beams", 1) > 1:
        defaults = replace(defaults, **{name: _PLAIN[name] for name in _OF_SAMPLING})
    elif wishes.get("temperature", 0) > 0:
        defaults = replace(defaults, **{name: _PLAIN[name] for name in _OF_BEAMS})
    if "max_tokens" in wishes and "min_new_tokens" not in wishes:
        defaults = replace(defaults, min_new_tokens=min(defaults.min_new_tokens, wishes["max_tokens"]))
    decided = replace(defaults, **wishes) if wishes else defaults
    if fault := contradiction(decided):
        raise InvalidInputError(fault, code="contradictory_decoding")
    return decided


def contradiction(decoding: Decoding) -> str:
    """What does not go together, as one sentence with what to do; empty where all does.

    `top_p` without a temperature is let pass, because OpenAI's clients send it so.
    """
    if decoding.num_beams > 1 and decoding.temperature > 0:
        return "num_beams and temperature contradict each other: beams do not sample. Set one of them."
    if decoding.top_k and decoding.temperature == 0:
        return "top_k needs a temperature above 0: without one the likeliest token is taken each time."
    if decoding.num_beams == 1 and decoding.early_stopping:
        return "early_stopping needs num_beams above 1: it says when a search by beams may end."
    if decoding.num_beams == 1 and decoding.length_penalty != 1:
        return "length_penalty needs num_beams above 1: it weighs finished beams against each other."
    if decoding.min_new_tokens > decoding.max_tokens:
        return (
            f"min_new_tokens ({decoding.min_new_tokens}) is more than max_tokens ({decoding.max_tokens}): "
            "raise max_tokens."
        )
    if any(not stop for stop in decoding.stop):
        return "stop holds an empty text, at which every answer would end: leave it out."
    return ""


def beyond_openai(decoding: Decoding) -> list[str]:
    """Names of the parameters that are set and that OpenAI's protocol has no field for."""
    return [name for name in _BEYOND_OPENAI if getattr(decoding, name) != _PLAIN[name]]


class StopCutter:
    """Text piece by piece, ended before the first of the stop strings; what may be the beginning of one is
    held back until it is known.
    """

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._stops = stops
        self._held = ""
        self.stopped = False

    def push(self, text: str) -> str:
        """What may be shown now."""
        if self.stopped:
            return ""
        self._held += text
        found = [place for stop in self._stops if (place := self._held.find(stop)) >= 0]
        if found:
            self.stopped = True
            shown, self._held = self._held[: min(found)], ""
            return shown
        keep = max((self._begun(stop) for stop in self._stops), default=0)
        cut = len(self._held) - keep
        shown, self._held = self._held[:cut], self._held[cut:]
        return shown

    def rest(self) -> str:
        """What was held back, now that nothing follows."""
        held, self._held = self._held, ""
        return held

    def _begun(self, stop: str) -> int:
        longest = min(len(stop) - 1, len(self._held))
        return next((size for size in range(longest, 0, -1) if self._held.endswith(stop[:size])), 0)


def cut_at_stop(text: str, stops: tuple[str, ...]) -> str:
    cutter = StopCutter(stops)
    return cutter.push(text) + cutter.rest()
