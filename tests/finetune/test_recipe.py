"""YAML over the defaults of a recipe."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import ConfigurationError, InvalidInputError
from finetune.recipes.recipe import CAUSAL, SEQ2SEQ, load_recipe


def file(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text)
    return path


def test_a_kind_has_defaults_and_a_file_overrides_some(tmp_path: Path) -> None:
    assert load_recipe("causal") == CAUSAL
    assert load_recipe("seq2seq") == SEQ2SEQ
    recipe = load_recipe("seq2seq", file(tmp_path, "method: dora\nrank: 4\ntargets: [q, v]\n"))
    assert (recipe.method, recipe.rank, recipe.targets) == ("dora", 4, ("q", "v"))
    assert recipe.learning_rate == SEQ2SEQ.learning_rate
    assert load_recipe("causal", file(tmp_path, "# nothing\n")) == CAUSAL


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("learning_rat: 1", "no setting 'learning_rat'.*learning_rate"),
        ("rank: 0", "rank is wrong.*greater than or equal to 1"),
        ("method: qlora", "method is wrong.*'full'"),
        ("withheld_share: 0.6\noff_topic_share: 0.5", "leave nothing to answer"),
        ("method: full\ntargets: [q]", "trains every weight"),
    ],
)
def test_a_wrong_setting_is_named(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=said):
        load_recipe("causal", file(tmp_path, text))


@pytest.mark.parametrize("text", ["- rank", "rank: [", "word"])
def test_what_is_no_recipe_file_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="recipe"):
        load_recipe("causal", file(tmp_path, text))


def test_a_missing_file_and_another_kind_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"nope\.yaml"):
        load_recipe("causal", tmp_path / "nope.yaml")
    with pytest.raises(ConfigurationError, match="causal, seq2seq"):
        load_recipe("poem")


def test_the_recipe_in_the_docs_is_the_default(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "tuning.md").read_text(encoding="utf-8")
    shown = text.partition("## Generating models")[2].partition("```yaml\n")[2].partition("```")[0]
    assert "rank: 16" in shown
    assert load_recipe("causal", file(tmp_path, shown)) == CAUSAL
