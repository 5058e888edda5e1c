"""Small generating models, taught once a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.models.encoding import PromptEncoder
from tests.tiny_models import taught


@dataclass(frozen=True)
class Taught:
    folder: Path
    model: Any
    encoder: PromptEncoder


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Taught:
    folder = tmp_path_factory.mktemp("llama")
    return Taught(folder, *taught(folder))


@pytest.fixture(scope="session")
def t5(tmp_path_factory: pytest.TempPathFactory) -> Taught:
    folder = tmp_path_factory.mktemp("t5")
    return Taught(folder, *taught(folder, encoder_decoder=True))
