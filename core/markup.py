"""HTML inside Markdown: what of it a person does not see, and what only looks like it."""

from __future__ import annotations

import re

# Of the HTML standard, with those that it calls obsolete.
_NAMES = (
    "a abbr acronym address area article aside audio b base bdi bdo big blockquote body br button canvas "
    "caption center cite code col colgroup data datalist dd del details dfn dialog dir div dl dt em embed "
    "fieldset figcaption figure font footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr "
    "html i iframe img input ins kbd label legend li link main map mark marquee menu meta meter nav nobr "
    "noframes noscript object ol optgroup option output p param picture pre progress q rp rt ruby s samp "
    "script section select slot small source span strike strong style sub summary sup svg table tbody td "
    "template textarea tfoot th thead time title tr track tt u ul var video wbr"
)
_NAME = r"[a-z][\w.:-]*"
_QUOTED = r"""\s+[a-z_:@][\w.:@-]*\s*=\s*(?:"[^"]*"|'[^']*')"""
_ATTRIBUTE = r"""\s+[a-z_:@][\w.:@-]*(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'=<>`]+))?"""
# No answer may hold what a page would load or run (`core.orders`), neither as an example nor badly written.
_LOADING = r"</?(?:script|img|iframe|svg|object|embed|link|form|a|video|audio)(?=[\s/>])[^>]{0,300}>"
_TAG = (
    rf"</{_NAME}\s*>"
    rf"|<(?:{'|'.join(_NAMES.split())})(?:{_ATTRIBUTE})*\s*/?>"
    rf"|{_LOADING}"
    # Of a component or of something broken: nobody writes a placeholder so.
    rf"|<{_NAME}(?:{_QUOTED})+\s*/?>|<{_NAME}[\s/][^<>=]*=[^<>]*>"
)
_CODE = r"(?<!`)(?P<marks>`+)(?!`)(?:(?!\n[ \t]*\n)[^`])+(?P=marks)(?!`)"
_ADDRESS = r"[a-z][a-z0-9+.-]{1,31}:[^\s<>]+|[^\s<>@]+@[^\s<>@]+"
_MARKUP = re.compile(rf"(?P<code>{_CODE})|{_TAG}|<(?P<address>{_ADDRESS})>", re.IGNORECASE)
_LOADING_IN_CODE = re.compile(_LOADING, re.IGNORECASE)


def without_tags(text: str) -> str:
    """Markdown without its HTML tags; `<hr@example.com>` without its brackets.

    What stands in code, and a placeholder as in `copy <file>`, is no tag.
    """
    return _MARKUP.sub(_shown, text)


def _shown(found: re.Match[str]) -> str:
    if found["code"]:
        return _LOADING_IN_CODE.sub(" ", found["code"])
    return found["address"] or " "
