"""AsciiDoc's marks within a line as Markdown, and its attributes: `{name}` is what `:name: value` says."""

from __future__ import annotations

import re
from collections.abc import Mapping

from core.errors import SourceError

_CHARACTERS = {
    "nbsp": " ", "sp": " ", "empty": "", "blank": "", "zwsp": "", "plus": "+", "asterisk": "*", "amp": "&",
    "lt": "<", "gt": ">", "vbar": "|", "tilde": "~", "caret": "^", "startsb": "[", "endsb": "]",
    "apos": "'", "quot": '"', "lsquo": "‘", "rsquo": "’", "ldquo": "“", "rdquo": "”", "deg": "°",
    "two-colons": "::", "two-semicolons": ";;", "backtick": "`", "backslash": "\\", "cpp": "C++",
}  # fmt: skip
_ATTRIBUTE = re.compile(r"(\\)?\{([\w-]+)\}")
_KEPT = re.compile(r"\+\+\+(.+?)\+\+\+|pass:\w*\[(.*?)\]|(?<!\w)\+(\S(?:.*?\S)?)\+(?!\w)|``?(.+?)``?(?!\w)")
_ESCAPED = "\x01"  # stands for a brace that stays
_MOST_GROWN = 100_000  # characters that attributes may add to a paragraph
_LONGEST = 20_000  # characters of a paragraph whose marks are looked for
_MACROS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\[\[[^\]]*\]\]|anchor:[\w-]+\[.*?\]|(?:image|icon)::?[^\s\[]+\[.*?\]", ""),
        (r"\(\(\([^()]*\)\)\)|indexterm2?:\[[^\[\]]*\]", ""),
        (r"footnote(?:ref)?:\w*\[(.*?)\]", r" (\1)"),
        (r"(?:kbd|btn):\[(.*?)\]", r"\1"),
        (r"menu:([^\[\s]+)\[(.*?)\]", r"\1 > \2"),
        (r"mailto:([^\s\[]+)\[\]", r"\1"),
        (r"(?:link:|(?=mailto:))([^\s\[]+)\[([^\]^,]+)[^\]]*\]", r"[\2](\1)"),
        (r"(?:link:)?((?:https?|ftp)://[^\s\[\]<>]+)\[([^\]^,]+)[^\]]*\]", r"[\2](\1)"),
        (r"(?:link:)?((?:https?|ftp)://[^\s\[\]<>]+)\[\]", r"\1"),
        (r"xref:[^\s\[]*\[([^\]]+)\]", r"\1"),
        (r"<<[^<,>]+,\s*([^<>]+)>>", r"\1"),
        (r"(?:\[[^\]]*\])?##(\S.*?)##|(?:\[[^\]]*\])?(?<!\w)#(\S(?:.*?\S)?)#(?!\w)", r"\1\2"),
        (r"(?<![\w*])\*(?!\*)(\S(?:[^*]*?\S)?)\*(?![\w*])", r"**\1**"),
        (r"__(\S.*?)__", r"_\1_"),
        (r"\^(\S+?)\^", r"^\1"),
        (r"(?<![~\w])~(\S+?)~|(?<=\w)~(\w+?)~", r"\1\2"),
    )
)  # fmt: skip


def filled(text: str, attributes: Mapping[str, str]) -> str:
    """The text with its attributes' values, which may name others; what is not defined stays as it is.

    Raises SourceError where values that name values make it grow without end.
    """
    grown = 0
    text = text.replace(_ESCAPED, "")

    def value(match: re.Match[str]) -> str:
        nonlocal grown
        name = match.group(2).lower()
        if match.group(1):
            return f"{_ESCAPED}{match.group(2)}}}"
        found = attributes.get(name, _CHARACTERS.get(name, match.group()))
        grown += len(found)
        if grown > _MOST_GROWN:
            raise SourceError("Its attributes name each other without end; take these out.")
        return found

    for _ in range(3):
        if "{" not in text:
            break
        text = _ATTRIBUTE.sub(value, text)
    return text.replace(_ESCAPED, "{")


def inline(text: str, attributes: Mapping[str, str], names: Mapping[str, str]) -> str:
    """One line or paragraph as Markdown; `names` are the titles of the sections by their anchors."""
    if len(text) > _LONGEST:
        return filled(text, attributes)
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        code = match.group(4)
        kept.append(f"`{code.strip('+')}`" if code else next(filter(None, match.groups()), ""))
        return f"\0{len(kept) - 1}\0"

    text = re.sub(r"<<([^<,>]+)>>|xref:([^\s\[]*)\[\]", lambda match: _named(match, names), text)
    text = _KEPT.sub(keep, filled(text.replace("\0", ""), attributes))
    for pattern, replacement in _MACROS:
        text = pattern.sub(replacement, text)
    text = re.sub(r" \+$", "", text, flags=re.MULTILINE)
    text = re.sub(r"\0(\d+)\0", lambda match: kept[int(match.group(1))], text)
    return re.sub(r"^(?=#{1,6}\s|>\s|-{2,}\s*$|={2,}\s*$)", r"\\", text, flags=re.MULTILINE)


def _named(match: re.Match[str], names: Mapping[str, str]) -> str:
    target = (match.group(1) or match.group(2)).strip()
    anchor = target.rsplit("#", 1)[-1] if "#" in target else target
    words = re.sub(r"\.adoc$", "", anchor).strip("#_").replace("_", " ").replace("-", " ")
    return names.get(anchor.strip(), words)
