from __future__ import annotations

from collections.abc import Callable

import pytest

from core.errors import ModelError
from core.settings import Settings
from service.variants import Variants
from tests.service.conftest import Standing


def test_a_variant_is_loaded_once_and_the_one_not_used_for_longest_goes() -> None:
    variants, loaded = Variants(kept=2), []

    def get(name: str) -> object:
        return variants.get(("active", name), lambda: loaded.append(name) or name)  # type: ignore[func-returns-value, arg-type, return-value]

    for name in ("a", "b", "a", "c", "a", "b"):
        assert get(name) == name
    assert loaded == ["a", "b", "c", "b"]


def test_a_variant_that_cannot_be_loaded_is_not_kept() -> None:
    variants = Variants()

    def broken() -> object:
        raise ModelError("damaged")

    with pytest.raises(ModelError):
        variants.get(("", "a"), broken)  # type: ignore[arg-type]
    assert variants.get(("", "a"), lambda: "sound") == "sound"  # type: ignore[arg-type, return-value, comparison-overlap]


def test_a_request_names_the_adapter_that_answers(stand: Callable[..., Standing], settings: Settings) -> None:
    standing = stand(settings)
    for name, model in (
        ("inhouse", "reader@shipped"),
        ("reader@shipped", "reader@shipped"),
        ("inhouse:tuned", "reader@tuned"),
        ("inhouse:base", "reader@base"),
    ):
        assert standing.ask("leave?", model=name).json()["model"] == model
    for name in ("inhouse:nobody", "inhouse:", "tuned", "gpt-4"):
        response = standing.ask("leave?", model=name)
        assert (response.status_code, response.json()["error"]["code"]) == (404, "unknown_model")
