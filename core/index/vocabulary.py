"""What an asker may learn of the words of the documents: nothing that stands only where they may not look."""

from __future__ import annotations

from dataclasses import dataclass

from core.acronyms import Acronyms
from core.index.words import Words


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words of the chunks that have none of the labels `denied`."""

    words: Words
    denied: tuple[int, ...] = ()

    @property
    def acronyms(self) -> Acronyms:
        return self.words.acronyms_without(self.denied)

    def holds(self, word: str) -> bool:
        """True where a chunk holds the word, in any of the forms that share its stem."""
        return self.words.holds(word, self.denied)

    def beginning(self, prefix: str) -> list[tuple[str, int]]:
        """The words that begin so, with how many chunks of the whole index hold them: `count` says what of
        it the asker may see, and takes too long to be asked for each.
        """
        return self.words.beginning(prefix)

    def count(self, word: str) -> int:
        """How many chunks hold the word as it is spelt, in lower case."""
        return self.words.count(word, self.denied)
