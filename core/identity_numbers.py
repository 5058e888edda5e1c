"""The checksums and ranges by which a number is known to be an IBAN, a card or a national identity number."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

# ISO 13616 registry: characters of an IBAN by country.
_IBAN_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FO GL NL",
        19: "MK SI",
        20: "AT BA EE KZ LT LU XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "PT",
        26: "IS TR",
        27: "FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB PL",
        29: "BR EG PS QA UA",
        30: "JO KW MU",
        31: "MT SC",
        32: "LC",
    }.items()
    for country in countries.split()
}
# First digits and lengths of the large card networks.
_CARDS = re.compile(
    r"""4(?:\d{12}|\d{15}|\d{18}) | 5[1-5]\d{14} | 2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}
    | 3[47]\d{13} | 6(?:011|5\d\d|4[4-9]\d)\d{12} | 35(?:2[89]|[3-8]\d)\d{12} | 3(?:0[0-5]|[68]\d)\d{11}""",
    re.VERBOSE,
)


# What each letter or digit counts for in an odd place of an Italian code.
_ITALIAN_ODD = (
    *(1, 0, 5, 7, 9, 13, 15, 17, 19, 21),  # 0 to 9
    *(1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18),  # A to M
    *(20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
)


def is_iban(text: str) -> int:
    """How many characters of the text, separators included, are an IBAN; 0 where they are none."""
    length = _IBAN_LENGTHS.get(text[:2], 0)
    bare = ""
    for position, character in enumerate(text):
        bare += character if character.isalnum() else ""
        if len(bare) == length and length:
            moved = "".join(str(int(c, 36)) for c in bare[4:] + bare[:4])
            return position + 1 if int(moved) % 97 == 1 else 0
    return 0


def is_card(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    return _CARDS.fullmatch(digits) is not None and luhn(digits) and len(set(digits)) > 1


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    doubled = [int(d) * (1 + index % 2) for index, d in enumerate(reversed(digits))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def is_national_id(text: str) -> bool:
    """For a text in the shape of one country's number: whether ranges and check digits are right."""
    bare = re.sub(r"\s", "", text)
    return any(re.fullmatch(shape, bare) is not None and check(bare) for shape, check in _CHECKS)


def _united_states(number: str) -> bool:
    area, group, serial = number.split("-")
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def _united_kingdom(number: str) -> bool:
    return (
        number[0] not in "DFIQUV"
        and number[1] not in "DFIOQUV"
        and number[:2] not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")
    )


def _france(number: str) -> bool:
    digits = number.replace("2A", "19").replace("2B", "18")
    return 97 - int(digits[:13]) % 97 == int(digits[13:])


def _spain(number: str) -> bool:
    digits = number.translate(str.maketrans("XYZ", "012", "-"))
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(digits[:8]) % 23] == number[-1]


def _italy(number: str) -> bool:
    odd = dict(
        zip(
            "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
            _ITALIAN_ODD,
            strict=True,
        )
    )
    total = sum(
        odd[c] if index % 2 == 0 else (int(c) if c.isdigit() else ord(c) - 65)
        for index, c in enumerate(number[:15])
    )
    return chr(65 + total % 26) == number[15]


def _germany(number: str) -> bool:
    letter = ord(number[8]) - 64
    digits = f"{number[:8]}{letter:02}{number[9:11]}"
    weights = (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1)
    products = [int(d) * weight for d, weight in zip(digits, weights, strict=True)]
    return sum(product // 10 + product % 10 for product in products) % 10 == int(number[11])


def _sweden(number: str) -> bool:
    digits = re.sub(r"\D", "", number)[-10:]
    try:
        date(2000, int(digits[2:4]), int(digits[4:6]))
    except ValueError:
        return False
    return luhn(digits)


def _brazil(number: str) -> bool:
    digits = [int(d) for d in re.sub(r"\D", "", number)]
    for size in (9, 10):
        total = sum(d * (size + 1 - index) for index, d in enumerate(digits[:size]))
        if (total * 10 % 11) % 10 != digits[size]:
            return False
    return len(set(digits)) > 1


_CHECKS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    (r"\d{3}-\d\d-\d{4}", _united_states),
    (r"[A-Z]{2}\d{6}[A-D]", _united_kingdom),
    (r"[12]\d{4}(?:\d\d|2[AB])\d{8}", _france),
    (r"(?:\d{8}|[XYZ]\d{7})-?[A-Z]", _spain),
    (r"[A-Z]{6}\d\d[A-Z]\d\d[A-Z]\d{3}[A-Z]", _italy),
    (r"\d{8}[A-Z]\d{3}", _germany),
    (r"\d{6,8}[-+]\d{4}", _sweden),
    (r"\d{3}\.\d{3}\.\d{3}-\d\d", _brazil),
)
