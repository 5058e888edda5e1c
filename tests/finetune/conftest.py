"""Models that learned a small world, once for all tests that ask them."""

from __future__ import annotations

import pytest

from tests.finetune.teaching import Taught, teach


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Taught:
    return teach(tmp_path_factory.mktemp("llama"), 2400, encoder_decoder=False)


@pytest.fixture(scope="session")
def t5(tmp_path_factory: pytest.TempPathFactory) -> Taught:
    return teach(tmp_path_factory.mktemp("t5"), 3360, encoder_decoder=True)
