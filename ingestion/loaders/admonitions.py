"""Notes, tips and warnings in Markdown, whose marks would break the text: `!!! note`, `> [!NOTE]`, `:::tip`.

The marks go, a title of its own stays as a line, and what is indented below a mark becomes plain paragraphs.
Every line that is left stands in the file, for quotes are looked up there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_BLOCK = re.compile(r"( *)(?:(?:!!!|\?\?\?\+?) *[\w -]*?|===[+!]?(?= *\"))(?: *\"(.*)\")? *")
_KINDS = (
    "abstract|attention|bug|caution|danger|details|error|example|failure|hint|important|info|note|question"
    "|quote|success|tip|warning"
)
_FENCED = re.compile(rf" *:{{3,}} *(?:\{{?(?:{_KINDS})\}}?(?:\[(.*)\]|[ \t]+(.*))?)?[ \t]*", re.IGNORECASE)
_QUOTED = re.compile(r"( *> ?)\[!\w+\][+-]?(?: +(.*))?")
_CODE = re.compile(r" {0,3}(`{3,}|~{3,})")


def without_admonition_marks(text: str) -> str:
    if not re.search(r"^ *(?:!!!|\?\?\?|===|:::|> ?\[!)", text, re.MULTILINE):
        return text
    kept: list[str] = []
    for line in _plain(text.split("\n")):
        if line is not None:
            kept.append(line)
        elif kept and kept[-1].strip():
            kept.append("")
    return "\n".join(kept)


def _plain(lines: list[str]) -> Iterator[str | None]:
    """The lines without the marks; None where text before and after a mark must not run together."""
    code = ""
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if fence := _CODE.match(line):
            mark = fence.group(1)
            code = "" if code and mark.startswith(code) else code or mark
            yield line
        elif code:
            yield line
        elif (block := _BLOCK.fullmatch(line)) and (end := _end(lines, at, len(block.group(1)))) > at:
            outer = block.group(1)
            yield from (None, outer + block.group(2), None) if block.group(2) else (None,)
            yield from _plain([outer + inner[len(outer) + 4 :] for inner in lines[at:end]])
            yield None
            at = end
        elif fenced := _FENCED.fullmatch(line):
            title = fenced.group(1) or fenced.group(2)
            yield from (None, title, None) if title else (None,)
        elif quoted := _QUOTED.fullmatch(line):
            title = quoted.group(2)
            yield from (None, quoted.group(1).split(">")[0] + title, None) if title else ()
        else:
            yield line


def _end(lines: list[str], at: int, indent: int) -> int:
    """Where the lines that are indented deeper come to their end; blank lines may stand between them."""
    end = at
    for number in range(at, len(lines)):
        line = lines[number]
        if line.strip() and len(line) - len(line.lstrip()) < indent + 4:
            break
        end = number + 1 if line.strip() else end
    return end
