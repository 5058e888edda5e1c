"""The attempts and the look-alike questions of the guard's measure, in a part to build on and a held-out.

A line belongs to one part for good, by its own hash; an attempt in disguise is in the part of the plain one.
"""

from __future__ import annotations

import base64
import codecs
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.types import Message

_FOLDER = Path(__file__).parent / "guard_texts"
_LEET = str.maketrans("aeiost", "431057")
_HOMOGLYPHS = str.maketrans("aeopcxi", "аеорсхі")
_FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
_DISGUISED = ("direct", "role", "extraction", "authority")  # sections whose lines also come in disguise

DISGUISES: dict[str, Callable[[str], str]] = {
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "leet": lambda text: text.translate(_LEET),
    "spaced": lambda text: "  ".join(" ".join(word) for word in text.split()),
    "homoglyphs": lambda text: text.translate(_HOMOGLYPHS),
    "zero_width": lambda text: "\u200b".join(text),
    "full_width": lambda text: text.translate(_FULL_WIDTH),
    "reversed": lambda text: text[::-1],
    "hexadecimal": lambda text: text.encode().hex(),
}


@dataclass(frozen=True, slots=True)
class Case:
    section: str
    question: str
    history: tuple[Message, ...]
    part: Literal["build", "held_out"]


def attempts() -> list[Case]:
    """The plain ones, then one disguise for each line of four sections, in turn."""
    plain = list(_read("attempts.txt"))
    names = list(DISGUISES)
    disguised = []
    for part in ("build", "held_out"):
        bases = [case for case in plain if case.part == part and case.section in _DISGUISED]
        disguised += [
            Case(name, DISGUISES[name](case.question), (), case.part)
            for number, case in enumerate(bases)
            for name in [names[number % len(names)]]
        ]
    return plain + disguised


def look_alikes() -> list[Case]:
    return list(_read("harmless.txt"))


def _read(name: str) -> Iterator[Case]:
    section = ""
    for line in (_FOLDER / name).read_text(encoding="utf-8").splitlines():
        line = line.strip()
        if not line or line.startswith("# "):
            continue
        if line.startswith("[") and line.endswith("]") and " " not in line:
            section = line[1:-1]
            continue
        *earlier, question = line.split(" || ") if section == "turns" else [line]
        history = tuple(
            message for text in earlier for message in (Message("user", text), Message("assistant", "Yes."))
        )
        odd = hashlib.sha256(line.encode()).digest()[0] % 2
        yield Case(section, question, history, "held_out" if odd else "build")
