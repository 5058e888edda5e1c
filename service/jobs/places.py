"""Which folders may be indexed over HTTP: an admin's key must not open every file of the machine."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from core.errors import InvalidInputError
from service.errors import PermissionDeniedError


def allowed(path: str, indexed: Iterable[str], roots: Iterable[str]) -> Path:
    """The path, links resolved, where it lies in a folder that was indexed before or in one of the roots.

    What does not is refused alike whether it exists or not. Raises InvalidInputError, PermissionDeniedError.
    """
    if "\0" in path or not Path(path).is_absolute():
        raise InvalidInputError(f"The path {path!r} must be absolute, such as /documents/handbook.")
    try:
        resolved = Path(path).resolve()
        known = [Path(folder).expanduser().resolve() for folder in (*indexed, *roots)]
    except (OSError, RuntimeError) as error:  # a name too long, links in a circle
        raise InvalidInputError(f"The path {path!r} cannot be used.") from error
    if not any(resolved.is_relative_to(folder) for folder in known):
        raise PermissionDeniedError(
            f"{path} may not be indexed over HTTP: it lies in no folder that was indexed before and in none "
            "of jobs.roots. Index it once with `inhouse reindex`, or add its folder to jobs.roots.",
            code="path_not_allowed",
        )
    return resolved
