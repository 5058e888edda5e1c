"""HTML pages: what only decorates or navigates is dropped, the rest becomes Markdown."""

from __future__ import annotations

import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

from core.settings import IngestionSettings
from ingestion.loaders.files import Converted, FileLoader, decode
from ingestion.loaders.html_marks import blocks, words_of
from ingestion.loaders.limits import parsed_html

_DROPPED = (
    "script, style, nav, footer, header, aside, noscript, template, svg, iframe, form, button, input, select,"
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
    """The page's main part without scripts, navigation, headers and footers; an h1 survives its header."""
    mains = tree.css("main, [role=main]")
    articles = tree.css("article")
    root = mains[0] if len(mains) == 1 else articles[0] if len(articles) == 1 else tree.body
    if root is None:
        return None
    for node in root.css(_DROPPED):
        heading = node.css_first("h1") if node.tag == "header" else None
        if heading is not None:
            node.insert_before(heading)
        node.decompose()
    return root


def _decode(data: bytes) -> str:
    declared = _CHARSET.search(data[:2048])
    if declared is not None and declared.group(1).lower() not in (b"utf-8", b"utf8"):
        try:
            return data.decode(declared.group(1).decode("ascii"))
        except (LookupError, UnicodeDecodeError):
            pass
    return decode(data)
