"""What a training recipe of a generating model can be told: defaults for each kind, a YAML file over them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from core.errors import ConfigurationError
from core.settings import Section
from finetune.recipe_file import with_recipe

Method = Literal["lora", "rslora", "dora", "full"]


class Recipe(Section):
    """The defaults are those for LoRA on a causal model of 100M to 1B weights."""

    method: Method = "lora"
    rank: int = Field(16, ge=1)
    alpha: float = Field(32, gt=0)
    dropout: float = Field(0.0, ge=0, lt=1, description="of the adapter; that of the base is turned off")
    targets: tuple[str, ...] = Field((), description="names of layers; none: all linear ones but the last")
    learning_rate: float = Field(2e-4, gt=0)
    epochs: float = Field(3, gt=0)
    batch: int = Field(16, ge=1, description="examples a step, over all devices")
    micro_tokens: int = Field(
        8192, ge=1, description="tokens computed at once, which bounds the memory; the rest is accumulated"
    )
    warm_up: float = Field(0.06, ge=0, lt=1, description="share of the steps")
    weight_decay: float = Field(0.01, ge=0)
    clip: float = Field(1.0, gt=0, description="longest norm of the gradient")
    max_tokens: int = Field(2048, ge=16, description="prompt and completion of an example together")
    length_sorted: bool = Field(True, description="micro-batches of examples of like length")
    checkpointing: bool = Field(False, description="activations are computed twice, to save memory")
    evaluations_per_epoch: int = Field(4, ge=1)
    patience: int = Field(3, ge=1, description="evaluations without a better score before it stops early")
    measured_on: int = Field(48, ge=1, description="held-out examples of an evaluation at most")
    examples: int = Field(2000, ge=1, description="learned from at most")
    withheld_share: float = Field(0.2, ge=0, lt=1, description="questions without the passage that answers")
    off_topic_share: float = Field(0.1, ge=0, lt=1)
    refusal: Literal["marker", "wording"] = Field(
        "marker",
        description="what is learned as a refusal: NOT COVERED, as prompts ask for, or assistant.no_answer",
    )
    seed: int = Field(13, ge=0)
    report_to: tuple[Literal["mlflow", "tensorboard"], ...] = ()

    @model_validator(mode="after")
    def _agree(self) -> Recipe:
        if self.withheld_share + self.off_topic_share >= 1:
            raise ValueError("withheld_share and off_topic_share together leave nothing to answer")
        if self.method == "full" and self.targets:
            raise ValueError("targets are of adapters, and the method full trains every weight")
        return self


CAUSAL = Recipe()
SEQ2SEQ = Recipe(learning_rate=1e-3, epochs=5)  # T5 and its like bear, and need, a higher rate
DEFAULTS = {"causal": CAUSAL, "seq2seq": SEQ2SEQ}


def load_recipe(kind: str, path: Path | None = None) -> Recipe:
    """The defaults of the kind, `causal` or `seq2seq`, with what the YAML file says instead.

    Raises InvalidInputError where the file cannot be read, ConfigurationError naming what is wrong in it.
    """
    if kind not in DEFAULTS:
        raise ConfigurationError(f"There is no recipe of kind {kind!r}: {', '.join(DEFAULTS)}.")
    return with_recipe(DEFAULTS[kind], path) if path else DEFAULTS[kind]
