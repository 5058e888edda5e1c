from pathlib import Path

from core.settings import Settings
from eval.cards import model_cards
from finetune.registry import Registry


def test_each_arm_has_the_card_of_what_answers_in_it(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    made = tmp_path / "made"
    made.mkdir()
    (made / "adapter_model.safetensors").write_text("tuned")
    registered = Registry(settings.adapters_dir).add(
        made, kind="reader", base="shipped", recipe={"epochs": 0.5}, metrics={"right": 0.8}
    )
    cards = model_cards(settings, ["base", "tuned", registered, "nobody"])
    assert cards.keys() == {"base", "tuned", registered}
    assert cards["base"]["adapter"] == "shipped"
    assert cards["base"]["base"] == "all-MiniLM-L6-v2"
    assert cards["tuned"] == cards[registered]
    assert cards["tuned"]["adapter"] == registered
    assert cards["tuned"]["recipe"] == {"epochs": 0.5}
