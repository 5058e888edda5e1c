"""What may come in and what may go out: validators of our own, run by Guardrails AI.

Guardrails takes part of a second to import and 50 ms to build a Guard, so both are built once and used by all
threads. Its telemetry is off, it keeps at most one past call in memory, and nothing is fetched from its hub.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import personal_data
from core.injection import find_injection
from core.orders import active_content
from core.units import split_sentences

if TYPE_CHECKING:
    from guardrails import Guard

_TEMPLATES = Path(__file__).parent / "templates"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_LEAKED_MARKERS = re.compile(r"<\|\w+\|>|\[/?INST\]|<<SYS>>|^\s*(?:system|assistant)\s*:", re.I | re.M)
_LEAK_WORDS = 8  # this many words in a row out of a prompt are no coincidence
_LOOP_WORDS = 6
_SENTENCE_WORDS = 4  # shorter sentences ("Yes.", "5 days.") may come twice


@dataclass(frozen=True, slots=True)
class GuardResult:
    passed: bool
    reason: str = ""  # the name of the first check that failed


_counting = threading.Lock()
_trips: Counter[tuple[str, str]] = Counter()


def count_trip(guard: str, reason: str) -> None:
    with _counting:
        _trips[guard, reason] += 1


def trips() -> dict[tuple[str, str], int]:
    """How often each (guard, reason) has said no in this process: guards are question,
    history (its turns that were left out), document (its passages that lost units) and answer.
    """
    with _counting:
        return dict(_trips)


class Guards:
    """Thread-safe. Building one imports Guardrails."""

    def __init__(self, max_answer_words: int = 400) -> None:
        self._question, self._answer = _build(max_answer_words)

    def check_question(self, text: str) -> GuardResult:
        """Fails for control_characters and prompt_injection."""
        return _run("question", self._question, text, {})

    def check_history(self, text: str) -> GuardResult:
        """An earlier turn, by the same checks: it comes back with every later question of the conversation,
        and is not counted as a question.
        """
        return _run("history", self._question, text, {})

    def check_answer(self, text: str, quotes: Sequence[str], sources: Sequence[str]) -> GuardResult:
        """Fails for quote_not_in_source, citation_not_real, repetition, leaked_prompt, personal_data,
        active_content and too_long. `text` may also be the beginning of an answer, as while streaming.
        """
        return _run("answer", self._answer, text, {"quotes": tuple(quotes), "sources": tuple(sources)})


def control_characters(text: str) -> bool:
    """Tab and line breaks are fine; NUL, escape codes and broken surrogates are not."""
    return _CONTROL.search(text) is not None


def unsupported_quote(quotes: Sequence[str], sources: Sequence[str]) -> str | None:
    """The first quote that stands in no source. White space may differ; an empty quote supports nothing."""
    folded = [_folded(source) for source in sources]
    for quote in quotes:
        wanted = _folded(quote)
        if not wanted or not any(wanted in source for source in folded):
            return quote
    return None


def unreal_citation(text: str, count: int) -> str | None:
    """The first citation mark that names none of the `count` quotes or passages."""
    numbers = re.findall(r"\[(\d{1,4})\]", text)
    return next((number for number in numbers if not 1 <= int(number) <= count), None)


def repeats(text: str) -> bool:
    """True where a sentence comes twice, or the same six words three times: how a small model gets stuck."""
    bare = re.sub(r"\[\d+\]", " ", text)
    sentences = [_words(sentence) for line in bare.splitlines() for sentence in split_sentences(line)]
    long_ones = Counter(sentence for sentence in sentences if len(sentence) >= _SENTENCE_WORDS)
    loops = Counter(_windows(_words(bare), _LOOP_WORDS))
    return any(count > 1 for count in long_ones.values()) or any(count > 2 for count in loops.values())


def leaks_prompt(text: str, sources: Sequence[str], private: set[tuple[str, ...]]) -> bool:
    """True where the answer shows chat markers or words of a prompt that do not stand in its sources."""
    if _LEAKED_MARKERS.search(text) and not any(_LEAKED_MARKERS.search(source) for source in sources):
        return True
    leaked = private.intersection(_windows(_words(text), _LEAK_WORDS))
    return bool(leaked) and not leaked <= {
        window for source in sources for window in _windows(_words(source), _LEAK_WORDS)
    }


def _build(max_answer_words: int) -> tuple[Guard, Guard]:
    with _without("nltk", "rfc3987_syntax"):
        import guardrails
    from guardrails.classes.rc import RC
    from guardrails.settings import settings
    from guardrails.types.on_fail import OnFailAction
    from guardrails.validators import FailResult, PassResult, ValidationResult, Validator, register_validator

    os.environ.setdefault("GUARDRAILS_RUN_SYNC", "true")
    settings.rc = RC(enable_metrics=False)
    private = {
        window
        for file in _TEMPLATES.glob("*.yaml")
        for window in _windows(_words(file.read_text(encoding="utf-8")), _LEAK_WORDS)
    }

    def outcome(failed: bool, reason: str) -> ValidationResult:
        return FailResult(error_message=reason) if failed else PassResult()

    @register_validator(name="inhouse/control-characters", data_type="string")
    class ControlCharacters(Validator):  # type: ignore[misc]  # guardrails is untyped
        def _validate(self, value: str, metadata: dict[str, Any]) -> ValidationResult:
            return outcome(control_characters(value), "control_characters")

    @register_validator(name="inhouse/prompt-injection", data_type="string")
    class PromptInjection(Validator):  # type: ignore[misc]
        def _validate(self, value: str, metadata: dict[str, Any]) -> ValidationResult:
            return outcome(find_injection(value) is not None, "prompt_injection")

    @register_validator(name="inhouse/verbatim-quotes", data_type="string")
    class VerbatimQuotes(Validator):  # type: ignore[misc]
        def _validate(self, value: str, metadata: dict[str, Any]) -> ValidationResult:
            missing = unsupported_quote(metadata["quotes"], metadata["sources"])
            return outcome(missing is not None, "quote_not_in_source")

    @register_validator(name="inhouse/real-citations", data_type="string")
    class RealCitations(Validator):  # type: ignore[misc]
        def _validate(self, value: str, metadata: dict[str, Any]) -> ValidationResult:
            held = {mark for source in metadata["sources"] for mark in re.findall(r"\[\d{1,4}\]", source)}
            said = " ".join(mark for mark in re.findall(r"\[\d{1,4}\]", value) if mark not in held)
            return outcome(
                unreal_citation(said, max(len(metadata["quotes"]), len(metadata["sources"]))) is not None,
                "citation_not_real",
            )

    @register_validator(name="inhouse/no-foreign-data", data_type="string")
    class NoForeignData(Validator):  # type: ignore[misc]
        def _validate(self, value: str, metadata: dict[str, Any]) -> ValidationResult:
            found = personal_data.foreign(value, list(metadata["sources"]))
            return outcome(found is not None, "personal_data")

    @register_validator(name="inhouse/no-active-content", data_type="string")
    class NoActiveContent(Validator):  # type: ignore[misc]
        def _validate(self, value: str, metadata: dict[str, Any]) -> ValidationResult:
            return outcome(active_content(value), "active_content")

    @register_validator(name="inhouse/length", data_type="string")
    class Length(Validator):  # type: ignore[misc]
        def _validate(self, value: str, metadata: dict[str, Any]) -> ValidationResult:
            return outcome(len(value.split()) > max_answer_words, "too_long")

    @register_validator(name="inhouse/no-repetition", data_type="string")
    class NoRepetition(Validator):  # type: ignore[misc]
        def _validate(self, value: str, metadata: dict[str, Any]) -> ValidationResult:
            return outcome(repeats(value), "repetition")

    @register_validator(name="inhouse/no-leaked-prompt", data_type="string")
    class NoLeakedPrompt(Validator):  # type: ignore[misc]
        def _validate(self, value: str, metadata: dict[str, Any]) -> ValidationResult:
            return outcome(leaks_prompt(value, metadata["sources"], private), "leaked_prompt")

    def guard(*validators: type[Validator]) -> Guard:
        built = guardrails.Guard(history_max_length=1)
        built.configure(allow_metrics_collection=False)
        return built.use(*(validator(on_fail=OnFailAction.NOOP) for validator in validators))

    return guard(ControlCharacters, PromptInjection), guard(
        VerbatimQuotes, RealCitations, NoRepetition, NoLeakedPrompt, NoForeignData, NoActiveContent, Length
    )


def _run(name: str, guard: Guard, text: str, metadata: dict[str, Any]) -> GuardResult:
    """By the summaries of failed validators; `validation_passed` is not to be trusted for every on_fail."""
    result = guard.validate(text, metadata=metadata)
    reasons = [summary.failure_reason for summary in result.validation_summaries or ()]
    for reason in reasons:
        count_trip(name, str(reason))
    return GuardResult(passed=not reasons, reason=str(reasons[0]) if reasons else "")


@contextmanager
def _without(*modules: str) -> Iterator[None]:
    """Hides modules while Guardrails is imported: nltk would download data, the other costs seconds."""
    loaded: dict[str, Any] = sys.modules  # None marks a blocked module
    hidden = {name: loaded.get(name) for name in modules}
    loaded.update(dict.fromkeys(modules))
    try:
        yield
    finally:
        for name, module in hidden.items():
            if module is None:
                del loaded[name]
            else:
                loaded[name] = module


def _folded(text: str) -> str:
    return " ".join(text.split())


def _words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\w+", text.casefold()))


def _windows(words: Sequence[str], size: int) -> list[tuple[str, ...]]:
    return [tuple(words[start : start + size]) for start in range(len(words) - size + 1)]
