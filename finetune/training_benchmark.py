"""Speed of LoRA training: our recipe against plain TRL SFTTrainer defaults, same model, data and final loss.

    python -m finetune.training_benchmark [--model FOLDER]

Without a model it makes one of random weights. Both arms train the same adapter on the same examples in the
same number of steps; the loss of held-out examples is taken afterwards, alike for both. Tokens are those of
the examples, padding not counted.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.models.local import LocalModel
from finetune.generating_data import Example
from finetune.recipes.causal import train_causal
from finetune.recipes.recipe import Recipe

_WORDS = 4096


def random_examples(count: int, seed: int, *, longest: int, vocabulary: int) -> list[Example]:
    """Prompts of a fifth of `longest` tokens up to it, as retrieval makes them; the completion is words of
    the prompt, the share of refusals as in a recipe.
    """
    rng = random.Random(seed)
    made = []
    for _ in range(count):
        prompt = [rng.randrange(8, vocabulary) for _ in range(rng.randrange(longest // 5, longest - 48))]
        refuse = rng.random() < 0.3
        begin = rng.randrange(len(prompt) - 40)
        completion = [5, 6] if refuse else prompt[begin : begin + rng.randrange(12, 40)]
        made.append(Example(tuple(prompt), (*completion, 1), "refusal" if refuse else "answer", ""))
    return made


def make_model(folder: Path, *, hidden: int, layers: int) -> Path:
    """A Llama of random weights with a word-level tokenizer."""
    import torch
    from tokenizers import Tokenizer, models
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = ["<pad>", "<end>", *(f"w{number}" for number in range(_WORDS - 2))]
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, "<pad>"))
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=_WORDS,
            hidden_size=hidden,
            intermediate_size=hidden * 3,
            num_hidden_layers=layers,
            num_attention_heads=hidden // 64,
            max_position_embeddings=2048,
            eos_token_id=1,
            pad_token_id=0,
            bos_token_id=None,
        )
    )
    model.save_pretrained(folder)
    fast: Any = PreTrainedTokenizerFast  # which has no types
    fast(tokenizer_object=tokenizer, eos_token="<end>", pad_token="<pad>").save_pretrained(folder)
    return folder


def plain_trl(
    local: LocalModel, examples: Sequence[Example], recipe: Recipe, folder: Path
) -> tuple[float, Any]:
    """(seconds, trained model) of SFTTrainer as TRL brings it, but for adapter, learning rate and number of
    epochs, which are the recipe's, and for nothing being written. Its default of bfloat16 stays, also on a
    processor that has to emulate it; `trl32` is it in float32.
    """
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    rows = {
        "input_ids": [[*example.prompt, *example.completion] for example in examples],
        "completion_mask": [
            [0] * len(example.prompt) + [1] * len(example.completion) for example in examples
        ],
    }
    trainer: Any = SFTTrainer(
        model=local.model,
        args=SFTConfig(
            output_dir=str(folder),
            learning_rate=recipe.learning_rate,
            num_train_epochs=recipe.epochs,
            save_strategy="no",
            use_cpu=not torch.cuda.is_available(),
            bf16=folder.name != "trl32",
            report_to="none",
            disable_tqdm=True,
            seed=recipe.seed,
        ),
        train_dataset=Dataset.from_dict(rows),
        processing_class=local.tokenizer,
        peft_config=LoraConfig(
            r=recipe.rank, lora_alpha=int(recipe.alpha), target_modules="all-linear", task_type="CAUSAL_LM"
        ),
    )
    trainer.train()
    return trainer.state.log_history[-1]["train_runtime"], trainer.model


def loss_of(network: Any, examples: Sequence[Example]) -> float:
    """Mean cross-entropy a completion token, in nats."""
    import torch
    from torch.nn import functional

    total, tokens = 0.0, 0
    network.train(False)
    with torch.no_grad():
        for example in examples:
            ids = torch.tensor([[*example.prompt, *example.completion]], device=network.device)
            begin = len(example.prompt)
            logits = network(input_ids=ids).logits[0, begin - 1 : -1].float()
            total += float(functional.cross_entropy(logits, ids[0, begin:], reduction="sum"))
            tokens += len(example.completion)
    return total / tokens


def ours(local: LocalModel, examples: Sequence[Example], recipe: Recipe, folder: Path) -> tuple[float, Any]:
    trained = train_causal(
        local, examples, [], out=folder / "adapter", checkpoints=folder / "checkpoints", recipe=recipe
    )
    from peft import PeftModel

    return trained.seconds, PeftModel.from_pretrained(
        LocalModel.load(local.name).model, str(folder / "adapter")
    )


def compare(model: Path | str, *, count: int, longest: int, recipe: Recipe, folder: Path) -> dict[str, float]:
    """Seconds, tokens a second and held-out loss of both arms, and their ratio."""
    local = LocalModel.load(str(model))
    size = min(len(local.tokenizer), _WORDS)
    examples = random_examples(count, 1, longest=longest, vocabulary=size)
    held_out = random_examples(16, 2, longest=longest, vocabulary=size)
    tokens = sum(example.length for example in examples) * recipe.epochs
    found: dict[str, float] = {"tokens": tokens, "loss_before": round(loss_of(local.model, held_out), 4)}
    for name, arm in (("trl", plain_trl), ("trl32", plain_trl), ("ours", ours)):
        before = time.process_time()
        seconds, network = arm(LocalModel.load(str(model)), examples, recipe, folder / name)
        found |= {
            f"{name}_cpu_seconds": round(time.process_time() - before, 1),
            f"{name}_seconds": round(seconds, 2),
            f"{name}_tokens_per_second": round(tokens / seconds, 1),
            f"{name}_loss": round(loss_of(network, held_out), 4),
        }
        print(f"{name}: {found[f'{name}_tokens_per_second']} tokens/s, held-out loss {found[f'{name}_loss']}")
    for name in ("trl", "trl32"):
        ratio = found["ours_tokens_per_second"] / found[f"{name}_tokens_per_second"]
        found[f"ratio_to_{name}"] = round(ratio, 2)
    return found


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", help="a causal model's folder or id (default: a made one)")
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--examples", type=int, default=24)
    parser.add_argument("--longest", type=int, default=512, help="tokens of the longest example")
    parser.add_argument("--batch", type=int, default=8, help="examples a step of our recipe; TRL's are 8")
    arguments = parser.parse_args(argv)
    recipe = Recipe(epochs=1, batch=arguments.batch)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        model = arguments.model or make_model(
            folder / "model", hidden=arguments.hidden, layers=arguments.layers
        )
        found = compare(
            model, count=arguments.examples, longest=arguments.longest, recipe=recipe, folder=folder
        )
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
