"""The cased byte-level BPE tokenizer of a model: any text is its tokens again."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

END, PAD = "<|end|>", "<|pad|>"  # two, so that padding teaches nothing about ending


def train_tokenizer(texts: Iterable[str], vocabulary: int, context: int) -> Any:
    """A transformers fast tokenizer of `vocabulary` tokens. Digits stand alone, so that numbers are copied
    digit by digit (LLaMA, arXiv 2302.13971, section 2.1).
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END, PAD],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=PAD,
        model_max_length=context,
        clean_up_tokenization_spaces=False,
    )


def load_tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(folder))
