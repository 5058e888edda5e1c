from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from core.errors import ConfigurationError, ModelError
from core.interfaces import Decoding, Draft, Reading
from core.models.generators import chat_generator, supporting_units
from core.reading import read
from core.settings import ModelSettings, Settings
from core.types import Chunk, Hit
from tests.fakes import FakeReranker


@pytest.fixture
def reading() -> Reading:
    text = "Employees may claim up to €45 a day for meals. Alcohol is never reimbursed."
    return read("meals", [Hit(Chunk("c", "d", "d.md", "Expenses", (), text, 0), 1.0)], FakeReranker())


def test_a_sentence_in_the_words_of_a_passage_is_supported_by_it(reading: Reading) -> None:
    quotes = supporting_units("You may claim up to €45 a day for meals [1].", reading)
    assert [scored.unit.text for scored in quotes] == ["Employees may claim up to €45 a day for meals."]


def test_a_text_with_one_invented_sentence_is_not_supported_at_all(reading: Reading) -> None:
    assert supporting_units("Alcohol is never reimbursed. Taxis cost nothing on Sundays.", reading) == ()


@pytest.mark.parametrize("text", ["a", "It is for you. A!", "\ufffd a \ufffd 4"])
def test_a_text_that_says_nothing_is_not_supported(text: str, reading: Reading) -> None:
    assert supporting_units(text, reading) == ()


@pytest.fixture
def tiny_model(tmp_path: Path) -> Path:
    """A Llama of two layers with random weights and a word-piece tokenizer: real code, no knowledge."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    letters = pre_tokenizers.ByteLevel.alphabet()
    tokenizer = Tokenizer(
        models.BPE({letter: number for number, letter in enumerate(["<end>", *sorted(letters)])}, [])
    )
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>").save_pretrained(tmp_path)
    config = LlamaConfig(
        vocab_size=257, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=256, eos_token_id=0, bos_token_id=None,
    )  # fmt: skip
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(tmp_path)
    return tmp_path


def test_a_transformers_model_streams_and_its_gibberish_is_not_supported(
    tiny_model: Path, reading: Reading
) -> None:
    generator = chat_generator(
        Settings(generator="transformers", models=ModelSettings(model=str(tiny_model)))
    )
    *pieces, draft = generator.stream("What about meals?", reading, (), Decoding(max_tokens=12))
    assert isinstance(draft, Draft)
    assert "".join(str(piece) for piece in pieces).strip() == draft.text
    assert draft.quotes == ()
    assert 0 < draft.usage.prompt_tokens <= 256 - 12
    assert draft.usage.completion_tokens > 0


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = Settings(generator="transformers", models=ModelSettings(model=str(tmp_path / "nothing")))
    with pytest.raises(ModelError, match="cannot be loaded"):
        chat_generator(missing)


def test_a_generator_without_a_model_says_which_setting_is_missing() -> None:
    with pytest.raises(ConfigurationError, match="INHOUSE_MODELS__MODEL"):
        chat_generator(Settings(generator="openai"))


@pytest.fixture
def endpoint() -> Iterator[tuple[str, list[dict[str, object]]]]:
    """A server that speaks OpenAI's streaming protocol and always gives the same answer."""
    asked: list[dict[str, object]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            for word in ("Alcohol ", "is never ", "reimbursed. [1]"):
                delta = {"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": None}
                self._event(
                    {
                        "id": "1",
                        "object": "chat.completion.chunk",
                        "created": 1,
                        "model": "m",
                        "choices": [delta],
                    }
                )
            usage = {"prompt_tokens": 50, "completion_tokens": 5, "total_tokens": 55}
            self._event(
                {
                    "id": "1",
                    "object": "chat.completion.chunk",
                    "created": 1,
                    "model": "m",
                    "choices": [],
                    "usage": usage,
                }
            )
            self.wfile.write(b"data: [DONE]\n\n")

        def _event(self, row: dict[str, object]) -> None:
            self.wfile.write(f"data: {json.dumps(row)}\n\n".encode())

        def log_message(self, format: str, *arguments: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1", asked
    server.shutdown()


def test_an_openai_endpoint_answers_and_is_cited(
    endpoint: tuple[str, list[dict[str, object]]], reading: Reading
) -> None:
    url, asked = endpoint
    settings = Settings(generator="openai", models=ModelSettings(model="m", base_url=url, api_key="k"))
    *_, draft = chat_generator(settings).stream("Can I claim wine?", reading, (), Decoding(max_tokens=40))
    assert isinstance(draft, Draft)
    assert draft.text == "Alcohol is never reimbursed. [1]"
    assert [scored.unit.text for scored in draft.quotes] == ["Alcohol is never reimbursed."]
    assert draft.usage.prompt_tokens == 50
    assert "Can I claim wine?" in str(asked[0]["messages"])


def test_an_endpoint_that_is_away_is_a_model_error(reading: Reading) -> None:
    settings = Settings(
        generator="openai", models=ModelSettings(model="m", base_url="http://127.0.0.1:9/v1", api_key="k")
    )
    with pytest.raises(ModelError, match="did not answer"):
        list(chat_generator(settings).stream("Wine?", reading, (), Decoding()))
