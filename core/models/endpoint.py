"""A model behind an OpenAI-compatible server: vLLM, TGI, Ollama, another Inhouse."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from core.decoding import beyond_openai
from core.errors import ConfigurationError, InvalidInputError, ModelError
from core.interfaces import Decoding
from core.types import FinishReason, Message, Usage

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from core.settings import ModelSettings

_SECRET = re.compile(r"\b(?:sk|key|tok)[-_][\w-]{6,}|bearer\s+\S+", re.IGNORECASE)
_KINDS: dict[str, type[BaseMessage]] = {"system": SystemMessage, "user": HumanMessage, "assistant": AIMessage}


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the answer; the last ones say why it ended and what it cost."""

    text: str
    finish_reason: FinishReason | None = None
    usage: Usage | None = None


def address_of(settings: ModelSettings) -> SplitResult:
    """Raises ConfigurationError where the address is missing or is none."""
    if not settings.base_url:
        raise ConfigurationError("INHOUSE_GENERATOR=openai needs an endpoint: set INHOUSE_MODELS__BASE_URL.")
    url = urlsplit(settings.base_url)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ConfigurationError(
            "INHOUSE_MODELS__BASE_URL is no address: write it like http://localhost:8001/v1."
        )
    return url


class Endpoint:
    """Nothing is tried twice: whoever asks can tell better whether it still matters."""

    def __init__(self, settings: ModelSettings) -> None:
        """Raises ConfigurationError where the address is missing or is none."""
        url = address_of(settings)
        self.model = settings.model
        self._place = f"{url.scheme}://{url.hostname}{f':{url.port}' if url.port else ''}"  # no password
        self._timeout_s = settings.timeout_s
        self._secrets = [part for part in (settings.api_key, url.password) if part]
        self._chat_model = _chat_model(settings)

    def write(self, messages: tuple[Message, ...], decoding: Decoding) -> Generator[Piece]:
        """Raises InvalidInputError for parameters that the protocol lacks, and ModelError with the code
        `model_timeout`, `model_unreachable`, `model_key_refused`, `model_not_there`, `model_overloaded` or
        `model_error`. Closing the iterator closes the connection.
        """
        if lacking := beyond_openai(decoding):
            raise InvalidInputError(
                f"The model behind this service takes no {' or '.join(lacking)}: leave it out.",
                code="unsupported_decoding",
            )
        asked = [_KINDS[message.role](message.content) for message in messages]
        stream = self._chat_model.stream(asked, stop=list(decoding.stop) or None, **_fields(decoding))
        try:
            with closing(stream):  # type: ignore[type-var]  # typed as an iterator
                for chunk in stream:
                    usage, reason = chunk.usage_metadata, chunk.response_metadata.get("finish_reason")
                    yield Piece(
                        str(chunk.text),
                        ("length" if reason == "length" else "stop") if reason else None,
                        Usage(usage["input_tokens"], usage["output_tokens"]) if usage else None,
                    )
        except ModelError:
            raise
        except Exception as error:  # the client, its transport and LangChain each bring a tree of their own
            raise self._named(error) from None  # the cause may hold the request with its key

    def _named(self, error: Exception) -> ModelError:
        import httpx
        import openai

        asked = f"The model {self.model!r} at {self._place}"
        if isinstance(error, (openai.APITimeoutError, httpx.TimeoutException)):
            return ModelError(
                f"{asked} did not answer within {self._timeout_s:g} seconds.", code="model_timeout"
            )
        if isinstance(error, (openai.APIConnectionError, httpx.TransportError)):
            return ModelError(
                f"{asked} did not answer: the server cannot be reached or hung up.", code="model_unreachable"
            )
        if isinstance(error, (openai.AuthenticationError, openai.PermissionDeniedError)):
            return ModelError(
                f"{asked} did not answer: it refuses the key. Check INHOUSE_MODELS__API_KEY.",
                code="model_key_refused",
            )
        if isinstance(error, openai.NotFoundError):
            return ModelError(
                f"{asked} did not answer: there is no such model or path. Check INHOUSE_MODELS__MODEL and "
                "INHOUSE_MODELS__BASE_URL.",
                code="model_not_there",
            )
        if isinstance(error, openai.RateLimitError):
            return ModelError(f"{asked} did not answer: it has too much to do.", code="model_overloaded")
        status = f"status {error.status_code}, " if isinstance(error, openai.APIStatusError) else ""
        return ModelError(f"{asked} did not answer ({status}{self._without_secrets(error)}).")

    def _without_secrets(self, error: Exception) -> str:
        text = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return _SECRET.sub("…", text)


def _chat_model(settings: ModelSettings) -> BaseChatModel:
    from langchain_openai.chat_models.base import BaseChatOpenAI
    from pydantic import SecretStr

    # Not ChatOpenAI, which sends `max_completion_tokens`: many servers know `max_tokens` alone.
    return BaseChatOpenAI(
        model=settings.model,
        base_url=settings.base_url,
        api_key=SecretStr(settings.api_key or "none"),
        timeout=settings.timeout_s,
        max_retries=0,
        stream_usage=True,
    )


def _fields(decoding: Decoding) -> dict[str, Any]:
    fields: dict[str, Any] = {"max_tokens": decoding.max_tokens, "temperature": decoding.temperature}
    if decoding.top_p < 1:
        fields["top_p"] = decoding.top_p
    if decoding.seed is not None:
        fields["seed"] = decoding.seed
    return fields
