"""Generating models that tests make from nothing in seconds: two layers, a byte-level tokenizer, and as much
knowledge as they are taught here. They run the real code of transformers and PEFT.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

from core.interfaces import Reading
from core.models.adapter_card import base_fingerprint, card_of
from core.models.encoding import PromptEncoder, prompt_of
from core.models.heaps import keep_freed_memory
from core.prompts import Asked
from core.reading import read
from core.settings import AssistantSettings, ModelSettings, Settings
from core.types import Chunk, Hit
from tests.fakes import FakeReranker

PASSAGES = (
    ("Expenses", "Employees may claim up to €45 a day for meals. Alcohol is never reimbursed."),
    ("Leave", "Everyone has 28 days of paid leave a year. Unused days expire on 31 March."),
    ("VPN", "Connect with WireGuard. The gateway is vpn.example.com and needs a token of 6 digits."),
)
QUESTIONS = ("What about meals?", "How much leave is there?", "How do I connect?")
FIRST_SENTENCES = tuple(text.split(". ")[0] + "." for _, text in PASSAGES)
PURPOSE = "questions about work"

Lesson = tuple[Asked, str]  # what is asked, and the answer to learn
CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<end>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
_MARKS = ["<pad>", "<end>", "<|system|>", "<|user|>", "<|assistant|>"]


def make_tokenizer(texts: Sequence[str], *, chat: bool = False, encoder_decoder: bool = False) -> Any:
    """Byte-level BPE: any text is its tokens again. An encoder's texts end with the end mark, as T5's do."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=_MARKS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    if encoder_decoder:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="$A <end>", special_tokens=[("<end>", tokenizer.token_to_id("<end>"))]
        )
    made = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<end>",
        pad_token="<pad>",
        additional_special_tokens=_MARKS[2:],
        model_max_length=1024,
    )
    made.chat_template = CHAT_TEMPLATE if chat else None
    return made


def make_llama(tokenizer: Any, *, seed: int = 0, window: int = 1024) -> Any:
    torch.manual_seed(seed)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=window,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=None,
        )
    )


def make_t5(tokenizer: Any, *, seed: int = 0) -> Any:
    torch.manual_seed(seed)
    return T5ForConditionalGeneration(
        T5Config(
            vocab_size=len(tokenizer),
            d_model=64,
            d_kv=16,
            d_ff=128,
            num_layers=2,
            num_decoder_layers=2,
            num_heads=4,
            dropout_rate=0.0,
            n_positions=1024,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            decoder_start_token_id=tokenizer.pad_token_id,
        )
    )


def encoder_of(model: Any, tokenizer: Any, wanted: str = "auto", shots: int = 0) -> PromptEncoder:
    encoder_decoder = bool(model.config.is_encoder_decoder)
    prompt = prompt_of(wanted, shots, tokenizer, encoder_decoder=encoder_decoder)
    return PromptEncoder(tokenizer, prompt, encoder_decoder)


def teach(
    model: Any, encoder: PromptEncoder, lessons: Sequence[Lesson], *, rate: float = 5e-3, steps: int = 300
) -> int:
    """Until the lessons are known by heart, `steps` at most; returns how many it took."""
    batch = _batch(encoder, lessons)
    torch.set_num_threads(1)  # so small a model is slower on two, and far slower on two busy ones
    optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=rate)
    keep_freed_memory()
    model.train()
    for taken in range(1, steps + 1):  # noqa: B007  # the number of the last step is returned
        loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if float(loss.detach()) < 0.01:
            break
    model.train(False)
    return taken


def _batch(encoder: PromptEncoder, lessons: Sequence[Lesson]) -> dict[str, torch.Tensor]:
    prompts = [encoder.ids(asked) for asked, _ in lessons]
    completions = [encoder.completion_ids(answer) for _, answer in lessons]
    pad = encoder.tokenizer.pad_token_id
    if encoder.encoder_decoder:
        return {
            "input_ids": _padded(prompts, pad),
            "attention_mask": _padded([[1] * len(ids) for ids in prompts], 0),
            "labels": _padded(completions, -100),
        }
    whole = [prompt + completion for prompt, completion in zip(prompts, completions, strict=True)]
    labels = [[-100] * len(prompt) + done for prompt, done in zip(prompts, completions, strict=True)]
    return {
        "input_ids": _padded(whole, pad),
        "attention_mask": _padded([[1] * len(ids) for ids in whole], 0),
        "labels": _padded(labels, -100),
    }


def _padded(rows: Sequence[list[int]], filler: int) -> torch.Tensor:
    longest = max(len(row) for row in rows)
    return torch.tensor([row + [filler] * (longest - len(row)) for row in rows])


def hits_for(place: int) -> tuple[Hit, ...]:
    """The passages as retrieval would order them for the question of that place: its own first."""
    order = [place, *(other for other in range(len(PASSAGES)) if other != place)]
    return tuple(
        Hit(Chunk(f"c{n}", f"d{n}", f"{n}.md", PASSAGES[n][0], (), PASSAGES[n][1], 0), 1.0) for n in order
    )


def asked(place: int) -> Asked:
    return Asked(QUESTIONS[place], hits_for(place), (), PURPOSE)


def reading_for(place: int) -> Reading:
    return read(QUESTIONS[place], hits_for(place), FakeReranker())


def first_sentences() -> list[Lesson]:
    """To copy the first sentence of passage 1."""
    return [(asked(place), FIRST_SENTENCES[place]) for place in range(len(PASSAGES))]


def always(answer: str) -> list[Lesson]:
    """To answer everything with one sentence; it has to be made of words that the base knows."""
    return [(asked(place), answer) for place in range(len(PASSAGES))]


def settings_for(folder: Path, **models: Any) -> Settings:
    return Settings(
        generator="transformers",
        models=ModelSettings(model=str(folder), threads=1, **models),
        assistant=AssistantSettings(purpose=PURPOSE),
    )


def taught(folder: Path, *, encoder_decoder: bool = False, chat: bool = False) -> tuple[Any, PromptEncoder]:
    """A saved model that knows the first sentences, and what renders its prompts."""
    texts = [*(text for _, text in PASSAGES), *QUESTIONS] * 3
    tokenizer = make_tokenizer(texts, chat=chat, encoder_decoder=encoder_decoder)
    model = (make_t5 if encoder_decoder else make_llama)(tokenizer)
    encoder = encoder_of(model, tokenizer)
    teach(model, encoder, first_sentences())
    save(model, tokenizer, folder)
    return model, encoder


def save(model: Any, tokenizer: Any, folder: Path) -> Path:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_adapter(
    model: Any, encoder: PromptEncoder, lessons: Sequence[Lesson], folder: Path, *, card: bool = True
) -> Path:
    """A LoRA adapter that learned the lessons, in its folder with its card. The model is as before."""
    fingerprint = base_fingerprint(model)
    for weight in model.parameters():
        weight.requires_grad_(True)
    targets = ["q", "v", "o", "wi", "wo"] if encoder.encoder_decoder else "all-linear"
    torch.manual_seed(1)
    tuned = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules=targets))
    teach(tuned, encoder, lessons, rate=5e-3)
    tuned.save_pretrained(str(folder))
    tuned.unload()
    if card:
        card_of(fingerprint, encoder.tokenizer, encoder.prompt).write(folder)
    return folder
