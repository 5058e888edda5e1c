"""An adapter as files that other software loads.

merged  the whole model: a reader for `sentence_transformers.CrossEncoder`, a generating one for transformers
onnx    a reader's graph for onnxruntime, any number of pairs of any length, beside its tokenizer
gguf    a generating model for llama.cpp, by its own converter
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from core.errors import ConfigurationError, InvalidInputError
from finetune.registry import AdapterEntry

if TYPE_CHECKING:
    import torch

    from core.settings import Settings

Form = Literal["merged", "onnx", "gguf"]
CONVERTER = "convert_hf_to_gguf.py"  # of llama.cpp
_OPSET = 17


@dataclass(frozen=True, slots=True)
class Exported:
    adapter: str
    form: str
    folder: Path
    files: list[str]
    bytes: int

    def to_json(self) -> dict[str, Any]:
        """The JSON of `models export`."""
        return {
            "adapter": self.adapter,
            "as": self.form,
            "to": str(self.folder),
            "files": self.files,
            "bytes": self.bytes,
        }


def export(entry: AdapterEntry, to: Path, form: Form, settings: Settings) -> Exported:
    """Writes the adapter, merged into its base, into the folder `to`, which appears whole or not at all.

    Raises InvalidInputError where the folder holds files or the form is not one of this kind of model,
    ConfigurationError where a package or program is missing, and what loading the adapter raises.
    """
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise InvalidInputError(f"{to} is there already. Name a new or an empty folder with --to.")
    write = _writer(entry, form, settings)
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=to.parent, prefix=f".{to.name}-") as temporary:
        made = Path(temporary) / "made"
        made.mkdir(mode=0o755)
        write(made)
        if to.exists():
            to.rmdir()
        made.rename(to)
    files = sorted(path for path in to.rglob("*") if path.is_file())
    names = [path.relative_to(to).as_posix() for path in files]
    return Exported(entry.id, form, to, names, sum(path.stat().st_size for path in files))


def _writer(entry: AdapterEntry, form: Form, settings: Settings) -> Callable[[Path], None]:
    reader = entry.kind == "reader"
    if form == "onnx" and not reader:
        raise InvalidInputError(f"{entry.id} writes; only a reader becomes ONNX. Take --as merged or gguf.")
    if form == "gguf" and reader:
        raise InvalidInputError(
            f"{entry.id} is a reader; llama.cpp runs models that write. Take --as merged."
        )
    if form == "gguf":
        return _gguf_writer(entry, settings)
    if form == "onnx":
        _need_onnx()
        return lambda folder: _onnx(entry, folder)
    if reader:
        return lambda folder: _merged_reader(entry, folder)
    return lambda folder: _merged_generator(entry, folder, settings)


def _merged_reader(entry: AdapterEntry, folder: Path) -> None:
    from core.models.reader import check_card, merged_cross_encoder

    check_card(entry.path)
    merged_cross_encoder(entry.path).save_pretrained(str(folder), create_model_card=False)
    for name in ("card.json", "decision.json"):
        if (entry.path / name).is_file():
            shutil.copy(entry.path / name, folder)


def _onnx(entry: AdapterEntry, folder: Path) -> None:
    import torch

    from core.models.reader import check_card, merged_cross_encoder

    check_card(entry.path)
    model = merged_cross_encoder(entry.path)
    network = cast("torch.nn.Module", model[0].model)
    network.train(False)
    names = ["input_ids", "attention_mask", "token_type_ids"]
    sample = model.tokenizer([("a question", "a text")], padding=True, return_tensors="pt")
    torch.onnx.export(
        _logits_alone(network),
        tuple(sample[name] for name in names),
        str(folder / "model.onnx"),
        input_names=names,
        output_names=["logits"],
        dynamic_axes={**{name: {0: "pairs", 1: "tokens"} for name in names}, "logits": {0: "pairs"}},
        opset_version=_OPSET,
        dynamo=False,
    )
    model.tokenizer.save_pretrained(str(folder))


def _logits_alone(network: torch.nn.Module) -> torch.nn.Module:
    """(pairs, 1) float32 of ids, mask and segments, in this order."""
    import torch

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, ids: torch.Tensor, mask: torch.Tensor, segments: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.network(
                input_ids=ids, attention_mask=mask, token_type_ids=segments
            ).logits
            return found

    return Logits()


def _need_onnx() -> None:
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise ConfigurationError(
            "Exporting to ONNX needs the package onnx. Install it with `pip install onnx`."
        ) from error


def _merged_generator(entry: AdapterEntry, folder: Path, settings: Settings) -> None:
    from peft import PeftModel

    from core.models.generators import LocalGenerator, load_local

    local = load_local(settings)
    LocalGenerator(settings, local).card.check(entry.id, entry.path)
    tuned: Any = PeftModel.from_pretrained(local.model, str(entry.path))
    tuned.merge_and_unload().save_pretrained(str(folder))
    local.tokenizer.save_pretrained(str(folder))


def _gguf_writer(entry: AdapterEntry, settings: Settings) -> Callable[[Path], None]:
    converter = shutil.which(CONVERTER)
    if converter is None:
        raise ConfigurationError(
            f"GGUF is written by {CONVERTER} of llama.cpp, which is not on the PATH. Install llama.cpp, or "
            "take --as merged and convert the folder on another machine."
        )

    def write(folder: Path) -> None:
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            _merged_generator(entry, Path(temporary), settings)
            command = [converter, temporary, "--outfile", str(folder / "model.gguf")]
            ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode:
            raise ConfigurationError(
                f"{CONVERTER} failed: {(ended.stderr.strip().splitlines() or ['?'])[-1]}"
            )

    return write
