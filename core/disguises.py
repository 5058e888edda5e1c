"""The ways in which people hide an order from a filter, undone: what a text says once it is read.

Invisible letters, look-alikes of other alphabets, spaced or leet spelling, base64, hexadecimal, rot13,
reversed text.
A reading beside the plain one is made only where it is more of a language than what stands there.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
import unicodedata
import urllib.parse

_TAGS = {code: code - 0xE0000 for code in range(0xE0020, 0xE007F)}  # invisible letters, used to hide orders
_QUOTES = {0x2018: "'", 0x2019: "'", 0x02BC: "'", 0x201C: '"', 0x201D: '"', 0x2013: "-", 0x2014: "-"}
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\U000e0001\U000e007f\U000e0100-\U000e01ef]"
)
# Letters of other alphabets that look Latin (the visible core of Unicode TS 39's confusables).
_LOOKALIKES = str.maketrans(
    "аеорсухіјѕԁһӏвмнтквӀгпзѡАВЕКМНОРСТУХІЈЅԛԝαεορυχικντωγβηΑΒΕΖΗΙΚΜΝΟΡΤΥΧıɡɑℓ",
    "aeopcyxijsdhlbmhtkblrn3wABEKMHOPCTYXIJSqwaeopuxikvtwybnABEZHIKMNOPTYXigal",
)
_LATIN = re.compile(r"[A-Za-z]")
_OTHER = re.compile(r"[\u0370-\u03ff\u0400-\u052f\u0131\u0251\u0261\u2113]")
_COMBINING = re.compile(r"[\u0300-\u036f\u0489\u20d0-\u20ff]{2,}|(?<=[a-zA-Z])[\u0335-\u0338]")
# i g n o r e, i.g.n.o.r.e, i-g-n-o-r-e; words stay apart where two blanks or another sign part them
_SPACED = re.compile(r"(?<!\w)(?:\w[ .\-_*]){3,}\w(?!\w)")
_LEET = str.maketrans("01345789@$|", "oieasTbgasl".lower())
_LEET_WORD = re.compile(r"(?<![\w@$|])(?=[\w@$|]*[a-zA-Z])(?=[\w@$|]*[013457@$|])[\w@$|]{2,}(?![\w@$|])")
_BASE64 = re.compile(r"(?<![\w+/=-])[A-Za-z0-9+/_-]{16,}={0,2}(?![\w+/=])")
_HEX = re.compile(r"(?<![0-9a-fA-F])(?:(?:0x|\\x)?[0-9a-fA-F]{2}[\s,:]?){8,}(?![0-9a-fA-F])")
_COMMON = frozenset(
    re.findall(
        r"\w+",
        """the a an of to and in is you your all me my i it that what this for with are be on as or not now
        from ignore instructions rules show tell print reveal system prompt previous how do we have answer""",
    )
)
_LONGEST = 4000  # characters that are read; a question has at most half of them


def revealed(text: str) -> str:
    """The text in one Unicode form, nothing invisible, Latin letters Latin, white space folded."""
    text = _INVISIBLE.sub("", text[:_LONGEST].translate(_TAGS))
    text = _COMBINING.sub("", unicodedata.normalize("NFKC", text).translate(_QUOTES))
    text = re.sub(r"[^\s]+", lambda match: _as_latin(match.group()), text)
    text = _SPACED.sub(_joined, _closed_up(text))
    return re.sub(r"\s+", " ", text).strip()


def readings(text: str) -> tuple[str, ...]:
    """The revealed text first, then what else it may say: leet spelling undone, what is decoded."""
    plain = revealed(text)
    found = [plain]
    spelt = _LEET_WORD.sub(lambda match: _spelt(match.group()), plain)
    if len(_LEET_WORD.findall(plain)) >= 3 and _sense(plain.translate(_LEET)) > _sense(plain):
        spelt = plain.translate(_LEET)  # a text all in leet has words of figures alone
    if spelt != plain:
        found.append(spelt)
    found += [part for part in _decoded(plain) if part not in found]
    sense = _sense(plain)
    for turned in (codecs.encode(plain, "rot13"), plain[::-1], urllib.parse.unquote(plain)):
        if turned != plain and _sense(turned) > max(sense, 0.15):
            found.append(turned)
    return tuple(found)


def _as_latin(word: str) -> str:
    """A word that mixes alphabets is Latin in disguise; one of a single other alphabet is left alone."""
    if not _OTHER.search(word):
        return word
    latin = word.translate(_LOOKALIKES)
    return latin if _LATIN.search(word) or latin.isascii() else word


def _closed_up(text: str) -> str:
    """A text of single letters with wider gaps between its words, as words."""
    letters = text.split()
    if len(letters) < 8 or sum(len(letter) == 1 for letter in letters) < 0.8 * len(letters):
        return text
    return " ".join(re.sub(r"\s", "", word) for word in re.split(r"\s{2,}", text))


def _joined(match: re.Match[str]) -> str:
    letters = re.sub(r"[ .\-_*]", "", match.group())
    return letters if sum(map(str.isalpha, letters)) > len(letters) / 2 else match.group()


def _spelt(word: str) -> str:
    """1gn0r3 as ignore, but E0423, v2 and 24h as they are."""
    letters = sum(map(str.isalpha, word))
    return word.translate(_LEET) if letters >= 2 and not re.fullmatch(r"[A-Za-z]?\d+\w?", word) else word


def _decoded(text: str) -> list[str]:
    found = []
    for match in _BASE64.finditer(text):
        bare = match.group().rstrip("=").translate(str.maketrans("-_", "+/"))
        try:
            found.append(base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True).decode())
        except (binascii.Error, UnicodeDecodeError):
            continue
    for match in _HEX.finditer(text):
        try:
            found.append(bytes.fromhex(re.sub(r"0x|\\x|[\s,:]", "", match.group())).decode())
        except (ValueError, UnicodeDecodeError):
            continue
    return [revealed(part) for part in found if part.isprintable() and _sense(part) > 0]


def _sense(text: str) -> float:
    """The share of words that are common English ones."""
    words = re.findall(r"[a-z]+", text.lower())
    return sum(word in _COMMON for word in words) / len(words) if words else 0.0
