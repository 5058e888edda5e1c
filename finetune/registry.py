"""The adapters of this installation: one folder each, listed in `registry.json` beside them.

    adapters/
    ├── registry.json        what there is, which is active for each kind, and what was active before
    ├── registry.lock        held while the file changes
    └── reader-20261103-…/   one adapter

The shipped adapter serves until one is activated. Every change is written to a temporary file and renamed,
under a lock between processes, so that a reader sees the registry before the change or after it.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.errors import InvalidInputError, ModelError, UnknownModelError

FORMAT = 1


@dataclass(frozen=True, slots=True)
class AdapterEntry:
    """One adapter and how it came about; enough to tell whether another run is comparable."""

    id: str
    kind: str  # reader, causal or seq2seq
    base: str  # the model that the adapter belongs to
    created: str  # ISO 8601, UTC
    path: Path
    active: bool = False
    base_hash: str = ""  # of the weights that the adapter changes
    metrics: Mapping[str, Any] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    prompt_hash: str = ""  # of the input rendering that it was trained with
    data_hash: str = ""  # of the pairs that it was trained on
    environment: Mapping[str, str] = field(default_factory=dict)  # package -> version

    def to_json(self) -> dict[str, Any]:
        """The entry as `models list` prints it."""
        return {
            "id": self.id,
            "base": self.base,
            "kind": self.kind,
            "active": self.active,
            "created": self.created,
            "metrics": dict(self.metrics),
            "base_hash": self.base_hash,
            "prompt_hash": self.prompt_hash,
            "data_hash": self.data_hash,
            "recipe": dict(self.recipe),
            "environment": dict(self.environment),
        }


class Registry:
    """Reads the file on every call, so that a long-lived server sees what another process did."""

    def __init__(self, adapters_dir: Path) -> None:
        self.folder = adapters_dir
        self.file = adapters_dir / "registry.json"

    def list(self) -> list[AdapterEntry]:
        """Every adapter, oldest first."""
        state = self._read()
        return [self._entry(row, state) for row in state["adapters"]]

    def get(self, adapter_id: str) -> AdapterEntry:
        """Raises UnknownModelError where there is no such adapter."""
        for entry in self.list():
            if entry.id == adapter_id:
                return entry
        known = ", ".join(entry.id for entry in self.list()) or "none yet"
        raise UnknownModelError(
            f"There is no adapter {adapter_id!r}. There are: {known}. See `inhouse models list`."
        )

    def active(self, kind: str = "reader") -> AdapterEntry | None:
        """The adapter that serves; None: the shipped one."""
        state = self._read()
        active_id = state["active"].get(kind)
        return next((self._entry(row, state) for row in state["adapters"] if row["id"] == active_id), None)

    def add(
        self,
        folder: Path,
        *,
        kind: str,
        base: str,
        base_hash: str = "",
        metrics: Mapping[str, Any] | None = None,
        recipe: Mapping[str, Any] | None = None,
        prompt_hash: str = "",
        data_hash: str = "",
        environment: Mapping[str, str] | None = None,
        created: datetime | None = None,
    ) -> str:
        """Moves the folder in as a new adapter, not yet active; returns its id.

        Raises InvalidInputError where the folder is missing or empty.
        """
        if not folder.is_dir() or not any(folder.iterdir()):
            raise InvalidInputError(f"{folder} is not a folder with an adapter in it.")
        moment = created or datetime.now(UTC)
        with self._changing() as state:
            adapter_id = _free_id(f"{kind}-{moment:%Y%m%d-%H%M%S}", self.folder)
            _move(folder, self.folder / adapter_id)
            row: dict[str, Any] = {
                "id": adapter_id,
                "kind": kind,
                "base": base,
                "base_hash": base_hash,
                "created": moment.isoformat(timespec="seconds"),
                "metrics": dict(metrics or {}),
                "recipe": dict(recipe or {}),
                "prompt_hash": prompt_hash,
                "data_hash": data_hash,
                "environment": dict(environment or {}),
            }
            state["adapters"].append(row)
        return adapter_id

    def activate(self, adapter_id: str) -> AdapterEntry:
        """Makes the adapter serve its kind. Raises UnknownModelError, ModelError where its folder is gone."""
        entry = self.get(adapter_id)
        if not entry.path.is_dir():
            raise ModelError(
                f"The folder of adapter {adapter_id} is gone ({entry.path}). Activate another one."
            )
        with self._changing() as state:
            before = state["active"].get(entry.kind)
            if before != adapter_id:
                state["history"].setdefault(entry.kind, []).append(before)
                state["active"][entry.kind] = adapter_id
        return self.get(adapter_id)

    def rollback(self, kind: str = "reader") -> AdapterEntry | None:
        """Goes back to what was active before the last activation; None: the shipped adapter.

        Raises InvalidInputError where nothing was activated before.
        """
        with self._changing() as state:
            past = state["history"].get(kind) or []
            if not past:
                raise InvalidInputError(
                    f"There is nothing to go back to: no {kind} adapter has been activated."
                )
            before = past.pop()
            if before is None:
                state["active"].pop(kind, None)
            else:
                state["active"][kind] = before
        return self.active(kind)

    def _entry(self, row: Mapping[str, Any], state: Mapping[str, Any]) -> AdapterEntry:
        active = state["active"].get(row["kind"]) == row["id"]
        return AdapterEntry(**row, path=self.folder / row["id"], active=active)

    def _read(self) -> dict[str, Any]:
        try:
            state: dict[str, Any] = json.loads(self.file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {"format": FORMAT, "active": {}, "history": {}, "adapters": []}
        except ValueError as error:
            raise ModelError(f"{self.file} is damaged ({error}). Restore it or move it away.") from error
        if state.get("format") != FORMAT:
            raise ModelError(
                f"{self.file} was written by another version of Inhouse (format {state.get('format')})."
            )
        return state

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Any]]:
        """The state, written back when the block ends without a fault; one process at a time."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / "registry.lock", "a", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            state = self._read()
            yield state
            _write_atomically(self.file, json.dumps(state, indent=1, ensure_ascii=False))


def _free_id(wanted: str, folder: Path) -> str:
    wanted = re.sub(r"[^\w.-]", "-", wanted)
    number, candidate = 2, wanted
    while (folder / candidate).exists():
        candidate, number = f"{wanted}-{number}", number + 1
    return candidate


def _move(folder: Path, target: Path) -> None:
    """In one rename, also from another file system: copied beside the target first."""
    try:
        os.rename(folder, target)
    except OSError:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".incoming-") as beside:
            copy = Path(shutil.copytree(folder, Path(beside) / "adapter"))
            os.rename(copy, target)
        shutil.rmtree(folder)


def _write_atomically(file: Path, text: str) -> None:
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    try:
        with open(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(name, file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
