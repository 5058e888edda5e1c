"""The local model as a LangChain chat model, for those who compose it with other parts of LangChain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import ConfigDict

from core.decoding import StopCutter, decide_decoding
from core.interfaces import Decoding
from core.models.local import LocalModel

_ROLES = {"system": "system", "human": "user", "ai": "assistant"}


class LocalChatModel(BaseChatModel):
    """Takes the fields of `Decoding` as options; a tokenizer without a chat template gets plain text."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    local: LocalModel

    @property
    def _llm_type(self) -> str:
        return "inhouse-local"

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **options: Any,
    ) -> Iterator[ChatGenerationChunk]:
        decoding = decide_decoding(Decoding(), {**options, "stop": tuple(stop or ())})
        ids, cutter = self._ids(messages), StopCutter(decoding.stop)
        written: list[int] = []
        decoded = ""
        with closing(self.local.write(ids, decoding, max_tokens=decoding.max_tokens)) as steps:
            for tokens in steps:
                written += tokens
                now: str = self.local.tokenizer.decode(written, skip_special_tokens=True)
                if now.endswith("\ufffd"):
                    continue
                if text := cutter.push(now[len(decoded) :]):
                    yield ChatGenerationChunk(message=AIMessageChunk(content=text))
                decoded = now
                if cutter.stopped:
                    break
        used = UsageMetadata(
            input_tokens=len(ids), output_tokens=len(written), total_tokens=len(ids) + len(written)
        )
        yield ChatGenerationChunk(message=AIMessageChunk(content=cutter.rest(), usage_metadata=used))

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **options: Any,
    ) -> ChatResult:
        text = "".join(chunk.text for chunk in self._stream(messages, stop, run_manager, **options))
        return ChatResult(generations=[ChatGeneration(message=AIMessage(content=text))])

    def _ids(self, messages: list[BaseMessage]) -> list[int]:
        turns = [{"role": _ROLES[message.type], "content": message.text} for message in messages]
        tokenizer = self.local.tokenizer
        if not tokenizer.chat_template:
            plain: list[int] = tokenizer("\n\n".join(turn["content"] for turn in turns))["input_ids"]
            return plain
        text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids
