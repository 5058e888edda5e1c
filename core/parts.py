"""A question that asks two things -> two questions, each of which can be searched for.

English coordination by rule: cut at "and", "versus" or a comma before a further question, and what both
halves share is said in both. A cut that is wrong costs up to two places among the passages, so the rules are
few.
"""

from __future__ import annotations

import re
from itertools import islice

from core.index.lexical import STOP_WORDS, search_terms

_ASKS = re.compile(
    r"(?:(?:by|at|on|from|till|until|since|in|with|to|for) )?"
    r"(?:who|whom|whose|what|when|where|which|why|how)\b|"
    r"(?:is|are|was|were|do|does|did|can|could|may|might|must|should|will|would|has|have|had)\b",
    re.IGNORECASE,
)
_PREPOSITION = re.compile(
    r"(?:for|in|on|at|to|from|with|without|of|by|per|under|during|after|before|as|into|if|when|outside|inside)\b",
    re.IGNORECASE,
)
_CUT = re.compile(
    r"[,;]?\s+(?P<word>and|plus|or|but|vs\.?|versus|(?:when )?compared (?:with|to)|as opposed to)\s+"
    r"(?:also\s+|then\s+)?"
    r"|[,;?!]\s+",
    re.IGNORECASE,
)
_LEAD = re.compile(r"(?P<lead>.{3,80}?[:.!]\s+)(?P<rest>.+)", re.DOTALL)  # "PTO notice: ..."
_CHOICES = ("or", "but")  # they join alternatives of one question more often than two questions
_MOST_CUTS = 20  # that are looked at; an earlier turn may stand in front of the question
_LONGEST_TAIL = 3  # words that the second half is taken to stand for


def parts_of(question: str) -> tuple[str, ...]:
    """Two questions, or the one that was asked where it cannot be cut."""
    lead, body = "", " ".join(question.split())  # a long row of blanks takes the patterns long
    if (led := _LEAD.fullmatch(body)) and _says_something(led["rest"]):
        lead, body = led["lead"], led["rest"]
    body = body.rstrip(" ?.!")
    found = islice(_CUT.finditer(body), _MOST_CUTS)
    cuts = [cut for cut in found if _cuts(body[: cut.start()], cut["word"], body[cut.end() :])]
    if not cuts:
        return (question,)
    cut = min(cuts, key=lambda cut: _rank(body[cut.end() :]))  # the first of the surest kind
    left, right = body[: cut.start()], body[cut.end() :]
    second = _completed(left, right)
    return (question,) if second == left else (f"{lead}{left}", f"{lead}{second}")


def _cuts(left: str, word: str | None, right: str) -> bool:
    """True where both sides say something; a comma and an "or" need questions beside them. What stands in
    brackets, as an acronym spelt out, is not cut.
    """
    if any(left.count(opening) > left.count(closing) for opening, closing in ("()", "[]")):
        return False
    if not _says_something(left) or not _says_something(right):
        return False
    if word is None:
        return bool(_ASKS.match(left) and _ASKS.match(right))
    return word.lower() not in _CHOICES or bool(_ASKS.match(right) or _PREPOSITION.match(right))


def _rank(right: str) -> int:
    return 0 if _ASKS.match(right) else 1 if _PREPOSITION.match(right) else 2


def _completed(left: str, right: str) -> str:
    """The second half with what it shares with the first: "keys for cash", "for card" -> "keys for card"."""
    if _ASKS.match(right):
        return right
    words, tail = left.split(), right.split()
    same = [number for number, word in enumerate(words) if word.lower() == tail[0].lower()]
    kept = same[-1] if same else len(words) - min(len(tail), _LONGEST_TAIL, len(words) - 1)
    return " ".join([*words[:kept], *tail])


def _says_something(text: str) -> bool:
    return not STOP_WORDS.issuperset(search_terms(text))
