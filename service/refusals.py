"""Fields of OpenAI's that ask for what Inhouse does not do.

A field is ignored where the answer is still what was asked for, as with `frequency_penalty` or
`metadata`. Where a client would wait for what never comes, such as a call of its tools, it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_NO_TOOLS = "answers come from the documents alone, so no tools are called"
_NO_LOGPROBS = "log probabilities are not given"
_TEXT_ONLY = "answers are plain text"


def _empty(value: Any) -> bool:
    return not value


def _no_choice(value: Any) -> bool:
    return value in (None, "none", "auto")


# field -> which values ask for nothing, and why the others are refused
_REFUSED: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "tools": (_empty, _NO_TOOLS),
    "functions": (_empty, _NO_TOOLS),
    "tool_choice": (_no_choice, _NO_TOOLS),
    "function_call": (_no_choice, _NO_TOOLS),
    "web_search_options": (lambda value: value is None, "answers come from the documents alone"),
    "logprobs": (_empty, _NO_LOGPROBS),
    "top_logprobs": (_empty, _NO_LOGPROBS),
    "logit_bias": (_empty, "single tokens cannot be preferred or banned"),
    "audio": (_empty, _TEXT_ONLY),
    "modalities": (lambda value: value in (None, ["text"]), _TEXT_ONLY),
    "response_format": (lambda value: value in (None, {"type": "text"}), _TEXT_ONLY),
}


def refuse_unsupported(request: Any) -> Any:
    """The request as it came. Raises ValueError naming the first field that is not supported."""
    if isinstance(request, Mapping) and not _REFUSED.keys().isdisjoint(request):
        for name, (asks_for_nothing, reason) in _REFUSED.items():
            if not asks_for_nothing(request.get(name)):
                raise ValueError(f"{name} is not supported: {reason}. Leave it out.")
    return request
