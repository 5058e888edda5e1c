"""Personal data and secrets in a text: where they stand, and the text without them.

For the interaction log (masked by default) and for answers (nothing may leave that the sources do not hold).
Precise rather than greedy: what has a checksum must pass it, what has none must have an unmistakable shape or
a word before it that says what it is. Order numbers, dates, versions, prices and section numbers stay.

Formats: ISO 13616 (IBAN), ISO/IEC 7812 (cards, Luhn), ITU-T E.164 (phone numbers), the national bodies' own
descriptions of their identity numbers, and the key formats that the issuers publish.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from core.identity_numbers import is_card, is_iban, is_national_id


class Found(NamedTuple):
    kind: str
    start: int
    end: int


def find(text: str) -> list[Found]:
    """Everything found, in order and without overlaps; `text[start:end]` is what to hide.

    Kinds: private_key, token, api_key, password, email, iban, card, national_id, phone, ip_address.
    """
    taken: list[Found] = []
    for kind, finder in _FINDERS:
        for start, end in finder(text):
            if all(end <= other.start or start >= other.end for other in taken):
                taken.append(Found(kind, start, end))
    return sorted(taken, key=lambda found: found.start)


def masked(text: str) -> str:
    """The text with `[email]`, `[phone]` ... in place of what was found."""
    parts, position = [], 0
    for kind, start, end in find(text):
        parts += [text[position:start], f"[{kind}]"]
        position = end
    return "".join((*parts, text[position:]))


def foreign(text: str, sources: list[str]) -> str | None:
    """The kind of the first thing found in the text that stands in none of the sources, or None.

    White space and separators may differ, so that `DE89 3704 ...` in a source covers `DE893704...`.
    """
    known = [_bare(source) for source in sources]
    for kind, start, end in find(text):
        if not any(_bare(text[start:end]) in source for source in known):
            return kind
    return None


def _bare(text: str) -> str:
    return re.sub(r"[\s().\-/]+", "", text).lower()


Spans = Iterator[tuple[int, int]]

# Numbers that these words announce are no phone, card or identity numbers.
_REFERENCE = re.compile(
    r"""(?:\b(?:orders?|invoices?|tickets?|cases?|ref(?:erence)?s?|tracking|serial|part|article|sku|po|
    shipments?|parcels?|customers?|accounts?|contracts?|projects?|isbn|issn|doi|patents?|model|batch|
    licen[cs]e|bestell\w*|rechnungs?\w*|auftrags?\w*|kunden\w*|vertrags?\w*|commande|facture|pedido|factura)
    [\s-]{0,2}(?:(?:nos?|nr|num(?:ber)?s?|nummer|ids?|code|key)\b\.?)?\s{0,2}|\#)(?:is\s|was\s|[:=\#]\s{0,2})?$""",
    re.IGNORECASE | re.VERBOSE,
)
_VERSION = re.compile(
    r"""(?:\b(?:v|ver|version|release[ds]?|build|firmware|driver|section|sections|chapter|clause|article|
    paragraph|para|appendix|annex|step|figure|table|item|abschnitt|kapitel|ziffer|update[ds]?(?:\ to)?|
    upgrade[ds]?(?:\ to)?)\.?\s{0,2}|§\s?)$""",
    re.IGNORECASE | re.VERBOSE,
)


def _announced(pattern: re.Pattern[str], text: str, start: int) -> bool:
    return pattern.search(text, max(0, start - 40), start) is not None


def _each(
    pattern: str, flags: int = 0, accept: Callable[[str], bool] | None = None
) -> Callable[[str], Spans]:
    """A finder of one pattern; a group named `it` is what to hide, else the whole match."""
    compiled = re.compile(pattern, flags | re.VERBOSE)
    group = "it" if "it" in compiled.groupindex else 0

    def finder(text: str) -> Spans:
        for match in compiled.finditer(text):
            if accept is None or accept(match.group(group)):
                yield match.span(group)

    return finder


def _has_digit_and_letter(value: str) -> bool:
    return any(c.isdigit() for c in value) and any(c.isalpha() for c in value)


def _is_secret(value: str) -> bool:
    """Not a placeholder: `<your password>`, `$PASSWORD`, `{{secret}}`, `********`, `password`."""
    return not re.match(
        r"[<$%{\[*.x]|x+$|(?:your|my|the)?[_-]?(?:pass|secret|token|key)", value, re.IGNORECASE
    )


_private_keys = _each(
    r"-----BEGIN\ (?:[A-Z0-9]+\ ){0,3}PRIVATE\ KEY(?:\ BLOCK)?-----.*?(?:-----END\ [A-Z0-9\ ]{1,40}-----|\Z)",
    re.DOTALL,
)
_tokens = _each(r"(?<![\w-])eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*")
_bearers = _each(r"\bBearer\s+(?P<it>[\w.~+/-]{20,}=*)", re.IGNORECASE, _has_digit_and_letter)
_api_keys = _each(
    r"""(?<![\w-])(?:
    (?:AKIA|ASIA)[0-9A-Z]{16}
    | gh[pousr]_[A-Za-z0-9]{30,} | github_pat_\w{22,} | glpat-[\w-]{20,}
    | sk-(?=[\w-]*\d)[\w-]{20,} | [sr]k_(?:live|test)_[A-Za-z0-9]{16,}
    | ih_[\w-]{16,} | sgp_(?:\w+_)?[0-9a-f]{40}
    | xox[abeprs]-[\w-]{10,} | AIza[\w-]{35} | hf_[A-Za-z0-9]{30,} | npm_[A-Za-z0-9]{36}
    | pypi-[\w-]{50,} | SG\.[\w-]{16,}\.[\w-]{16,} | dop_v1_[0-9a-f]{64}
    )(?!\w)"""
)
_named_keys = _each(
    r"""\b(?:aws_secret_access_key|api[_-]?key|access[_-]?token|auth[_-]?token|client[_-]?secret)
    ["']?\s{0,2}[:=]\s{0,2}["']?(?P<it>[\w/+.-]{16,}=*)""",
    re.IGNORECASE,
    lambda value: _has_digit_and_letter(value) and _is_secret(value),
)
_url_passwords = _each(
    r"\b[a-z][a-z0-9+.-]{1,20}://[^\s:/?\#@\"'<>]{0,64}:(?P<it>[^\s/?\#@\"'<>]{1,128})@[\w.\[-]",
    re.IGNORECASE,
    _is_secret,
)
_parameters = _each(
    r"""[?&;](?:password|passwd|pwd|pass|token|api_?key|access_?token|auth|secret|sig|signature)
    =(?P<it>[^\s&;\#"'<>]{4,512})""",
    re.IGNORECASE,
    _is_secret,
)
_assigned = _each(
    r"(?<![\w-])(?:password|passwd|pwd|passphrase)\s?=\s?[\"']?(?P<it>[^\s\"'&;,<>]{6,128})",
    re.IGNORECASE,
    lambda value: _has_digit_and_letter(value) and _is_secret(value),
)
_emails = _each(
    r"""(?<![\w.+/-])(?!git@)[\w+](?:[\w.+-]{0,62}[\w+])?@
    (?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,6}(?!(?:png|jpe?g|gif|svg|webp|css|js)\b)[a-z]{2,24}(?![\w-])""",
    re.IGNORECASE,
)
_PHONE = re.compile(
    r"""(?<![\w+.,/-])(?:
    \+(?=[1-9])(?:[\s./-]?\(?\d{1,14}\)?){1,8}
    | \([2-9]\d\d\)\s?[2-9]\d\d[-.\s]\d{4}
    | (?:1[-.])?[2-9]\d\d(?P<dash>[-.])[2-9]\d\d(?P=dash)\d{4}
    | 0[1-9](?P<gap>[\s.])\d\d(?:(?P=gap)\d\d){3}
    | 07\d{3}\s\d{3}\s?\d{3} | 0(?:20|11\d|1\d1)\s\d{3,4}\s\d{4} | 01\d{3}\s\d{6}
    )(?![\w-]|[.,/]\d)""",
    re.VERBOSE,
)
_called = _each(
    r"""\b(?:tel(?:efon|ephone|éfono|efoon)?|phone|mobile|mobil|cell|handy|fax|whatsapp|portable)
    (?:[\s-]?(?:no|nr|num(?:ber)?|nummer))?\.?\s?(?:is\s|:\s?|=\s?)?(?P<it>\(?0?\d[\d\s()/.-]{5,20}\d)(?![\w-]|[.,]\d)""",
    re.IGNORECASE,
    lambda value: 7 <= sum(map(str.isdigit, value)) <= 15 and not re.search(r"\d{4}-\d\d-\d\d", value),
)
_NUMBER = re.compile(r"(?<![\w.,/+-])\d(?:[ -]?\d){12,18}(?![\w-]|[.,]\d)")
_IBAN = re.compile(r"(?<![\w-])[A-Z]{2}\d\d(?=[ -]?[A-Z0-9]{4})(?:[ -]?[A-Z0-9]){11,30}")
_NATIONAL = re.compile(
    r"""(?<![\w.,/+-])(?:
    \d{3}-\d\d-\d{4}                                             # United States
    | [A-Z]{2}\ ?\d\d\ ?\d\d\ ?\d\d\ ?[A-D]                      # United Kingdom
    | [12]\ ?\d\d\ ?[01]\d\ ?(?:\d\d|2[AB])\ ?\d{3}\ ?\d{3}\ ?\d\d   # France
    | (?:\d{8}|[XYZ]\d{7})-?[A-Z]                                # Spain
    | [A-Z]{6}\d\d[A-EHLMPRST]\d\d[A-Z]\d{3}[A-Z]                # Italy
    | \d\d[0-3]\d[01]\d{3}[A-Z]\d{3}                             # Germany, pension
    | (?:19|20)?\d{6}[-+]\d{4}                                   # Sweden
    | \d{3}\.\d{3}\.\d{3}-\d\d                                   # Brazil
    )(?![\w-]|[.,]\d)""",
    re.VERBOSE,
)
_named_ids = _each(
    r"""\b(?:ssn|social\ security(?:\ (?:no|number))?|bsn|burgerservicenummer|idnr|pesel|sin
    |steuer-?id(?:entifikationsnummer)?|steueridentnummer
    |passport(?:\ (?:no|number))?|national\ insurance(?:\ (?:no|number))?)
    \.?\s?(?:is\s|:\s?|=\s?)?(?P<it>[A-Z]{0,2}\d(?:[\s-]?\d){6,11})(?![\w-]|[.,]\d)""",
    re.IGNORECASE,
)
_IPV4 = re.compile(r"(?<![\w.+-])\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?=[0-9a-f]*:[0-9a-f:]*:)[0-9a-f:]{6,39}(?![\w:])", re.IGNORECASE)
_HOST_WORD = re.compile(
    r"\b(?:ips?|address(?:es)?|hosts?|server|gateway|dns|ping|from|at)\s*(?:is|:|=)?\s*$", re.I
)


def _phones(text: str) -> Spans:
    for match in _PHONE.finditer(text):
        digits = sum(map(str.isdigit, match.group()))
        if 8 <= digits <= 15 and not _announced(_REFERENCE, text, match.start()):
            yield match.span()
    yield from _called(text)


def _cards(text: str) -> Spans:
    for match in _NUMBER.finditer(text):
        if is_card(match.group()) and not _announced(_REFERENCE, text, match.start()):
            yield match.span()


def _ibans(text: str) -> Spans:
    """A match may run into the next word, so each is cut to the length that its country has."""
    for match in _IBAN.finditer(text):
        if length := is_iban(match.group()):
            end = match.start() + length
            if not text[end : end + 1].isalnum():
                yield match.start(), end


def _national_ids(text: str) -> Spans:
    for match in _NATIONAL.finditer(text):
        if is_national_id(match.group()) and not _announced(_REFERENCE, text, match.start()):
            yield match.span()
    yield from _named_ids(text)


def _addresses(text: str) -> Spans:
    for match in _IPV4.finditer(text):
        if _is_host(match, text):
            yield match.span()
    for match in _IPV6.finditer(text):
        groups = [group for group in match.group().split(":") if group]
        try:
            address = ipaddress.IPv6Address(match.group())
        except ValueError:
            continue
        if len(groups) >= 4 or address.is_link_local or (address.is_private and len(groups) >= 2):
            yield match.span()


def _is_host(match: re.Match[str], text: str) -> bool:
    """Not a version, a section number, a netmask or this machine itself."""
    octets = [int(part) for part in match.group().split(".")]
    own = octets[0] in (0, 127, 255) or any(len(p) > 1 and p[0] == "0" for p in match.group().split("."))
    if own or max(octets) > 255 or _announced(_VERSION, text, match.start()):
        return False
    if re.match(r"/\d\d?\b|:\d{2,5}\b", text[match.end() :]) or _announced(_HOST_WORD, text, match.start()):
        return True
    return max(octets) > 30  # 4.2.1.3 is a section or a version


_FINDERS: tuple[tuple[str, Callable[[str], Spans]], ...] = (
    ("private_key", _private_keys),
    ("token", _tokens),
    ("api_key", _api_keys),
    ("token", _bearers),
    ("password", _url_passwords),
    ("password", _parameters),
    ("api_key", _named_keys),
    ("password", _assigned),
    ("email", _emails),
    ("iban", _ibans),
    ("card", _cards),
    ("national_id", _national_ids),
    ("phone", _phones),
    ("ip_address", _addresses),
)
