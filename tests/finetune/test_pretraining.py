from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from core.errors import ConfigurationError, InvalidInputError
from finetune.pretraining.corpus import cleaned, documents
from finetune.pretraining.log import Log, read_log
from finetune.pretraining.packing import Packed, order, packed, rows
from finetune.pretraining.pretraining import pretrain
from finetune.pretraining.recipe import CorpusRecipe, recipe_of
from finetune.pretraining.trainer import learning_rate
from tests.finetune.pretraining import tiny_recipe, tiny_yaml, write_corpus


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def data(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Packed:
    return packed(corpus, tiny_recipe().corpus, context=4096, cache=tmp_path_factory.mktemp("cache"))


def test_shipped_recipes_load() -> None:
    assert recipe_of("small").shape.layers < recipe_of("base").shape.layers


def test_an_unknown_recipe_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"'huge'.*base, small"):
        recipe_of("huge")


def test_any_text_is_its_tokens_again(data: Packed) -> None:
    text = "It's €45.50 on 3/4 –\n\tnaïve, 東京 #1 "
    assert data.tokenizer.decode(data.tokenizer(text)["input_ids"]) == text
    assert data.tokenizer.eos_token_id != data.tokenizer.pad_token_id


def test_every_document_ends_with_the_end_mark(corpus: Path, data: Packed) -> None:
    found = [document for document in documents(corpus, tiny_recipe().corpus) if not document.held_out]
    texts = data.tokenizer.decode(data.train.tolist()).split(data.tokenizer.eos_token)
    assert texts == [*(document.text for document in found), ""]


def test_held_out_documents_are_not_learned_from(corpus: Path, data: Packed) -> None:
    held_out = [document.text for document in documents(corpus, tiny_recipe().corpus) if document.held_out]
    learned = data.tokenizer.decode(data.train.tolist())
    assert held_out
    assert not [text for text in held_out if text in learned]


def test_a_mark_in_a_document_is_broken_up(tmp_path: Path) -> None:
    folder = write_corpus(tmp_path / "corpus", documents=40)
    made = packed(folder, tiny_recipe().corpus, context=4096, cache=tmp_path / "cache")
    ends = int((made.train == made.tokenizer.eos_token_id).sum())
    assert ends == sum(not document.held_out for document in documents(folder, tiny_recipe().corpus))


def test_tokens_come_from_the_cache_until_the_corpus_changes(tmp_path: Path) -> None:
    folder, cache = write_corpus(tmp_path / "corpus", documents=60), tmp_path / "cache"
    first = packed(folder, tiny_recipe().corpus, context=4096, cache=cache)
    assert packed(folder, tiny_recipe().corpus, context=4096, cache=cache).key == first.key
    assert len(list(cache.iterdir())) == 2
    write_corpus(folder, documents=70)
    assert packed(folder, tiny_recipe().corpus, context=4096, cache=cache).key != first.key


def test_an_epoch_sees_every_window_once_in_another_order_than_the_last() -> None:
    first = [number for step in range(5) for number in order(20, 3, step, 4)]
    second = [number for step in range(5, 10) for number in order(20, 3, step, 4)]
    assert sorted(first) == sorted(second) == list(range(20))
    assert first != second
    assert order(20, 3, 4, 8) == [number for step in (8, 9) for number in order(20, 3, step, 4)]


def test_rows_are_windows_of_the_tokens() -> None:
    ids = np.arange(20, dtype=np.uint16)
    assert rows(ids, [2, 0], 5).tolist() == [[10, 11, 12, 13, 14], [0, 1, 2, 3, 4]]


def test_code_and_front_matter_are_no_prose() -> None:
    assert cleaned("---\ntitle: x\n---\r\n# Head\r\n\n\n\nText") == "# Head\n\nText"


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"jsonl\.xz"):
        list(documents(tmp_path, CorpusRecipe()))


def test_the_rate_warms_up_and_falls_to_its_share() -> None:
    recipe = tiny_recipe(learning_rate=1.0, warm_up=10, final_share=0.1).pretraining
    rates = [learning_rate(step, 100, recipe) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == rates[10] == 1.0
    assert rates[100] == pytest.approx(0.1)


def test_it_learns_and_logs_what_it_measured(data: Packed, tmp_path: Path) -> None:
    folder = pretrain(tiny_recipe(16_000), data, tmp_path)
    log = read_log(tmp_path / "pretraining.jsonl")
    assert log[-1]["held_out_loss"] < log[0]["held_out_loss"] - 0.5
    assert log[-1]["tokens"] == 16_000 // 256 * 256
    assert log[-1]["seconds_left"] == 0
    assert {"loss", "tokens_per_second"} <= set(log[0])
    assert json.loads((folder / "config.json").read_text())["tie_word_embeddings"] is True


def test_minutes_bound_a_run_without_tokens(data: Packed, tmp_path: Path) -> None:
    started = time.monotonic()
    pretrain(tiny_recipe(tokens=0, checkpoint_s=0.2), data, tmp_path, minutes=0.03)
    assert 0.5 < time.monotonic() - started < 20
    assert read_log(tmp_path / "pretraining.jsonl")[-1]["seconds"] == pytest.approx(1.8, abs=1.5)


def test_neither_tokens_nor_minutes_is_refused(data: Packed, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="--minutes"):
        pretrain(tiny_recipe(tokens=0), data, tmp_path)


def test_a_killed_run_goes_on_bit_by_bit(corpus: Path, data: Packed, tmp_path: Path) -> None:
    torch.set_num_threads(1)  # as the run that is killed, since sums depend on it
    recipe = tiny_recipe(16_000, checkpoint_s=0)
    log = tmp_path / "killed" / "pretraining.jsonl"
    killed = _command(tiny_yaml(tmp_path / "tiny.yaml", tokens=16_000, checkpoint_s=0), corpus, log.parent)
    while len(read_log(log)) < 3:
        assert killed.poll() is None
        time.sleep(0.01)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait(10)
    assert not (log.parent / "pretrained").exists()
    done: list[int] = []
    folders = [
        pretrain(recipe, data, tmp_path / "whole"),
        pretrain(recipe, data, log.parent, progress=lambda stage, step, steps, note="": done.append(step)),
    ]
    assert done[0] >= 3 * recipe.pretraining.every  # it did not begin anew
    whole, resumed = (load_file(folder / "model.safetensors") for folder in folders)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    steps = [row["step"] for row in read_log(log)]
    assert steps == [row["step"] for row in read_log(tmp_path / "whole" / "pretraining.jsonl")]


def _command(recipe: Path, corpus: Path, out: Path) -> subprocess.Popen[bytes]:
    module = [sys.executable, "-m", "finetune.pretraining.pretrain"]
    return subprocess.Popen(
        [*module, str(recipe), "--corpus", str(corpus), "--out", str(out), "--threads", "1"],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )


def test_a_log_goes_on_behind_the_step_of_the_checkpoint(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    file.write_text('{"step": 1}\n{"step": 2}\n{"ste', encoding="utf-8")
    Log(file, 1).write(step=2, again=True)
    assert read_log(file) == [{"step": 1}, {"step": 2, "again": True}]
