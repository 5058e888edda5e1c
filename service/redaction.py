"""What may be written down: a text, or all texts of a row, without secrets and personal data."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from core.personal_data import find

SECRETS = frozenset({"private_key", "token", "api_key", "password"})  # hidden whatever the settings say


@lru_cache(maxsize=2048)  # turns and cached answers come again and again, and looking takes milliseconds
def redacted(text: str, *, personal: bool = True) -> str:
    """The text with `[email]`, `[api_key]` ... in place of what was found; `personal=False` hides secrets
    alone. What no database can hold (NUL, half a surrogate pair) becomes U+FFFD.
    """
    text = storable(text)
    parts, position = [], 0
    for kind, start, end in find(text):
        if personal or kind in SECRETS:
            parts += [text[position:start], f"[{kind}]"]
            position = end
    return "".join((*parts, text[position:]))


def redacted_all(value: Any, *, personal: bool = True) -> Any:
    """The same of every text in nested lists and dictionaries; names of fields stay."""
    if isinstance(value, str):
        return redacted(value, personal=personal)
    if isinstance(value, dict):
        return {name: redacted_all(item, personal=personal) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [redacted_all(item, personal=personal) for item in value]
    return value


def storable(text: str) -> str:
    """SQLite and PostgreSQL both take what is left."""
    return text.replace("\x00", "\ufffd").encode(errors="replace").decode()
