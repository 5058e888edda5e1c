"""Ways of saying the same in a question, put into one: phrases, synonyms, numbers as words, plurals.

Only what means the same whatever stands around it. English, as the documents' askers write it; a question in
another language is left as it is, and then only the same words are the same question.
"""

from __future__ import annotations

import re
import unicodedata

_PERIOD = r"(day|week|month|quarter|year)"
_PHRASES = [
    # What surrounds a question.
    (r"\b(hi|hello|hey|dear)( there| all| team| everyone)?\b[,!.]*", " "),
    (r"\b(many )?thanks( in advance| a lot)?\b|\bthank you\b|\bplease\b|\bkindly\b", " "),
    (r"\bquick question\b\s*[:,-]*|\bjust wondering\b,?", " "),
    (r"\b(can|could|would|will) (you|somebody|someone|anyone|anybody) (tell|remind) me( about)?\b", " "),
    (r"\b(can|could) (you|somebody|someone) explain( to me)?\b", " "),
    (r"\b(does|do) (you|anybody|anyone|somebody|someone) (happen to )?know\b", " "),
    (r"\b(i|we) (would|'d) like to (know|ask|find out)\b|\bi('m| am| was)? wonder(ing)?\b", " "),
    (r"\b(i|we) (want|need) to (know|find out)\b|\b(tell|remind) me\b|\bi have a question\b", " "),
    # What may be and what must be.
    (r"\b(am i|are we) (allowed|permitted|able) to\b", "can i"),
    (r"\bare you (allowed|permitted|able) to\b", "can you"),
    (r"\bis it (ok|okay|all right|alright|allowed|permitted|possible|fine) (for me |for us )?to\b", "can i"),
    (r"\b(am i|are we) (required|obliged|supposed) to\b", "must i"),
    (r"\bis it (necessary|required|mandatory|obligatory|compulsory) (for me |for us )?to\b", "must i"),
    (r"\bdo (i|we) (have|need) to\b", "must i"),
    (r"\bdo you (have|need) to\b", "must you"),
    (r"\b(am i|are we) entitled to\b", "do i get"),
    # How to do something.
    (r"\bwhat (do|must|should) (i|we|you) (have to |need to )?do (in order )?to\b", r"how do \2"),
    (r"\b(what is|what's|whats) the (best |right |correct )?(way|process|procedure) to\b", "how do i"),
    (r"\bwhat steps do (i|we) (have to |need to )?(take|follow) to\b", "how do i"),
    (r"\bhow (can|could|would|should) (i|we|one)\b|\bhow (does one|do we)\b", "how do i"),
    (r"\bhow (can|could|would|should) you\b", "how do you"),
    (r"\bhow do (i|you) go about (\w+)ing\b", r"how do \1 \2"),
    (r"\bhow to\b", "how do i"),
    # Where, when, how much, how long, who.
    (r"\bwhere (can|could|do|would) (i|we|you|one) find\b|\bwhere('s| are| can)\b(?= (?!i\b))", "where is"),
    (r"\b(at |on )?what (time|date)\b", "when"),
    (r"\bwhat does (.{1,80}?) cost\b", r"how much does \1 cost"),
    (r"\b(what is|what's|whats) the (price|cost) of (.{1,80}?)(?=[?.!]|$)", r"how much does \3 cost"),
    (r"\b(what is|what's|whats) the (length|duration) of\b", "how long is"),
    (r"\bfor how long\b", "how long"),
    (r"\b(what is|what's|whats) the number of\b", "how many"),
    (r"\b(whose job is it to|who is the person who)\b", "who"),
    (r"\bin charge of\b", "responsible for"),
    (r"\bhow come\b", "why"),
    (r"\bwhat('s| is) the reason\b", "why"),
    # Things with several names.
    (r"\b(paid )?annual leave\b|\bpaid time off\b|\bvacation (leave|time)\b", "vacation"),
    (r"\bpaid vacation\b|\bpto\b", "vacation"),
    (r"\bdays? of (paid )?(vacation|holidays?|sick leave|parental leave|notice)\b", r"\2 days"),
    (r"\b(work|working) (from home|remotely)\b|\bhome ?office\b|\bremote work(ing)?\b", "wfh"),
    (r"\b(doctor'?s|sick) (note|certificate)\b|\bmedical certificate\b", "sicknote"),
    (r"\bsickness leave\b", "sick leave"),
    (r"\b(apply|ask) for\b", "request"),
    (r"\bget rid of\b", "remove"),
    (r"\b(e-mail|electronic mail)\b", "email"),
    (rf"\b(per|each|every) {_PERIOD}\b", r"per \2"),
    (rf"\b(once|twice|times) a {_PERIOD}\b", r"\1 per \2"),
    (r"\b(annually|yearly|per annum)\b", "per year"),
    (r"\bmonthly\b", "per month"),
    (r"\bat (most|the most)\b", "maximum"),
    (r"\bat (least|the least)\b", "minimum"),
    (r"\bno more than\b", "maximum"),
]  # fmt: skip
# "A month" is every month only where a number of something is asked for: nobody who may "work from abroad a
# month" may do so every month.
_COUNTS = re.compile(r"\bhow (many|much|often)\b")
_IN_A_PERIOD = re.compile(
    rf"\b(?<!half )(in )?a {_PERIOD}\b(?! (off|ago|later|earlier|before|after|ahead|in advance)\b)"
)
_COMPILED = [(re.compile(pattern), replacement) for pattern, replacement in _PHRASES]
_CONTRACTIONS = [
    (re.compile(r"\b(can|won|shan|don|doesn|isn|aren|didn|wasn|weren|haven|hasn|couldn|shouldn|mustn|needn)'?t\b"),
     r"\1 not"),
    (re.compile(r"\bcannot\b"), "can not"),
    (re.compile(r"\bwo not\b|\bwon not\b"), "will not"),
    (re.compile(r"\b(\w+)'ll\b"), r"\1 will"),
    (re.compile(r"\b(what|who|where|when|how)(')?s\b"), r"\1 is"),
    (re.compile(r"\b(\w+)'(s|m|re|ve|d)\b"), r"\1"),
    (re.compile(r"\b(\w+)s'(?=\W|$)"), r"\1s"),
]  # fmt: skip
_SYNONYMS = """
colleague: coworker
manager: boss
buy: purchase
start: begin commence
sick: ill
photo: picture
get: receive obtain
employee: staff
maximum: max maximal maximally
minimum: min minimal minimally
help: assistance
car: automobile
bike: bicycle
change: alter modify
fix: repair
end: terminate
answer: reply respond
document: doc
information: info
okay: ok
password: pwd
subtract: deduct
helpline: hotline
mandatory: compulsory obligatory
"""
SYNONYMS = {
    word: common
    for common, _, words in (line.partition(": ") for line in _SYNONYMS.strip().splitlines())
    for word in words.split()
}

_NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    " seventeen eighteen nineteen twenty"
)
NUMBERS = {word: str(number) for number, word in enumerate(_NUMBERS.split())}


class _Typography:
    """A table for `str.translate`: full and half width, ligatures and the like to plain characters.

    NFKC would do that too, but it also makes 102 of 10² and 11⁄2 of 1½.
    """

    _KINDS = ("<wide>", "<narrow>", "<compat>", "<noBreak>")

    def __getitem__(self, code: int) -> str:
        character = chr(code)
        if unicodedata.decomposition(character).startswith(self._KINDS):
            return unicodedata.normalize("NFKC", character)
        return character


_TYPOGRAPHY = _Typography()


def in_one_form(text: str) -> str:
    """Unicode's composed form, without differences that only typography makes."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", text.translate(_TYPOGRAPHY))


def folded(question: str) -> str:
    """One form of letters that only look different, with plain quotation marks and dashes."""
    text = in_one_form(question)
    return re.sub(r"[‘’ʼ`´]", "'", re.sub(r"[‐‑‒–—−]", "-", text))


def rephrased(question: str) -> str:
    """The question, small letters already, with phrases that mean the same put into one."""
    text = " ".join(question.split())
    for pattern, replacement in _COMPILED:
        text = pattern.sub(replacement, text)
    if _COUNTS.search(text):
        text = _IN_A_PERIOD.sub(r"per \2", text)
    for pattern, replacement in _CONTRACTIONS:
        text = pattern.sub(replacement, text)
    return " ".join(text.split())


def base_form(word: str) -> str:
    """Without the plural's or the third person's s, numbers as digits, synonyms as one of them."""
    if word in NUMBERS:
        return NUMBERS[word]
    if len(word) > 3 and word.isalpha() and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        if word.endswith("ies") and len(word) > 4:
            word = word[:-3] + "y"
        elif word.endswith(("ches", "shes", "xes", "sses", "zes")):
            word = word[:-2]
        else:
            word = word[:-1]
    return SYNONYMS.get(word, word)
