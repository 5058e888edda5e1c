"""Elements of HTML as Markdown blocks: headings, paragraphs, lists, tables, code and quotes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborNode

from ingestion.loaders.tables import table_markdown

_BLOCK_NAMES = (
    "address article blockquote body center dd details div dl dt fieldset figcaption figure h1 h2 h3 h4 h5 h6"
    " hr html li main ol p pre section summary table tbody td tfoot th thead tr ul"
)
_BLOCKS = frozenset(_BLOCK_NAMES.split())
_LOOKS_LIKE_MARKDOWN = re.compile(r"(?=#{1,6}\s|[-+*]\s|>|`{3}|~{3})")
_LOOKS_LIKE_HTML = re.compile(r"<(?=[A-Za-z/!?])")
_POWER = re.compile(r"[-+−]?\d")
_LOOKS_LIKE_NUMBERED = re.compile(r"(\d+)(?=[.)]\s)")


def blocks(node: LexborNode, indent: str = "") -> Iterator[str]:
    """The block elements below a node as Markdown blocks; loose text between them makes paragraphs."""
    loose: list[str] = []
    for child in node.iter(include_text=True):
        if _is_inline(child):
            loose.append(inline(child))
            continue
        if paragraph := _paragraph("".join(loose)):
            yield _indented(paragraph, indent)
        loose = []
        yield from (_indented(block, indent) for block in _block(child))
    if paragraph := _paragraph("".join(loose)):
        yield _indented(paragraph, indent)


def _block(node: LexborNode) -> Iterator[str]:
    tag = node.tag
    if tag in ("h1", "h2", "h3", "h4", "h5", "h6"):
        if words := words_of(node):
            yield f"{'#' * int(tag[1])} {words}"
    elif tag in ("ul", "ol"):
        yield from _list(node)
    elif tag == "dl":
        yield from _definitions(node)
    elif tag == "table":
        yield from table(node)
    elif tag == "pre":
        if code := node.text().strip("\n"):
            yield f"```\n{code}\n```"
    elif tag == "blockquote":
        yield "\n".join(f"> {line}".rstrip() for line in "\n\n".join(blocks(node)).split("\n"))
    elif tag == "summary":
        if words := words_of(node):
            yield f"**{words}**"
    elif tag != "hr":
        yield from blocks(node)


def _list(node: LexborNode) -> Iterator[str]:
    lines: list[str] = []
    start = node.attributes.get("start") or ""
    number = int(start) if start.isdigit() else 1
    for item in node.iter():
        mark = f"{number}. " if node.tag == "ol" else "- "
        inner = list(blocks(item)) if item.tag == "li" else list(_block(item))
        if not inner:
            continue
        number += 1
        gap = " " * len(mark)
        for index, block in enumerate(inner):
            lines.append(_indented(block, gap) if index else mark + _indented(block, gap).lstrip())
    if lines:
        yield "\n".join(lines)


def _definitions(node: LexborNode) -> Iterator[str]:
    """`<dt>Term<dd>Meaning` as `- **Term:** Meaning`."""
    term = ""
    lines: list[str] = []
    for child in _definition_parts(node):
        if child.tag == "dt":
            term = _cell(child).rstrip(":")
            continue
        deep = child.css_first("dl, pre, table") is not None
        words, *others = (list(blocks(child)) or [""]) if deep else [_cell(child)]
        if deep and not re.match(r"\w", words):  # a list or code right below the term
            words, others = "", [block for block in (words, *others) if block]
        if words or others:
            lines.append(f"- **{term}:** {words}".rstrip() if term else f"- {words}")
            lines += [_indented(block, "  ") for block in others]
    if lines:
        yield "\n".join(lines)


def _definition_parts(node: LexborNode) -> Iterator[LexborNode]:
    """The `dt` and `dd` of a list, not of lists inside it; a `div` may hold some of them."""
    for child in node.iter():
        if child.tag == "div":
            yield from _definition_parts(child)
        elif child.tag in ("dt", "dd"):
            yield child


def inline(node: LexborNode) -> str:
    """Text with `code` in backticks and line breaks kept."""
    if node.tag == "-text":
        return re.sub(r"[ \t\r\n\f]+", " ", node.text() or "")
    if node.tag == "br":
        return "\n"
    if node.tag in ("-comment", "img"):
        return ""
    words = "".join(inline(child) for child in node.iter(include_text=True))
    if node.tag == "sup" and _POWER.match(words) and _follows_a_digit(node):
        return f"^{words}"  # 10<sup>6</sup> is not 106
    return f"`{words.strip()}`" if node.tag in ("code", "kbd", "samp") and words.strip() else words


def _follows_a_digit(node: LexborNode) -> bool:
    before = node.prev
    return before is not None and before.tag != "-comment" and (before.text() or "")[-1:].isdigit()


def _paragraph(text: str) -> str:
    """Loose text without stray blanks; what would be read as a Markdown mark at its start is escaped."""
    lines = (re.sub(r" +", " ", line).strip() for line in text.split("\n"))
    return "\n".join(_escaped(line) for line in lines if line)


def _escaped(line: str) -> str:
    line = _LOOKS_LIKE_MARKDOWN.sub(r"\\", line, count=1) if _LOOKS_LIKE_MARKDOWN.match(line) else line
    line = _LOOKS_LIKE_HTML.sub("&lt;", line, count=1) if _LOOKS_LIKE_HTML.match(line) else line
    match = _LOOKS_LIKE_NUMBERED.match(line)
    return f"{match.group(1)}\\{line[match.end() :]}" if match else line


def words_of(node: LexborNode) -> str:
    return re.sub(r"\s+", " ", inline(node)).strip()


def _is_inline(node: LexborNode) -> bool:
    if node.tag in _BLOCKS:
        return False
    return not any(child.tag in _BLOCKS for child in node.traverse(include_text=False) if child != node)


def _indented(block: str, indent: str) -> str:
    return "\n".join(indent + line if line else line for line in block.split("\n")) if indent else block


# Tables


def table(node: LexborNode) -> Iterator[str]:
    """A table as `|` rows, its caption before it; one of a single column or row is only layout."""
    rows = [row for row in _rows(node) if any(row)]
    width = max((len(row) for row in rows), default=0)
    if width < 2 or len(rows) < 2:
        for cell in node.css("td, th"):
            yield from blocks(cell)
        return
    caption = node.css_first("caption")
    if caption is not None and (words := words_of(caption)):
        yield words
    yield table_markdown(rows)


def _rows(node: LexborNode) -> Iterator[list[str]]:
    """The cells of each row; a cell that spans rows stands in each of them."""
    spanning: dict[int, tuple[int, str]] = {}  # column -> rows left, text
    for row in node.css("tr"):
        if _enclosing_table(row) != node.mem_id:
            continue
        cells: list[str] = []
        found = [child for child in row.iter() if child.tag in ("td", "th")]
        while found or len(cells) in spanning:
            column = len(cells)
            if column in spanning:
                left, text = spanning.pop(column)
                if left > 1:
                    spanning[column] = (left - 1, text)
                cells.append(text)
                continue
            cell = found.pop(0)
            text = _cell(cell)
            for extra in range(_span(cell, "colspan")):
                if (rows := _span(cell, "rowspan")) > 1:
                    spanning[column + extra] = (rows - 1, "" if extra else text)
                cells.append("" if extra else text)
        yield cells


def _enclosing_table(node: LexborNode) -> int:
    parent = node.parent
    while parent is not None and parent.tag != "table":
        parent = parent.parent
    return parent.mem_id if parent is not None else 0


def _span(cell: LexborNode, name: str) -> int:
    value = cell.attributes.get(name) or ""
    return min(int(value), 100) if value.isdigit() and int(value) > 0 else 1


def _cell(node: LexborNode) -> str:
    """The content of a cell on one line; the items of a list in it end with semicolons."""
    parts: list[str] = []
    for block in blocks(node):
        for line in block.split("\n"):
            item = re.match(r"\s*(?:[-*]|\d+\.)\s+(.*)", line)
            words = re.sub(r"^(\d*)\\(?=[#>+*.)`~-])", r"\1", item.group(1) if item else line.strip())
            if item and parts and not parts[-1].endswith((".", ":", ";", "!", "?")):
                parts[-1] += ";"
            parts.append(words)
    return re.sub(r"\s+", " ", " ".join(parts)).strip()
