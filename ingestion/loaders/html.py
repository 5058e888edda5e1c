"""HTML pages: what only decorates or navigates is dropped, the rest becomes Markdown."""

from __future__ import annotations

import codecs
import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

from core.errors import SourceError
from core.settings import IngestionSettings
from ingestion.loaders.files import Converted, FileLoader, decode
from ingestion.loaders.html_marks import blocks, words_of
from ingestion.loaders.limits import parsed_html

_DROPPED = (
    "script, style, nav, footer, aside, noscript, template, svg, iframe, button, input, select,"
    " textarea, video, audio, object, canvas, dialog, [hidden], [aria-hidden=true], [role=navigation],"
    " [role=banner], [role=contentinfo], [role=search]"
)
_CHARSET = re.compile(rb"<meta[^>]+charset=[\"']?([\w-]+)", re.IGNORECASE)


class HTMLLoader(FileLoader):
    def convert(self, data: bytes) -> Converted:
        tree = parsed_html(_decode(data), self.settings)
        page_title = tree.css_first("head > title")
        title = words_of(page_title) if page_title else ""
        root = content_root(tree)
        heading = root.css_first("h1") if root else None
        name = words_of(heading) if heading else ""
        if name and (not title or title.startswith(name)):
            title = name  # "Leave | Handbook of Acme" is the same page as its heading "Leave"
        return Converted("\n\n".join(blocks(root)) if root else "", title)


def html_markdown(text: str, settings: IngestionSettings) -> str:
    """A page or a part of one as Markdown."""
    root = content_root(parsed_html(text, settings))
    return "\n\n".join(blocks(root)) if root else ""


def content_root(tree: LexborHTMLParser) -> LexborNode | None:
    """The page's main part without scripts, navigation, headers and footers; a header's headings stay."""
    mains = tree.css("main, [role=main]")
    articles = tree.css("article")
    root = mains[0] if len(mains) == 1 else articles[0] if len(articles) == 1 else tree.body
    if root is None:
        return None
    for node in root.css(_DROPPED):
        node.decompose()
    for header in root.css("header"):
        for heading in header.css("h1, h2, h3, h4, h5, h6"):
            header.insert_before(heading)
        header.decompose()
    return root


def _decode(data: bytes) -> str:
    """By the byte order mark, else as the page declares it, else as UTF-8. Raises SourceError.

    Browsers read what is declared as Latin-1 or ASCII as Windows-1252, and UTF-16 in what a search for ASCII
    finds as UTF-8 (https://encoding.spec.whatwg.org).
    """
    declared = _CHARSET.search(data[:2048])
    if declared is None or data.startswith(codecs.BOM_UTF8):
        return decode(data)
    try:
        name = codecs.lookup(declared.group(1).decode("ascii")).name
    except LookupError:
        return decode(data)
    western = name in ("ascii", "iso8859-1", "cp1252")
    if name.startswith(("utf-8", "utf-16", "utf-32")):
        return decode(data)
    try:
        return data.decode("cp1252" if western else name)
    except (LookupError, UnicodeError):
        pass
    try:
        return decode(data)
    except SourceError:
        if western:
            return data.decode("cp1252", "replace")
        raise
