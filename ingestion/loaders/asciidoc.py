"""AsciiDoc as Markdown: what handbooks use of the language; an include is never followed.

Parsers for Python are old or under the GPL, so this one reads the blocks line by line (https://docs.asciidoctor.org/asciidoc/latest/).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from core.settings import IngestionSettings
from ingestion.loaders.asciidoc_inline import inline
from ingestion.loaders.asciidoc_lists import ListText, list_mark
from ingestion.loaders.asciidoc_source import AsciiDocSource, read_source
from ingestion.loaders.asciidoc_tables import table
from ingestion.loaders.files import Converted, FileLoader, decode
from ingestion.loaders.limits import nested_too_deeply
from ingestion.loaders.markdown import first_h1

_SECTION = re.compile(r"(={1,6}|#{1,6})\s+(\S.*)")
_DELIMITER = re.compile(r"(-{4,}|\.{4,}|={4,}|\*{4,}|_{4,}|\+{4,}|--|`{3}|[|,!]={3,})(\w*)")
_ATTRIBUTES = re.compile(r"\[(?!\[)(.*)\]|\[\[[^\]]*\]\]")
_TITLE = re.compile(r"\.([^\s.].*)")
_LABEL = re.compile(r"(NOTE|TIP|IMPORTANT|WARNING|CAUTION):\s+(.*)", re.DOTALL)
_UNSEEN = re.compile(r"'{3,}|-{3}|\*{3}|<{3,}|(?:image|video|audio|toc)::\S*\[.*\]|toc::\[\]|//.*|\+")
_AUTHOR = re.compile(r"[^=:|*.\[-].*<\S+@\S+>.*|v\d[\w.]*(?:,.*)?")


class AsciiDocLoader(FileLoader):
    def convert(self, data: bytes) -> Converted:
        source = read_source(decode(data))
        text = "\n\n".join(_Blocks(source, source.lines, self.settings).markdown())
        return Converted(text, first_h1(text))


class _Blocks:
    """Converts some of the file's lines: all of them, or those between two delimiters."""

    def __init__(
        self, source: AsciiDocSource, lines: list[str], settings: IngestionSettings, depth: int = 1
    ) -> None:
        if depth > settings.max_nesting:
            raise nested_too_deeply(settings)
        self.source = source
        self.lines = lines
        self.settings = settings
        self.depth = depth
        self.at = 0
        self.options = ""  # what stands in [...] above a block
        self.title = ""
        self.in_list = False

    def markdown(self) -> Iterator[str]:
        while self.at < len(self.lines):
            yield from filter(None, self._block())

    def _block(self) -> Iterator[str]:
        """The next block below its title; nothing where a line only says something about it."""
        for block in self._untitled():
            title, self.title = self.title, ""
            yield title + block if block else ""

    def _untitled(self) -> Iterator[str]:
        line = self.lines[self.at]
        if not line or _UNSEEN.fullmatch(line):
            self.at += 1
        elif attributes := _ATTRIBUTES.fullmatch(line):
            self.at += 1
            self.options = attributes.group(1) or self.options
        elif delimiter := _DELIMITER.fullmatch(line):
            yield self._delimited(delimiter.group(1), delimiter.group(2))
        elif section := _SECTION.fullmatch(line):
            self.at += 1
            self.options = ""
            yield f"{'#' * len(section.group(1))} {self._inline(section.group(2))}"
            if len(section.group(1)) == 1 and self.depth == 1:
                while self.at < len(self.lines) and _AUTHOR.fullmatch(self.lines[self.at]):
                    self.at += 1
        elif title := _TITLE.fullmatch(line):
            self.at += 1
            self.title = f"{self._inline(title.group(1)).rstrip(':.')}:\n\n"
        elif list_mark(line):
            yield self._list()
        elif line.startswith(" "):
            yield f"```\n{self._indented()}\n```"
        else:
            yield self._paragraph()

    def _inline(self, text: str) -> str:
        return inline(text, self.source.attributes, self.source.names).strip()

    def _taken_options(self) -> str:
        options, self.options = self.options, ""
        return options

    def _delimited(self, mark: str, language: str) -> str:
        self.at += 1
        start = self.at
        while self.at < len(self.lines) and self.lines[self.at] != mark:
            self.at += 1
        lines = self.lines[start : self.at]
        self.at += 1
        options = self._taken_options()
        if mark[0] in "|,!" and mark.endswith("==="):
            return table(lines, options, self._inline, mark[0])
        if mark[0] == "+" or options.startswith(("stem", "latexmath")):
            return ""
        prose = options.startswith(("NOTE", "TIP", "IMPORTANT", "WARNING", "CAUTION", "quote", "verse"))
        if (mark[:4] in ("----", "....") or mark == "```") and not prose:
            code = "\n".join(lines).strip("\n")
            return f"```{language}\n{code}\n```" if code else ""
        inner = list(_Blocks(self.source, lines, self.settings, self.depth + 1).markdown())
        text = "\n\n".join(inner)
        if mark[0] == "_" or options.startswith(("quote", "verse")):
            return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))
        return self._labelled(text, options)

    def _paragraph(self) -> str:
        start = self.at
        while self.at < len(self.lines) and (self.at == start or not self._ends(self.lines[self.at])):
            self.at += 1
        text = "\n".join(self.lines[start : self.at])
        options = self._taken_options()
        if options.startswith(("source", "listing", "literal")):
            return f"```\n{text}\n```"
        if label := _LABEL.fullmatch(text):
            text, options = label.group(2), label.group(1)
        return self._labelled(self._inline(text), options)

    def _ends(self, line: str) -> bool:
        """True where a line cannot go on with the paragraph above it."""
        begins = _DELIMITER.fullmatch(line) or _ATTRIBUTES.fullmatch(line) or line == "+"
        return not line or bool(begins or (self.in_list and list_mark(line)))

    def _labelled(self, text: str, options: str) -> str:
        """`Note: its text` where the options name an admonition."""
        kind = re.match(r"NOTE|TIP|IMPORTANT|WARNING|CAUTION", options)
        if kind is None:
            return text
        gap = " " if re.match(r"[^\W_]|[\"'(*_`]", text) and not text.startswith(("* ", "```")) else "\n\n"
        return f"{kind.group().capitalize()}:{gap}{text}"

    def _indented(self) -> str:
        start = self.at
        while self.at < len(self.lines) and self.lines[self.at].startswith(" "):
            self.at += 1
        lines = self.lines[start : self.at]
        blanks = min(len(line) - len(line.lstrip()) for line in lines)
        return "\n".join(line[blanks:] for line in lines)

    def _list(self) -> str:
        self.options = ""
        written, around, self.in_list = ListText(self._inline), self.in_list, True
        while self.at < len(self.lines):
            line = self.lines[self.at]
            item = list_mark(line)
            if line == "+":
                self.at += 1
                written.attach(self._next_block())
                continue
            if item:
                written.add(item)
            elif not line:
                if not self._goes_on_after_blanks(written):
                    break
            elif self._ends(line):
                break
            else:
                written.go_on(line)
            self.at += 1
        self.in_list = around
        return re.sub(r"\n{3,}", "\n\n", "\n".join(written.lines)).strip("\n")

    def _next_block(self) -> str:
        while self.at < len(self.lines):
            if found := "\n\n".join(filter(None, self._block())):
                return found
        return ""

    def _goes_on_after_blanks(self, written: ListText) -> bool:
        following = next((line for line in self.lines[self.at :] if line), "")
        return bool(list_mark(following)) or (written.awaits_text and not self._ends(following))
