"""What a run made -> a folder to ship: weights in bfloat16, and beside them all that they came from."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import yaml

from finetune.pretraining.corpus import files_of
from finetune.pretraining.recipe import ModelRecipe
from finetune.pretraining.tokenizer import load_tokenizer

LARGEST_FILE = "40MB"  # of the weights; what is larger is split
RECIPE, DATA = "recipe.yaml", "data.json"
LOGS = ("pretraining.jsonl", "tuning.jsonl")


def ship(recipe: ModelRecipe, corpus: Path, nqg: Path, out: Path) -> Path:
    """`out/model`, made anew of `out/tuned`."""
    import torch
    from transformers import AutoModelForCausalLM

    folder = out / "model"
    shutil.rmtree(folder, ignore_errors=True)
    model: Any = AutoModelForCausalLM.from_pretrained(str(out / "tuned"), dtype=torch.bfloat16)
    model.config.use_cache = True
    model.save_pretrained(str(folder), max_shard_size=LARGEST_FILE)
    load_tokenizer(out / "tuned").save_pretrained(str(folder))
    told = yaml.safe_dump(json.loads(recipe.model_dump_json()), sort_keys=False)
    (folder / RECIPE).write_text(told, encoding="utf-8")
    (folder / DATA).write_text(json.dumps(_data(recipe, corpus, nqg), indent=1) + "\n", encoding="utf-8")
    for weights in folder.glob("*.safetensors"):
        weights.chmod(0o644)
    for log in LOGS:
        shutil.copyfile(out / log, folder / log)
    return folder


def _data(recipe: ModelRecipe, corpus: Path, nqg: Path) -> list[dict[str, str]]:
    return [
        {"file": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
        for file in (*files_of(corpus, recipe.corpus), nqg)
    ]
