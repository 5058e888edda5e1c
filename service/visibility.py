"""Whether an answer of yesterday may be shown today.

Documents are deleted or move to other groups, and people leave groups. An answer rests on what it cites, so
it is shown only while its reader could find every document that it cites.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from core.types import Filters, Labels
from service.live import LiveInhouse


class Visibility:
    def __init__(self, live: LiveInhouse) -> None:
        self._live = live
        self._known: tuple[int, Mapping[str, list[Labels]]] = (-1, {})

    def allows(self, citations: Iterable[Mapping[str, Any]], groups: tuple[str, ...]) -> bool:
        """True where each citation, or a copy of it, stands in documents that these groups may find."""
        labels = self._labels()
        asker = Filters(groups=groups)

        def seen(source: str) -> bool:
            found = labels.get(source, [])  # of several folders, which may hold a file of the same name
            return bool(found) and all(asker.allow(one) for one in found)

        return all(
            any(seen(source) for source in (citation["source"], *citation.get("also_in", ())))
            for citation in citations
        )

    def _labels(self) -> Mapping[str, list[Labels]]:
        """By source; read again only after the index has changed."""
        index = self._live.index
        version = index.version
        if self._known[0] != version:
            labels: dict[str, list[Labels]] = {}
            for document in index.documents():
                labels.setdefault(document.source, []).append(document.labels)
            self._known = (version, labels)
        return self._known[1]
