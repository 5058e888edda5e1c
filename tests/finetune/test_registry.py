from __future__ import annotations

import json
import multiprocessing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.errors import InvalidInputError, ModelError, UnknownModelError
from finetune import registry as registry_module
from finetune.registry import Registry

MOMENT = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)


def adapter_folder(folder: Path, weights: str = "weights") -> Path:
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_text(weights)
    return folder


def add(registry: Registry, tmp_path: Path, name: str) -> str:
    return registry.add(adapter_folder(tmp_path / name, name), kind="reader", base="shipped", created=MOMENT)


def test_listing_a_new_installation_is_empty_and_makes_no_folder(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "adapters")
    assert registry.list() == []
    assert registry.active("reader") is None
    assert not (tmp_path / "adapters").exists()


def test_an_added_adapter_is_moved_in_and_keeps_what_it_was_made_of(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "adapters")
    folder = adapter_folder(tmp_path / "trained")
    adapter_id = registry.add(
        folder,
        kind="reader",
        base="shipped",
        base_hash="b1",
        metrics={"right": 0.9},
        recipe={"epochs": 2},
        prompt_hash="p1",
        data_hash="d1",
        environment={"torch": "2.13.0"},
        created=MOMENT,
    )
    assert adapter_id == "reader-20261103-093000"
    assert not folder.exists()
    (entry,) = registry.list()
    assert (entry.path / "adapter_model.safetensors").read_text() == "weights"
    assert (entry.base_hash, entry.prompt_hash, entry.data_hash) == ("b1", "p1", "d1")
    assert entry.environment == {"torch": "2.13.0"}
    assert entry.to_json() == {
        "id": adapter_id,
        "base": "shipped",
        "kind": "reader",
        "active": False,
        "created": "2026-11-03T09:30:00+00:00",
        "metrics": {"right": 0.9},
        "base_hash": "b1",
        "prompt_hash": "p1",
        "data_hash": "d1",
        "recipe": {"epochs": 2},
        "environment": {"torch": "2.13.0"},
    }


def test_two_adapters_of_the_same_second_get_different_ids(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "adapters")
    assert add(registry, tmp_path, "a") != add(registry, tmp_path, "b")


def test_rollback_goes_back_one_activation_at_a_time_down_to_the_shipped_adapter(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "adapters")
    first, second = add(registry, tmp_path, "a"), add(registry, tmp_path, "b")
    registry.activate(first)
    registry.activate(second)
    registry.activate(second)  # changes nothing, so that rollback does not stop at it
    assert [entry.active for entry in registry.list()] == [False, True]
    back = registry.rollback()
    assert back is not None
    assert back.id == first
    assert registry.rollback() is None
    assert registry.active("reader") is None
    with pytest.raises(InvalidInputError, match="nothing to go back to"):
        registry.rollback()


def test_kinds_are_active_apart_from_each_other(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "adapters")
    reader = add(registry, tmp_path, "a")
    causal = registry.add(adapter_folder(tmp_path / "b"), kind="causal", base="some-model", created=MOMENT)
    registry.activate(reader)
    registry.activate(causal)
    active = [registry.active("reader"), registry.active("causal")]
    assert [entry.id for entry in active if entry] == [reader, causal]


def test_an_unknown_adapter_is_named_with_those_that_exist(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "adapters")
    known = add(registry, tmp_path, "a")
    with pytest.raises(UnknownModelError, match=known):
        registry.activate("reader-nope")


def test_an_adapter_whose_folder_is_gone_is_not_activated(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "adapters")
    adapter_id = add(registry, tmp_path, "a")
    registry.get(adapter_id).path.rename(tmp_path / "elsewhere")
    with pytest.raises(ModelError, match="is gone"):
        registry.activate(adapter_id)
    assert registry.active("reader") is None


def test_an_empty_folder_is_no_adapter(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInputError):
        Registry(tmp_path / "adapters").add(tmp_path / "empty", kind="reader", base="shipped")


def test_a_write_that_fails_leaves_the_old_registry_and_no_rubbish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(tmp_path / "adapters")
    adapter_id = add(registry, tmp_path, "a")
    before = registry.file.read_text()

    def full_disk(descriptor: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(registry_module.os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        registry.activate(adapter_id)
    assert registry.file.read_text() == before
    names = {path.name for path in registry.folder.iterdir()}
    assert names == {"registry.json", "registry.lock", adapter_id}


def test_a_damaged_registry_is_named_instead_of_overwritten(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "adapters")
    add(registry, tmp_path, "a")
    registry.file.write_text("{ not json")
    with pytest.raises(ModelError, match="damaged"):
        registry.list()
    with pytest.raises(ModelError, match="damaged"):
        add(registry, tmp_path, "b")
    assert registry.file.read_text() == "{ not json"


def add_many(adapters: Path, work: Path, count: int) -> None:
    registry = Registry(adapters)
    for number in range(count):
        registry.activate(registry.add(adapter_folder(work / str(number)), kind="reader", base="shipped"))


def test_two_processes_that_add_at_once_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    adapters = tmp_path / "adapters"
    workers = [
        context.Process(target=add_many, args=(adapters, tmp_path / name, 10)) for name in ("one", "two")
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    entries = Registry(adapters).list()
    assert len({entry.id for entry in entries}) == 20
    assert all((entry.path / "adapter_model.safetensors").is_file() for entry in entries)
    assert len(json.loads((adapters / "registry.json").read_text())["history"]["reader"]) == 20
