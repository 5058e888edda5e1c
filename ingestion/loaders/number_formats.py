"""A spreadsheet's number formats: leading zeros, rounding, thousands, percent, currency, words beside it.

The first section of a format is used for all numbers (ECMA-376 part 1, 18.8.31).
"""

from __future__ import annotations

import re

_CURRENCY = re.compile(r"\[\$([^\]-]+)(?:-[^\]]*)?\]|\"([^\"]*[$€£¥₹₽₩][^\"]*|[A-Z]{3})\"|([$€£¥₹₽₩])")
_DIGITS = re.compile(r"([#0?](?:[#0?,]*[#0?])?)(?:\.([0#?]+))?(,*)")
_LITERAL = re.compile(r"\[[^\]]*\]|\"[^\"]*\"")


def number_shown(value: float, number_format: str) -> str:
    form = re.sub(r"\\(.)|_.|\*.", _quoted, _first_section(number_format))
    bare = _LITERAL.sub(lambda match: "\0" * len(match.group()), form)
    digits = _DIGITS.search(bare)
    if digits is None or "/" in bare or "E" in bare:  # General, text, fractions, powers
        return f"{value:.10g}" if isinstance(value, float) and abs(value) < 1e10 else _whole(value)
    prefix, suffix = form[: digits.start()], form[digits.end() :]
    currency = _CURRENCY.search(form)
    minus = "-" if value < 0 else ""
    if not currency and not digits.group(2) and re.search(r"[#0?]", bare[digits.end() :]):
        return f"{minus}{_words(prefix)}{_filled(value, form[digits.start() :])}".strip()
    value = value * 100 if "%" in bare else value
    value = value / 1000 ** len(digits.group(3)) if digits.group(3) else value
    text = _rounded(value, digits)
    if not currency:
        minus = "-" if text.startswith("-") else ""
        return f"{minus}{_words(prefix)}{text.removeprefix('-')}{_words(suffix)}".strip()
    return f"{text}%" if "%" in bare else _with_currency(text, currency, digits.start())


def _first_section(number_format: str) -> str:
    match = re.match(r"(?:\\.|\"[^\"]*\"|[^;])*", number_format)
    return match.group() if match else number_format


def _quoted(match: re.Match[str]) -> str:
    """An escaped sign as a quoted one; filling and blanks as wide as a sign are nothing."""
    sign = match.group(1)
    return f'"{sign}"' if sign and sign != '"' else ""


def _words(literal: str) -> str:
    """What stands beside the number: quoted words and plain signs, without colours and conditions."""
    return re.sub(r"\[[^\]]*\]|\"", "", literal)


def _rounded(value: float, digits: re.Match[str]) -> str:
    whole, fraction = digits.group(1), digits.group(2) or ""
    zeros = whole.count("0")
    grouped = "," if "," in whole else ""
    width = zeros + (zeros - 1) // 3 * bool(grouped) + (len(fraction) + 1 if fraction else 0) + (value < 0)
    text = f"{value:0{max(width, 1)}{grouped}.{len(fraction)}f}"
    # 0.## shows no zeros at the end
    return text.rstrip("0").rstrip(".") if fraction and "0" not in fraction else text


def _filled(value: float, form: str) -> str:
    """`000-00-0000` and the like: the digits are put into the places from the right."""
    left = str(round(abs(value)))
    parts = re.findall(r"\[[^\]]*\]|\"[^\"]*\"|.", form, re.DOTALL)
    first = next(number for number, part in enumerate(parts) if part in "#0?")
    found: list[str] = []
    for number in range(len(parts) - 1, -1, -1):
        part = parts[number]
        if part not in ("#", "0", "?"):
            found.append(_words(part))
        elif number == first:
            found.append(left or ("0" if part == "0" else ""))
        else:
            found.append(left[-1:] or ("0" if part == "0" else ""))
            left = left[:-1]
    return "".join(reversed(found))


def _whole(value: float) -> str:
    return (
        str(int(value))
        if isinstance(value, int) or (value.is_integer() and abs(value) < 1e15)
        else repr(value)
    )


def _with_currency(text: str, currency: re.Match[str], digits_start: int) -> str:
    sign = next(group for group in currency.groups() if group).strip()
    before = currency.start() <= digits_start
    gap = " " if sign.isalpha() or not before else ""
    minus = "-" if text.startswith("-") else ""
    return f"{minus}{sign}{gap}{text.removeprefix('-')}" if before else f"{text}{gap}{sign}"
