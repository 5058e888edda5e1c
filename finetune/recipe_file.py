"""A recipe in a file: YAML over defaults, as in `inhouse retrain --recipe FILE`."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import ValidationError

from core.errors import ConfigurationError, InvalidInputError
from core.settings import Section

Defaults = TypeVar("Defaults", bound=Section)


def with_recipe(defaults: Defaults, file: Path) -> Defaults:
    """The defaults with what the file says in their place.

    Raises InvalidInputError where the file cannot be read, ConfigurationError where it names a setting that
    there is not or a value that it cannot have.
    """
    try:
        said = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidInputError(f"The recipe {file} cannot be read: {error}") from error
    if said is None:  # nothing but comments
        return defaults
    if not isinstance(said, dict):
        raise InvalidInputError(f"The recipe {file} is no mapping of names to values, like `epochs: 2`.")
    kind = type(defaults)
    if unknown := sorted(str(name) for name in said if name not in kind.model_fields):
        known = ", ".join(kind.model_fields)
        raise ConfigurationError(
            f"{file}: there is no setting {unknown[0]!r} in a recipe. There are: {known}."
        )
    try:
        return kind.model_validate({**defaults.model_dump(), **said})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"])) or "the recipe"
        raise ConfigurationError(
            f"{file}: {name} is wrong: {first['msg']} (got {first['input']!r})."
        ) from error
