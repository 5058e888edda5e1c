"""The words and codes of a text that a BM25 search looks for."""

from __future__ import annotations

import re

from core.units import composed

_MOST_TERMS = 64
_MOST_CODES = 200
_LONGEST_CODE = 64  # characters
_WORD = re.compile(r"([^\W_]+)(?:['\u2019][^\W_]+)?")  # as the index cuts words, without an apostrophe's tail
# Letters or digits held together by marks, a digit among them: ERR-4711, v2.3.1, 10.0.0.1, 12/2024, A_B2
_CODE = re.compile(r"(?<![\w])(?=[\w.:/#+-]*\d)[^\W_]+(?:[-_.:/#+]+[^\W_]+)+")

# Words that nearly every page holds, and those that only make a sentence a question.
_STOP_WORDS = (
    "a about after all also am an and any anyone are as at be because been before being but by can could "
    "did do does doing done each for from get gets getting give given go going got had has have having he "
    "her here hers him his how i if in into is it its just let like long many may me might mine much must "
    "my need no nor not of off on once one only or our ours out over please shall she should so some "
    "somebody someone something such tell than that the their theirs them then there these they thing "
    "things this those to too up us very want was we were what when where which while who whom whose why "
    "will with would you your yours "
)
STOP_WORDS = frozenset(_STOP_WORDS.split())


def search_terms(question: str) -> list[str]:
    """Its distinct words in lower case without stop words; all of them where it has only stop words.

    >>> search_terms("What's the notice period, and who's in charge?")
    ['notice', 'period', 'charge']
    """
    distinct = list(dict.fromkeys(_WORD.findall(composed(question).lower())))
    telling = [word for word in distinct if word not in STOP_WORDS]
    return (telling or distinct)[:_MOST_TERMS]


def codes(text: str) -> list[str]:
    """Its distinct codes in lower case: what is only found if it is found as a whole.

    >>> codes("Error ERR-4711 since v2.3.1, page 12.")
    ['err-4711', 'v2.3.1']
    """
    found = (code.lower() for code in _CODE.findall(composed(text)) if len(code) <= _LONGEST_CODE)
    return list(dict.fromkeys(found))[:_MOST_CODES]
