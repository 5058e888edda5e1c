from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import ModelError
from core.settings import Settings
from finetune.registry import Registry
from service.live import LiveInhouse
from tests.service.conftest import Standing, StandInIndex, StandInInhouse


def comes_to(read: Callable[[], object], wanted: object) -> bool:
    """True as soon as it reads so; False where it does not within seconds."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        if read() == wanted:
            return True
        time.sleep(0.01)
    return False


class Workshop:
    """Wires a stand-in a time for the adapter that is active; some adapters are broken."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.active = ""
        self.broken: set[str] = set()
        self.made: list[tuple[str, object]] = []
        self.lent = StandInInhouse(settings, StandInIndex())

    def wire(self, shared: object) -> StandInInhouse:
        self.made.append((self.active, shared))
        if shared is None:
            return self.lent
        if self.active in self.broken:
            raise ModelError(f"{self.active} is broken.")
        return StandInInhouse(self.settings, StandInIndex(), adapter=self.active or "shipped")

    def live(self) -> LiveInhouse:
        return LiveInhouse(self.wire, lambda: self.active)  # type: ignore[arg-type, return-value]


@pytest.fixture
def workshop(settings: Settings) -> Workshop:
    return Workshop(settings)


def test_parts_are_made_once_while_the_adapter_stays(workshop: Workshop) -> None:
    live = workshop.live()
    assert live.current() is live.current()
    assert len(workshop.made) == 2  # one that lends and one that answers


def test_another_active_adapter_is_taken_up_and_shares_the_lent_parts(workshop: Workshop) -> None:
    live = workshop.live()
    live.current()
    workshop.active = "tuned"
    assert comes_to(lambda: live.current().generator.id, "reader@tuned")
    lender = live._lender
    assert workshop.made == [("", None), ("", lender), ("tuned", lender)]
    workshop.active = ""
    assert comes_to(lambda: live.current().generator.id, "reader@shipped")


def test_a_broken_adapter_leaves_the_one_before_it_and_is_tried_once(workshop: Workshop) -> None:
    live = workshop.live()
    first = live.current()
    workshop.active, workshop.broken = "bad", {"bad"}
    assert live.current() is first
    assert comes_to(lambda: live._refused, "bad")
    assert live.current() is first
    assert [active for active, _ in workshop.made] == ["", "", "bad"]
    workshop.active = "good"
    assert comes_to(lambda: live.current().generator.id, "reader@good")


def test_damaged_weights_are_a_model_error_whatever_the_library_raises(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(self: StandInInhouse, question: str, texts: list[str]) -> list[float]:
        raise ValueError("header too small")

    monkeypatch.setattr(StandInInhouse, "score", damaged)
    with pytest.raises(ModelError, match="header too small"):
        workshop.live().current()


def test_while_the_next_adapter_loads_nobody_waits_and_the_one_before_it_answers(workshop: Workshop) -> None:
    loading, loaded = threading.Event(), threading.Event()
    wire = workshop.wire

    def slow(shared: object) -> StandInInhouse:
        if workshop.active == "tuned":
            loading.set()
            assert loaded.wait(10)
        return wire(shared)

    workshop.wire = slow  # type: ignore[method-assign]
    live = workshop.live()
    first = live.current()
    workshop.active = "tuned"
    assert live.current() is first
    assert loading.wait(10)
    assert live.current() is first
    loaded.set()
    assert comes_to(lambda: live.current().generator.id, "reader@tuned")


def test_another_active_adapter_is_loaded_before_it_is_asked(workshop: Workshop) -> None:
    live = workshop.live()
    live.current()
    live.watch()
    workshop.active = "tuned"
    assert comes_to(lambda: workshop.made[-1][0], "tuned")
    live.close()


def test_the_models_load_as_soon_as_something_is_indexed(workshop: Workshop) -> None:
    workshop.lent.index.change()
    live = workshop.live()
    live.warm_up()
    live.watch()
    assert comes_to(lambda: live._wait_for_index, True)
    assert workshop.made == [("", None)]
    workshop.lent.index.change(leave=("Leave", "Everyone has 28 days."))
    assert comes_to(lambda: len(workshop.made), 2)
    live.close()


def test_with_nothing_to_fall_back_on_the_fault_is_told(workshop: Workshop) -> None:
    workshop.broken = {""}
    live = workshop.live()
    with pytest.raises(ModelError):
        live.current()
    workshop.broken = set()
    assert live.current().generator.id == "reader@shipped"


def test_the_index_is_there_without_the_models_that_answer(workshop: Workshop) -> None:
    live = workshop.live()
    assert live.index.version == 1
    assert workshop.made == [("", None)]


def test_close_closes_the_parts_that_hold_the_index(workshop: Workshop) -> None:
    live = workshop.live()
    live.current()
    live.close()
    assert workshop.lent.closed


def add_adapter(registry: Registry, name: str) -> str:
    folder = registry.folder / f"incoming-{name}"
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    return registry.add(folder, kind="reader", base="minilm", metrics={"mrr": 0.7})


@pytest.fixture
def registry(settings: Settings) -> Registry:
    return Registry(settings.adapters_dir)


def served(settings: Settings, broken: Callable[[], set[str]] = set) -> Callable[[object], StandInInhouse]:
    """Wires as core does: by the adapter that the registry says is active."""

    def wire(shared: object) -> StandInInhouse:
        active = Registry(settings.adapters_dir).active("reader")
        name = active.id if active else "shipped"
        if shared is not None and name in broken():
            raise ModelError(f"{name} is broken.")
        return StandInInhouse(settings, StandInIndex(), adapter=name)

    return wire


def test_an_activation_by_another_process_is_served_soon(
    stand: Callable[..., Standing], settings: Settings, registry: Registry
) -> None:
    standing = stand(settings, wire=served(settings))
    assert standing.ask("leave?").json()["model"] == "reader@shipped"
    identity = add_adapter(registry, "a")
    registry.activate(identity)
    assert comes_to(lambda: standing.ask("leave?").json()["model"], f"reader@{identity}")
    registry.rollback()
    assert comes_to(lambda: standing.ask("leave?").json()["model"], "reader@shipped")


def test_admin_lists_and_activates_adapters(
    stand: Callable[..., Standing], settings: Settings, registry: Registry
) -> None:
    standing = stand(settings, wire=served(settings))
    identity = add_adapter(registry, "a")
    (row,) = standing.client.get("/admin/models").json()["models"]
    assert (row["id"], row["active"], row["metrics"]) == (identity, False, {"mrr": 0.7})
    activated = standing.client.post(f"/admin/models/{identity}/activate")
    assert activated.json()["models"][0]["active"] is True
    assert standing.ask("leave?").json()["model"] == f"reader@{identity}"
    missing = standing.client.post("/admin/models/nope/activate")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "unknown_model")


def test_activating_an_adapter_that_cannot_be_loaded_changes_nothing(
    stand: Callable[..., Standing], settings: Settings, registry: Registry
) -> None:
    broken: set[str] = set()
    standing = stand(settings, wire=served(settings, lambda: broken))
    good, bad = add_adapter(registry, "a"), add_adapter(registry, "b")
    broken.add(bad)
    standing.client.post(f"/admin/models/{good}/activate")
    response = standing.client.post(f"/admin/models/{bad}/activate")
    assert (response.status_code, response.json()["error"]["code"]) == (503, "model_error")
    active = registry.active("reader")
    assert active is not None
    assert active.id == good
    assert standing.ask("leave?").json()["model"] == f"reader@{good}"


def test_a_rollback_goes_back_step_by_step_to_the_shipped_adapter(
    stand: Callable[..., Standing], settings: Settings, registry: Registry
) -> None:
    standing = stand(settings, wire=served(settings))
    first, second = add_adapter(registry, "a"), add_adapter(registry, "b")
    for identity in (first, second):
        standing.client.post(f"/admin/models/{identity}/activate")

    def roll_back() -> list[str]:
        models = standing.client.post("/admin/models/rollback", json={"kind": "reader"}).json()["models"]
        return [row["id"] for row in models if row["active"]]

    assert roll_back() == [first]
    assert standing.ask("leave?").json()["model"] == f"reader@{first}"
    assert roll_back() == []
    assert standing.ask("leave?").json()["model"] == "reader@shipped"
    nothing = standing.client.post("/admin/models/rollback", json={})
    assert (nothing.status_code, nothing.json()["error"]["code"]) == (422, "invalid_input")
    unknown = standing.client.post("/admin/models/rollback", json={"kind": "poet"})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (422, "invalid_request")


def test_a_rollback_to_an_adapter_that_cannot_be_loaded_changes_nothing(
    stand: Callable[..., Standing], settings: Settings, registry: Registry
) -> None:
    broken: set[str] = set()
    standing = stand(settings, wire=served(settings, lambda: broken))
    first, second = add_adapter(registry, "a"), add_adapter(registry, "b")
    for identity in (first, second):
        standing.client.post(f"/admin/models/{identity}/activate")
    broken.add(first)
    response = standing.client.post("/admin/models/rollback", json={"kind": "reader"})
    assert (response.status_code, response.json()["error"]["code"]) == (503, "model_error")
    assert standing.ask("leave?").json()["model"] == f"reader@{second}"
    broken.clear()
    standing.client.post("/admin/models/rollback", json={"kind": "reader"})
    active = registry.active("reader")
    assert active is not None
    assert active.id == first


def test_a_damaged_registry_does_not_stop_a_running_server(
    stand: Callable[..., Standing], settings: Settings
) -> None:
    standing = stand(settings, wire=lambda shared: StandInInhouse(settings, StandInIndex()))
    assert standing.ask("leave?").status_code == 200
    settings.adapters_dir.mkdir(parents=True, exist_ok=True)
    Path(settings.adapters_dir / "registry.json").write_text("{")
    assert standing.ask("laptop?").status_code == 200
