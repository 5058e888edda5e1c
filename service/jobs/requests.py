"""What `POST /admin/reindex` and `/admin/retrain` ask for, checked before a job is made of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from core.errors import InvalidInputError
from finetune.registry import Registry
from service.jobs import places
from service.schemas import Text

if TYPE_CHECKING:
    from core.settings import Settings


class ReindexRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    paths: list[Annotated[Text, Field(max_length=4096)]] = Field(
        default=[], max_length=100, description="folders or files; none: all folders that are indexed"
    )
    full: StrictBool = Field(default=False, description="build everything anew")

    def arguments(self, settings: Settings, indexed: list[str]) -> dict[str, Any]:
        """Raises PermissionDeniedError, InvalidInputError."""
        if not self.paths and not indexed:
            raise InvalidInputError("No folder has been indexed yet: name the folders in `paths`.")
        chosen = [str(places.allowed(path, indexed, settings.jobs.roots)) for path in self.paths]
        return {"paths": chosen, "full": self.full}


class RetrainRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: Literal["reader", "causal", "seq2seq"] = "reader"
    base: Text | None = Field(default=None, max_length=200, description="an adapter's id; see /admin/models")
    dataset: Text | None = Field(
        default=None, max_length=200, description="name of a file of pairs in the data sets' folder"
    )

    def arguments(self, settings: Settings) -> dict[str, Any]:
        """Raises UnknownModelError, InvalidInputError."""
        if self.base is not None and self.base != settings.models.model:
            Registry(settings.adapters_dir).get(self.base)
        if self.dataset is not None:
            _check_dataset(settings.datasets_dir, self.dataset)
        return self.model_dump()


def _check_dataset(folder: Path, name: str) -> None:
    known = sorted(path.name for path in folder.glob("*.jsonl")) if folder.is_dir() else []
    if name not in known:
        shown = ", ".join(known) or "none yet"
        raise InvalidInputError(f"There is no data set {name!r}. There are: {shown}.")
