"""Lower-cased text -> text with capitals, by how words are written within sentences of a cased text."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

_WORD = re.compile(r"[A-Za-z][A-Za-z'’-]*")
_WITHIN = re.compile(r"(?<=[a-z,;] )[A-Za-z][A-Za-z'’-]*")
_FEWEST = 3  # times that a form was seen
_ALWAYS = {  # which documentation rarely names
    *("I", "American", "British", "English", "French", "German", "Chinese", "Roman", "European", "Indian"),
    *("America", "Europe", "Asia", "Africa", "Britain", "England", "France", "Germany", "China", "India"),
    *("London", "Paris", "January", "February", "April", "June", "July", "August", "September", "October"),
    *("November", "December", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}


@dataclass(frozen=True)
class Casing:
    forms: dict[str, str]  # lower-cased word -> how it is written, where that is another way

    @classmethod
    def of(cls, texts: Iterable[str]) -> Casing:
        seen: dict[str, Counter[str]] = defaultdict(Counter)
        for text in texts:
            for word in _WITHIN.findall(text):
                seen[word.lower()][word] += 1
        forms = {word.lower(): word for word in _ALWAYS}
        for word, counts in seen.items():
            form, count = counts.most_common(1)[0]
            if form != word and count >= _FEWEST and len(word) > 2:
                forms[word] = form
        return cls(forms)

    def sentence(self, text: str) -> str:
        """With a capital at the beginning."""
        cased = _WORD.sub(lambda found: self.forms.get(found.group(), found.group()), text)
        first = next((place for place, letter in enumerate(cased) if letter.isalpha()), None)
        if first is None or any(letter.isdigit() for letter in cased[:first]):
            return cased
        return cased[:first] + cased[first].upper() + cased[first + 1 :]
