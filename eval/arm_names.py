"""What the name of an arm says.

base  tuned  reader-20261103-093000     a model
base-closed                             the same without retrieval
oracle  oracle:tuned                    the same with the evidence in place of retrieval
nearest                                 the answer of the most similar training question
base+prompt=qa+shots=2                  any of them but the last with other settings
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import ValidationError

from core.errors import InvalidInputError
from core.settings import Settings

How = Literal["retrieval", "closed", "oracle", "nearest"]
SHORT = {"prompt": "models.prompt", "shots": "models.shots", "model": "models.model"}
SECTIONS = ("models", "answering", "retrieval", "decoding", "guards")
FIXED = ("models.embedder", "models.threads")  # of the index, and of the process: the same for all arms
_CLOSED = "-closed"
_ORACLE = "oracle"


@dataclass(frozen=True, slots=True)
class ArmName:
    text: str  # as it was given
    how: How
    model: str  # base, tuned or the id of an adapter; empty for `nearest`
    changes: tuple[tuple[str, str], ...] = ()  # setting -> value, both as written


def parse(text: str) -> ArmName:
    """Raises InvalidInputError where a change is none."""
    what, *written = text.split("+")
    changes = tuple(_change(text, change) for change in written)
    if what == "nearest":
        return ArmName(text, "nearest", "", changes)
    if what == _ORACLE or what.startswith(f"{_ORACLE}:"):
        return ArmName(text, "oracle", what.partition(":")[2] or "base", changes)
    if what.endswith(_CLOSED):
        return ArmName(text, "closed", what.removesuffix(_CLOSED), changes)
    return ArmName(text, "retrieval", what, changes)


def _change(arm: str, written: str) -> tuple[str, str]:
    name, equals, value = written.partition("=")
    if not equals or not name:
        raise InvalidInputError(f"The arm {arm!r} is not understood: write changes like base+prompt=qa.")
    return SHORT.get(name, name), value


def changed(settings: Settings, name: ArmName) -> Settings:
    """The settings with the changes of the arm. Raises InvalidInputError where one cannot be made."""
    for setting, value in name.changes:
        try:
            settings = _with(settings, setting, value)
        except ValidationError as error:
            fault = error.errors()[0]["msg"]
            raise InvalidInputError(
                f"The arm {name.text!r} sets {setting} to {value!r}, which is wrong: {fault}."
            ) from error
    return settings


def _with(settings: Settings, setting: str, value: str) -> Settings:
    if setting == "generator":
        return type(settings).model_validate({**settings.model_dump(), "generator": value})
    section, _, key = setting.partition(".")
    known = getattr(settings, section) if section in SECTIONS else None
    if known is None or key not in type(known).model_fields or setting in FIXED:
        raise InvalidInputError(
            f"An arm cannot change {setting!r}. It can change generator and the settings of "
            f"{', '.join(SECTIONS)}, such as {', '.join(SHORT)} or answering.max_sentences."
        )
    section_with = type(known).model_validate({**known.model_dump(), key: value})
    return settings.model_copy(update={section: section_with})
