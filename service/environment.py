"""Switches of the libraries, set once at the entry point before any of them is imported."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.settings import Settings

QUIET = {
    "ANONYMIZED_TELEMETRY": "False",  # chromadb
    "GUARDRAILS_RUN_SYNC": "true",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "OTEL_SDK_DISABLED": "true",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
}


def prepare() -> None:
    """Telemetry and chatter off. What the user set in the environment stays as it is."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    logging.getLogger("sentence_transformers").setLevel(logging.ERROR)


@contextmanager
def own_traces() -> Iterator[None]:
    """Lets a tracer provider of ours be made, while the libraries' stay disabled."""
    disabled = os.environ.pop("OTEL_SDK_DISABLED", None)
    try:
        yield
    finally:
        if disabled is not None:
            os.environ["OTEL_SDK_DISABLED"] = disabled


def stay_offline(settings: Settings, *model_ids: str) -> None:
    """Forbids calls to a model hub, unless the user chose a model by an id that is no folder here."""
    chosen = [settings.models.embedder, *model_ids]
    if settings.generator == "transformers":
        chosen.append(settings.models.model)
    if not any(name and not Path(name).exists() for name in chosen):
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
