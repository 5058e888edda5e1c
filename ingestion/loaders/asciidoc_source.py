"""An AsciiDoc file's lines without comments, conditions and includes, which are never followed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_DIRECTIVE = re.compile(r"(ifdef|ifndef|ifeval|endif|include)::(\S*?)\[(.*)\]\s*")
_ENTRY = re.compile(r":(!?)([\w-]+)(!?):(?:\s+(.*))?")
_SECTION = re.compile(r"={1,6}\s+(\S.*)")
_ANCHOR = re.compile(r"\[\[([\w-]+)(?:,.*)?\]\]|\[#([\w-]+).*\]")
_VERBATIM = re.compile(r"(-{4,}|\.{4,}|\+{4,}|`{3})")


@dataclass(slots=True)
class AsciiDocSource:
    lines: list[str] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)  # a section's anchor -> its title
    conditions: list[bool] = field(default_factory=list)
    anchor: str = ""  # what the next section is called by


def read_source(text: str) -> AsciiDocSource:
    """The lines to convert. An attribute has the last value that the file gives it."""
    source = AsciiDocSource()
    comment = verbatim = ""
    lines = iter(text.expandtabs(4).split("\n"))
    for line in map(str.rstrip, lines):
        if directive := _DIRECTIVE.fullmatch(line):
            _condition(directive, source)
            continue
        if not all(source.conditions):
            continue
        if comment or (not verbatim and re.fullmatch(r"/{4,}", line)):
            comment = "" if line == comment else comment or line
            continue
        if fence := _VERBATIM.match(line):
            mark = fence.group(1)
            if line == mark or mark == "```":
                verbatim = "" if mark == verbatim else verbatim or mark
        elif not verbatim and re.match(r"//(?!/)", line):
            if source.lines and source.lines[-1]:
                continue  # one after a blank line stays, because it ends a list
        elif not verbatim and (entry := _ENTRY.fullmatch(line)):
            value = entry.group(4) or ""
            while value.endswith("\\"):
                value = value[:-1].rstrip().removesuffix(" +") + " " + next(lines, "").strip()
            _set(source, entry, value)
            continue
        elif not verbatim:
            _name(line, source)
        source.lines.append(line)
    return source


def _condition(directive: re.Match[str], source: AsciiDocSource) -> None:
    kind, names, content = directive.groups()
    if kind == "endif":
        if source.conditions:
            source.conditions.pop()
    elif kind in ("ifdef", "ifndef"):
        wanted = [name in source.attributes for name in re.split(r"[,+]", names.lower())]
        defined = all(wanted) if "+" in names else any(wanted)
        holds = defined == (kind == "ifdef")
        if not content:
            source.conditions.append(holds)
        elif holds and all(source.conditions):
            source.lines.append(content)
    elif kind == "ifeval":
        source.conditions.append(True)


def _set(source: AsciiDocSource, entry: re.Match[str], value: str) -> None:
    name = entry.group(2).lower()
    if entry.group(1) or entry.group(3):
        source.attributes.pop(name, None)
    else:
        source.attributes[name] = value.strip()


def _name(line: str, source: AsciiDocSource) -> None:
    """Notes by which anchors a section may be referred to: its own, its generated one, its title."""
    if anchor := _ANCHOR.fullmatch(line):
        source.anchor = anchor.group(1) or anchor.group(2)
    elif section := _SECTION.fullmatch(line):
        title = section.group(1)
        generated = "_" + re.sub(r"[\s.-]+", "_", re.sub(r"[^\w\s.-]", "", title.lower())).strip("_")
        for anchor_name in filter(None, (source.anchor, generated, title)):
            source.names.setdefault(anchor_name, title)
        source.anchor = ""
