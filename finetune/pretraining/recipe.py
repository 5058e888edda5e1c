"""What the making of a model can be told; `small.yaml` and `base.yaml` stand beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, model_validator

from core.errors import ConfigurationError
from core.settings import Section
from finetune.recipe_file import with_recipe

_FOLDER = Path(__file__).parent
Task = Literal["asked", "question", "title", "standalone"]
Asking = Literal["answered", "keywords", "withheld", "off_topic"]
Source = Literal["encyclopedia", "documentation", "practice"]
_TELLING = {"checkpoint_s", "every", "measured_rows", "lesson_workers"}  # settings that change no weight


class CorpusRecipe(Section):
    """Which documents are learned from, and how they become tokens."""

    left_out: tuple[str, ...] = Field((), description="files of the corpus whose name begins so")
    fewest_words: int = Field(60, ge=1, description="of a document's prose; shorter ones are left out")
    prose_share: float = Field(
        0.4, ge=0, le=1, description="characters in whole sentences; code and tables are left out below it"
    )
    held_out_share: float = Field(0.01, gt=0, lt=1, description="documents that only measure")
    vocabulary: int = Field(8192, ge=300, le=65_536, description="tokens; two bytes hold one")
    tokenizer_share: float = Field(0.3, gt=0, le=1, description="documents the tokenizer is trained on")


class ShapeRecipe(Section):
    """A Llama with tied embeddings."""

    hidden: int = Field(256, ge=8)
    intermediate: int = Field(704, ge=8)
    layers: int = Field(8, ge=1)
    heads: int = Field(4, ge=1)
    key_value_heads: int = Field(4, ge=1)
    context: int = Field(1024, ge=16, description="tokens that the finished model reads")
    rope_theta: float = Field(10_000.0, gt=0)

    @model_validator(mode="after")
    def _agree(self) -> ShapeRecipe:
        if self.hidden % self.heads or self.heads % self.key_value_heads:
            raise ValueError("hidden must be a multiple of heads, and heads one of key_value_heads")
        return self


class StepsRecipe(Section):
    """How long and how fast it learns: for so many tokens, or for as long as the command line says."""

    window: int = Field(512, ge=8, description="tokens of a row")
    batch: int = Field(8, ge=1, description="rows of a step")
    micro_batch: int = Field(8, ge=1, description="rows computed at once, which bounds the memory")
    tokens: int = Field(0, ge=0, description="to learn from in all; 0: what the minutes allow")
    learning_rate: float = Field(2e-3, gt=0)
    final_share: float = Field(0.05, ge=0, le=1, description="of the learning rate, at the end")
    warm_up: int = Field(100, ge=0, description="steps")
    weight_decay: float = Field(0.1, ge=0)
    clip: float = Field(1.0, gt=0, description="longest norm of the gradient")
    every: int = Field(100, ge=1, description="steps between two measurements")
    measured_rows: int = Field(48, ge=1, description="held-out rows of a measurement")
    checkpoint_s: float = Field(120, ge=0, description="seconds between two checkpoints")
    compiled: bool = Field(False, description="torch.compile; it needs a C++ compiler")
    seed: int = Field(13, ge=0)

    @property
    def step_tokens(self) -> int:
        return self.batch * self.window


class TuningRecipe(StepsRecipe):
    """How it is taught to answer, in rows of `window` tokens that hold as many lessons as fit."""

    window: int = Field(640, ge=16, description="tokens of a row, and the most that a prompt is long")
    learning_rate: float = Field(1e-3, gt=0)
    documents: int = Field(2000, ge=1, description="of the corpus that questions are made of, at most")
    distractors: int = Field(3, ge=0, description="passages beside the one that answers, at most")
    questions: int = Field(8, ge=1, description="that are asked about the same passages, at most")
    read_weight: float = Field(0.1, ge=0, lt=1, description="of a token to read, where one to write has 1")
    lesson_workers: int = Field(
        0, ge=0, description="processes that make the lessons of later steps; 0: none beside"
    )
    shares: dict[Task, float] = Field(
        {"asked": 0.6, "question": 0.2, "title": 0.1, "standalone": 0.1},
        description="of the kinds of lessons",
    )
    asking: dict[Asking, float] = Field(
        {"answered": 0.55, "keywords": 0.25, "withheld": 0.13, "off_topic": 0.07},
        description="of the kinds of questions about passages",
    )
    sources: dict[Source, float] = Field(
        {"encyclopedia": 0.65, "documentation": 0.15, "practice": 0.2}, description="of the passages"
    )


class ModelRecipe(Section):
    corpus: CorpusRecipe = CorpusRecipe()
    shape: ShapeRecipe = ShapeRecipe()
    pretraining: StepsRecipe = StepsRecipe()
    tuning: TuningRecipe = TuningRecipe()

    @model_validator(mode="after")
    def _agree(self) -> ModelRecipe:
        if max(self.pretraining.window, self.tuning.window) > self.shape.context:
            raise ValueError("pretraining.window or tuning.window is longer than shape.context")
        return self

    def pretraining_key(self) -> dict[str, Any]:
        """All that pretrained weights depend on, beside the data and the minutes."""
        steps = self.pretraining.model_dump(exclude=_TELLING)
        return {"corpus": self.corpus.model_dump(), "shape": self.shape.model_dump(), "pretraining": steps}

    def tuning_key(self) -> dict[str, Any]:
        """All that a tuned model depends on, beside the data, what it was before and the minutes."""
        return {"corpus": self.corpus.model_dump(), "tuning": self.tuning.model_dump(exclude=_TELLING)}


def pretrained_by(file: Path) -> ModelRecipe:
    """The recipe that stands beside weights, without how they were tuned, which was told otherwise once."""
    told = yaml.safe_load(file.read_text(encoding="utf-8"))
    return ModelRecipe.model_validate({name: value for name, value in told.items() if name != "tuning"})


def recipe_of(name: str) -> ModelRecipe:
    """`small`, `base` or a YAML file. Raises ConfigurationError and InvalidInputError."""
    shipped = _FOLDER / f"{name}.yaml"
    file = shipped if shipped.is_file() else Path(name)
    if not file.is_file():
        known = ", ".join(sorted(path.stem for path in _FOLDER.glob("*.yaml")))
        raise ConfigurationError(f"There is no recipe {name!r}: name a YAML file, or one of {known}.")
    return with_recipe(ModelRecipe(), file)
