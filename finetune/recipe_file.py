"""A recipe in a file: YAML over the settings of `finetune`, as in `inhouse retrain --recipe FILE`."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import ValidationError

from core.errors import ConfigurationError, InvalidInputError
from core.settings import FinetuneSettings


def with_recipe(settings: FinetuneSettings, file: Path) -> FinetuneSettings:
    """The settings with what the file says in their place.

    Raises InvalidInputError where the file cannot be read, ConfigurationError where it names a setting that
    there is not or a value that it cannot have.
    """
    try:
        said = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidInputError(f"The recipe {file} cannot be read: {error}") from error
    if not isinstance(said, dict):
        raise InvalidInputError(f"The recipe {file} is no mapping of names to values, like `epochs: 2`.")
    if unknown := sorted(str(name) for name in said if name not in FinetuneSettings.model_fields):
        known = ", ".join(FinetuneSettings.model_fields)
        raise ConfigurationError(
            f"{file}: there is no setting {unknown[0]!r} in a recipe. There are: {known}."
        )
    try:
        return FinetuneSettings.model_validate({**settings.model_dump(), **said})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise ConfigurationError(
            f"{file}: {name} is wrong: {first['msg']} (got {first['input']!r})."
        ) from error
