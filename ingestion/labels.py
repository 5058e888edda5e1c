"""`.inhouse.toml`: what a folder says of the documents in it and below it.

    collection = "hr"            # a search may ask for one collection
    tags = ["policy", "leave"]
    language = "en"
    groups = ["hr", "managers"]  # only askers in one of these groups find the documents

A key in a deeper folder stands in place of the same key above it. Folders above the indexed one count too, so
that a part of a labelled folder, indexed alone, keeps its labels. A link has the labels of the file that it
leads to.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import SourceError
from core.types import Labels

FILE_NAME = ".inhouse.toml"


class _Keys(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    collection: str = ""
    tags: list[str] = []
    language: str = ""
    groups: list[str] = []


class FolderLabels:
    """The labels of folders, each file read once."""

    def __init__(self) -> None:
        self._known: dict[Path, Labels | SourceError] = {}

    def of(self, folder: Path) -> Labels:
        """Raises SourceError where a label file that applies cannot be read.

        Its documents may be meant for few eyes, so they must not be indexed as if they had no labels.
        """
        if folder not in self._known:
            try:
                self._known[folder] = self._read(folder)
            except SourceError as error:
                self._known[folder] = error
        found = self._known[folder]
        if isinstance(found, SourceError):
            raise found
        return found

    def _read(self, folder: Path) -> Labels:
        above = self.of(folder.parent) if folder.parent != folder else Labels()
        path = folder / FILE_NAME
        try:
            written = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # as Notepad writes it
            keys = {**above.to_json(), **_Keys(**written).model_dump(exclude_unset=True)}
        except FileNotFoundError:
            return above
        except ValidationError as error:
            first = error.errors()[0]
            raise SourceError(
                f"{path} cannot be used: {'.'.join(map(str, first['loc']))}: {first['msg']}. It may hold"
                " collection, tags, language and groups."
            ) from error
        except (OSError, ValueError) as error:
            raise SourceError(f"{path} cannot be read: {error}.") from error
        return Labels.from_json(keys)
