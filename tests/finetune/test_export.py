"""An exported reader gives the same scores to whoever loads it."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from core.errors import ConfigurationError, InvalidInputError
from core.models.reader import SHIPPED_ADAPTER, Reader
from core.settings import Settings
from finetune.export import export
from finetune.registry import AdapterEntry
from service import cli

QUESTION = "How many days of leave do we get?"
TEXTS = [
    "Leave > Annual: Everyone gets 27 days.",
    "Travel: Breakfast is paid up to 12 euros.",
    "Leave > Parents: " + "Sixteen weeks, which may be taken in up to three parts. " * 6,
]
ENTRY = AdapterEntry("reader-1", "reader", "shipped", "2026-11-03T09:30:00+00:00", SHIPPED_ADAPTER)
WRITER = AdapterEntry("causal-1", "causal", "some-model", "2026-11-03T09:30:00+00:00", SHIPPED_ADAPTER)


@pytest.fixture(scope="module")
def scores() -> list[float]:
    return Reader(SHIPPED_ADAPTER).score(QUESTION, TEXTS)


@pytest.fixture
def onnx_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exporter asks the package onnx only for functions of its own to add, and a reader has none."""
    if "onnx" in sys.modules:
        return
    try:
        import onnx  # noqa: F401
    except ImportError:
        graph = types.SimpleNamespace(graph=types.SimpleNamespace(node=[]))
        stand_in = types.ModuleType("onnx")
        monkeypatch.setattr(stand_in, "load_model_from_string", lambda data: graph, raising=False)
        monkeypatch.setitem(sys.modules, "onnx", stand_in)


def test_a_merged_reader_scores_alike_as_a_cross_encoder_and_as_a_reader(
    tmp_path: Path, scores: list[float]
) -> None:
    from sentence_transformers import CrossEncoder
    from torch.nn import Identity

    exported = export(ENTRY, tmp_path / "merged", "merged", Settings(data_dir=tmp_path))
    assert exported.bytes == sum(file.stat().st_size for file in exported.folder.iterdir())
    encoder = CrossEncoder(str(exported.folder), max_length=256, local_files_only=True)
    found = encoder.predict([(QUESTION, text) for text in TEXTS], activation_fn=Identity())
    assert found.tolist() == pytest.approx(scores, abs=0.05)
    assert Reader(exported.folder).score(QUESTION, TEXTS) == pytest.approx(scores, abs=0.05)


def test_an_onnx_reader_scores_alike_in_onnxruntime(
    tmp_path: Path, scores: list[float], onnx_there: None
) -> None:
    import onnxruntime
    import torch
    from transformers import AutoTokenizer

    from core.models.reader import merged_cross_encoder

    folder = export(ENTRY, tmp_path / "onnx", "onnx", Settings(data_dir=tmp_path)).folder
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    network = merged_cross_encoder(SHIPPED_ADAPTER)[0].model.train(False)
    for texts in (TEXTS, TEXTS[:1]):  # other numbers and lengths than it was traced with
        pairs = [(QUESTION, text) for text in texts]
        inputs = tokenizer(pairs, padding=True, truncation="only_second", max_length=256, return_tensors="pt")
        (found,) = session.run(None, {name: tensor.numpy() for name, tensor in inputs.items()})
        with torch.inference_mode():
            wanted = network(**inputs).logits.numpy()
        assert np.abs(found - wanted).max() < 1e-3
        assert found[:, 0].tolist() == pytest.approx(scores[: len(texts)], abs=0.05)


def test_what_cannot_be_exported_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(data_dir=tmp_path)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ConfigurationError, match="pip install onnx"):
        export(ENTRY, tmp_path / "a", "onnx", settings)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"convert_hf_to_gguf\.py"):
        export(WRITER, tmp_path / "a", "gguf", settings)
    for entry, form in ((ENTRY, "gguf"), (WRITER, "onnx")):
        with pytest.raises(InvalidInputError, match="--as merged"):
            export(entry, tmp_path / "a", form, settings)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    with pytest.raises(InvalidInputError, match="there already"):
        export(ENTRY, tmp_path / "full", "merged", settings)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full"]


def test_the_command_needs_a_folder_and_names_an_unknown_adapter(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["models", "export", "reader-1"]) == 2
    assert cli.main(["models", "list", "--to", str(tmp_path)]) == 2
    command = ["models", "export", "reader-1", "--to", str(tmp_path / "a"), "--as", "onnx", "--json"]
    assert cli.main([*command, "--data-dir", str(tmp_path)]) == 1
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["error"]["code"] == "unknown_model"
