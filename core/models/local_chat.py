"""A transformers causal model as a LangChain chat model, streaming."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import ConfigDict

from core.errors import ModelError

_ROLES = {"system": "system", "human": "user", "ai": "assistant"}
_STREAM_TIMEOUT_S = 120  # a generating thread that died leaves its reader waiting otherwise


class LocalChatModel(BaseChatModel):
    """Any `AutoModelForCausalLM`; a tokenizer without a chat template gets the turns as plain text."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    model: Any
    tokenizer: Any

    @property
    def _llm_type(self) -> str:
        return "inhouse-local"

    @classmethod
    def load(cls, name: str) -> LocalChatModel:
        """`name` is a folder or a model id. Raises ModelError where it cannot be loaded."""
        from transformers import AutoModelForCausalLM, AutoTokenizer

        from core.models.precision import inference_dtype

        try:
            tokenizer = AutoTokenizer.from_pretrained(name)
            model = AutoModelForCausalLM.from_pretrained(name, dtype=inference_dtype())
        except (OSError, ValueError) as error:
            raise ModelError(
                f"The model {name!r} cannot be loaded: {str(error).splitlines()[0]} Give a folder, or a "
                "model id that is in the local Hugging Face cache or can be downloaded."
            ) from error
        return cls(model=model.train(False), tokenizer=tokenizer)

    def render(self, messages: list[BaseMessage]) -> str:
        turns = [{"role": _ROLES[message.type], "content": message.text} for message in messages]
        if self.tokenizer.chat_template:
            text: str = self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
            return text
        return "\n\n".join(turn["content"] for turn in turns)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **options: Any,
    ) -> Iterator[ChatGenerationChunk]:
        from transformers import TextIteratorStreamer

        inputs = self._encode(self.render(messages), int(options.get("max_tokens", 256)))
        streamer = TextIteratorStreamer(
            self.tokenizer, skip_prompt=True, skip_special_tokens=True, timeout=_STREAM_TIMEOUT_S
        )
        faults: list[BaseException] = []

        def generate() -> None:
            try:
                self.model.generate(**inputs, **self._decoding(options, stop), streamer=streamer)
            except Exception as error:  # handed to the reading thread, which raises it
                faults.append(error)
                streamer.text_queue.put(streamer.stop_signal)

        worker = threading.Thread(target=generate, daemon=True)
        worker.start()
        written = 0
        for text in streamer:
            written += len(self.tokenizer(text, add_special_tokens=False)["input_ids"])
            yield ChatGenerationChunk(message=AIMessageChunk(content=text))
        worker.join()
        if faults:
            raise RuntimeError(str(faults[0])) from faults[0]
        read = int(inputs["input_ids"].shape[1])
        usage = UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)
        yield ChatGenerationChunk(message=AIMessageChunk(content="", usage_metadata=usage))

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **options: Any,
    ) -> ChatResult:
        text = "".join(chunk.text for chunk in self._stream(messages, stop, run_manager, **options))
        return ChatResult(generations=[ChatGeneration(message=AIMessage(content=text))])

    def _encode(self, text: str, max_tokens: int) -> Any:
        """Token ids, cut on the left where the model's window is too small, so that the question stays."""
        inputs = self.tokenizer(text, return_tensors="pt", return_token_type_ids=False)
        window = getattr(self.model.config, "max_position_embeddings", None)
        if window:
            room = max(1, window - max_tokens)
            inputs = {name: tensor[:, -room:] for name, tensor in inputs.items()}
        return inputs

    def _decoding(self, options: dict[str, Any], stop: list[str] | None) -> dict[str, Any]:
        temperature = float(options.get("temperature", 0))
        decoding: dict[str, Any] = {
            "max_new_tokens": int(options.get("max_tokens", 256)),
            "do_sample": temperature > 0,
        }
        if temperature > 0:
            decoding |= {"temperature": temperature, "top_p": float(options.get("top_p", 1))}
        if stop:
            decoding |= {"stop_strings": stop, "tokenizer": self.tokenizer}
        if self.tokenizer.pad_token_id is None:
            decoding["pad_token_id"] = self.tokenizer.eos_token_id
        return decoding
