"""Which language a text is in, as far as its script and its little words tell.

Light and deterministic: the commonest function words of each language (from the stop-word lists of the
Snowball project) are counted. It says nothing where they do not tell, as of names, codes and numbers.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache

from finetune.similarity import word_list

LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "pl")
_SCRIPTS = {
    "CYRILLIC": "Cyrillic",
    "GREEK": "Greek",
    "ARABIC": "Arabic",
    "HEBREW": "Hebrew",
    "DEVANAGARI": "Devanagari",
    "THAI": "Thai",
    "HANGUL": "Korean",
    "HIRAGANA": "Japanese",
    "KATAKANA": "Japanese",
    "CJK": "Han",
}
_SCRIPT_OF = {
    **dict.fromkeys(("ru", "uk", "bg", "sr", "be", "mk"), "Cyrillic"),
    **dict.fromkeys(("ar", "fa", "ur"), "Arabic"),
    "el": "Greek",
    "he": "Hebrew",
    "hi": "Devanagari",
    "th": "Thai",
    "ko": "Korean",
    "ja": "Japanese",
    "zh": "Han",
}
_FEWEST = 1.5  # score from which on little words tell a language: two of its own, or some that others share
_SHARE = 0.12  # and of all words: prose has three times as many, names and tables hardly any
_MARGIN = 1.5  # times the score of the next language


def language_of(text: str, label: str = "") -> str:
    """`en`, `de`, ... or a script such as `Cyrillic`; empty where the text does not tell.

    A label, as `.inhouse.toml` gives it to documents (`de`, `de-AT`), decides where there is one.
    """
    named = re.split(r"[-_]", label.strip().lower())[0]
    if named:
        return _SCRIPT_OF.get(named, named)
    return script_of(text) or _by_little_words(text)


def differ(question: str, evidence: str, label: str = "") -> bool:
    """True where question and evidence are surely not in one language."""
    asked, held = language_of(question), language_of(evidence, label)
    if {asked, held} == {"Han", "Japanese"}:  # a short Japanese text may be in Han signs alone
        return False
    return bool(asked and held) and asked != held


def script_of(text: str) -> str:
    """The script of most letters where it is not Latin; Japanese by its kana."""
    counts: Counter[str] = Counter()
    for letter in filter(str.isalpha, text):
        counts[_SCRIPTS.get(unicodedata.name(letter, "").partition(" ")[0], "")] += 1
    if counts["Japanese"] and counts["Han"]:
        counts["Japanese"] += counts.pop("Han")
    return max(counts, key=lambda script: counts[script], default="")


def _by_little_words(text: str) -> str:
    """Each counts by how few languages share it; single letters, as of codes and lists, do not count."""
    words = re.findall(r"[^\W\d_]{2,}", text.lower())
    scores: dict[str, float] = dict.fromkeys(LANGUAGES, 0.0)
    for word in words:
        shared = _little_words().get(word, ())
        for language in shared:
            scores[language] += 1 / len(shared)
    next_best, best = sorted(scores, key=lambda language: scores[language])[-2:]
    told = scores[best] >= max(_FEWEST, _SHARE * len(words)) and scores[best] >= _MARGIN * scores[next_best]
    return best if told else ""


@cache
def _little_words() -> dict[str, tuple[str, ...]]:
    """word -> the languages that it belongs to."""
    found: dict[str, tuple[str, ...]] = {}
    for language in LANGUAGES:
        for word in word_list(f"little words {language}"):
            found[word] = (*found.get(word, ()), language)
    return found
