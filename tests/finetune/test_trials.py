"""The probe and the learning curve on a few offices, trained for real."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.bootstrap import Inhouse
from core.errors import ConfigurationError, InvalidInputError
from core.models.reader import SHIPPED_ADAPTER
from core.settings import FinetuneSettings
from finetune import learning_curve, probe, trials
from finetune.recipe_file import with_recipe
from tests.finetune.building import SmallInhouse, small_inhouse
from tests.finetune.test_tuning import SETTINGS, offices

FEW = SETTINGS.model_copy(
    update={"epochs": 0.4, "negatives": 1, "batch_questions": 8, "pairs_per_document": 2}
)


@pytest.fixture(scope="module")
def inhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallInhouse]:
    with small_inhouse(tmp_path_factory.mktemp("data"), offices(), finetune=FEW) as wired:
        wired.__dict__["adapter"] = SHIPPED_ADAPTER
        yield wired


@pytest.fixture(autouse=True)
def few_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "_MEASURED", 6)


def lent(inhouse: SmallInhouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command finds the small assistant in place of one with models."""
    monkeypatch.setattr("core.bootstrap.Inhouse", lambda settings: _Kept(inhouse))


class _Kept:
    def __init__(self, inhouse: Inhouse) -> None:
        self._inhouse = inhouse

    def __getattr__(self, name: str) -> object:
        return getattr(self._inhouse, name)

    def close(self) -> None:
        """The fixture does."""


def test_the_probe_tries_each_rate_and_prints_table_and_json(
    inhouse: SmallInhouse, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lent(inhouse, monkeypatch)
    assert probe.main(["--rates", "1e-7", "5e-3"]) == 0
    printed = capsys.readouterr()
    before, timid, bold = json.loads(printed.out.splitlines()[-1])["trials"]
    assert [row["name"] for row in (before, timid, bold)] == ["before", "1e-07", "0.005"]
    assert timid["score"] == pytest.approx(before["score"], abs=0.03)  # it hardly moves
    assert bold["loss"] != timid["loss"]
    assert timid["seconds"] > 0
    header = next(line for line in printed.err.splitlines() if "seconds" in line and "rate" in line)
    assert header.split()[0] == "rate"


def test_the_learning_curve_trains_on_growing_shares_of_the_same_questions(inhouse: SmallInhouse) -> None:
    variants = learning_curve.by_share(inhouse.settings.finetune, [0.2, 1.0])
    _, small, whole = trials.trials(inhouse, variants)
    assert (small.name, whole.name) == ("20%", "100%")
    assert small.groups == pytest.approx(0.2 * whole.groups, abs=2)
    assert small.steps < whole.steps
    assert list(trials.part([1, 2, 3, 4], 0.5)) == [1, 2]  # type: ignore[list-item]


def test_a_recipe_file_changes_what_it_names(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("method: dora\nlearning_rate: 0.0003\n")
    assert with_recipe(FEW, file) == FEW.model_copy(update={"method": "dora", "learning_rate": 3e-4})


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("learning_rat: 1", ConfigurationError, "learning_rat"),
        ("epochs: -1", ConfigurationError, "epochs is wrong"),
        ("- epochs", InvalidInputError, "no mapping"),
        ("a: [", InvalidInputError, "cannot be read"),
    ],
)
def test_a_recipe_that_cannot_be_followed_is_refused(
    tmp_path: Path, text: str, error: type[Exception], said: str
) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text(text)
    with pytest.raises(error, match=said):
        with_recipe(FinetuneSettings(), file)
