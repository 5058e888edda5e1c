"""reStructuredText by docutils, which neither includes other files nor lets raw text through; then as HTML.

What Sphinx adds to the language is unknown to docutils: the text of such roles and directives is kept.
"""

from __future__ import annotations

import re
from inspect import cleandoc
from textwrap import indent

from docutils import nodes
from docutils.core import publish_doctree, publish_from_doctree

from core.errors import SourceError
from core.settings import IngestionSettings
from ingestion.loaders.files import Converted, FileLoader, decode
from ingestion.loaders.html_marks import blocks, words_of
from ingestion.loaders.limits import nested_too_deeply, parsed_html

_LONGEST_LINE = 100_000  # characters; of what a substitution grows to, too
_SETTINGS = {
    "_disable_config": True,
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "report_level": 5,  # nothing is printed
    "halt_level": 5,  # a fault costs its own block, not the document
    "docinfo_xform": False,
    "line_length_limit": _LONGEST_LINE,
    "syntax_highlight": "none",
    "embed_stylesheet": False,
    "stylesheet_path": "",
    "math_output": "LaTeX",
    "output_encoding": "unicode",
}
_WITHOUT_TEXT = (nodes.comment, nodes.image, nodes.raw, nodes.pending, nodes.target, nodes.generated)
_SUBSTITUTION = re.compile(r"^[ \t]*\.\. \|([^|\n]+)\| replace::(.*(?:\n[ \t]+\S.*)*)", re.MULTILINE)
_REFERENCE = re.compile(r"\|([^|\s](?:[^|\n]*[^|\s])?)\|")
_MOST_GROWN = 200_000  # characters that substitutions may add to a document
_ROLE = re.compile(r":[\w.:+-]+:`~?!?([^`<]*?)\s*(?:<[^`>]*>)?`")
_NO_TEXT_DIRECTIVE = re.compile(
    r"\.\. (?:toctree|auto\w+|index|graphviz|mermaid|uml|literal\w+|raw|include|image|meta|class|role)::"
)
_CODE = re.compile(r"\.\. (?:code|code-block|sourcecode|parsed-literal|math)::")
_DIRECTIVE = re.compile(r"\.\. [\w:.+-]+?::(?:\s|$)")
_OPTIONS = re.compile(r"(\A[^\n]*\n)(?:([ \t]+):[\w-]+:.*(?:\n|\Z)(?:\2[ \t]+.*(?:\n|\Z))*)+")


class RSTLoader(FileLoader):
    def convert(self, data: bytes) -> Converted:
        text = decode(data)
        longest = max(map(len, text.split("\n")))
        if longest > _LONGEST_LINE:  # docutils reads nothing of such a file
            raise SourceError(
                f"It has a line of {longest:,} characters; the limit is {_LONGEST_LINE:,}; break it."
            )
        _check_substitutions(text)
        tree = _tree(text, self.settings)
        html = publish_from_doctree(tree, writer="html5", settings_overrides=dict(_SETTINGS))
        page = parsed_html(html, self.settings)
        root = page.css_first("main") or page.body
        heading = page.css_first("h1")
        return Converted("\n\n".join(blocks(root)) if root else "", words_of(heading) if heading else "")


def _check_substitutions(text: str) -> None:
    """docutils limits the length of a substitution only after it has filled in those that it names."""
    defined = {name.casefold(): value for name, value in _SUBSTITUTION.findall(text)}
    sizes: dict[str, int] = {}

    def size(name: str) -> int:
        name = name.casefold()
        if name not in sizes:
            sizes[name] = 0  # while it is counted: one that names itself is an error to docutils
            value = defined.get(name, "")
            sizes[name] = len(value) + sum(map(size, _REFERENCE.findall(value)))
        return sizes[name]

    if sum(map(size, _REFERENCE.findall(text))) > _MOST_GROWN:
        raise SourceError("Its substitutions name each other without end; take these out.")


def _tree(text: str, settings: IngestionSettings, depth: int = 1) -> nodes.document:
    """The parsed text; what docutils does not know is replaced by the text in it."""
    if depth > settings.max_nesting:
        raise nested_too_deeply(settings)
    tree = publish_doctree(text, settings_overrides=dict(_SETTINGS))
    for message in list(tree.findall(nodes.system_message)):
        message.parent.replace(message, _refused(message, settings, depth))
    for problem in list(tree.findall(nodes.problematic)):
        role = _ROLE.fullmatch(problem.astext())
        problem.parent.replace(problem, nodes.Text(role.group(1) if role else problem.astext()))
    for classifier in list(tree.findall(nodes.classifier)):
        term = next(classifier.parent.findall(nodes.term))
        term.append(nodes.Text(f" ({classifier.astext()})"))
        classifier.parent.remove(classifier)
    for element in list(tree.findall(nodes.Element)):
        if isinstance(element, nodes.Admonition):
            element.parent.replace(element, _labelled(element))
    for literal in tree.findall(nodes.literal):
        literal["classes"] = ["code"]
    for topic in list(tree.findall(nodes.topic)):
        if "contents" in topic["classes"]:
            topic.parent.remove(topic)
    for node in list(tree.findall(lambda found: isinstance(found, _WITHOUT_TEXT))):
        if node.parent is not None:
            node.parent.remove(node)
    return tree


def _refused(message: nodes.system_message, settings: IngestionSettings, depth: int) -> list[nodes.Node]:
    """What is read of a block that docutils refuses: a directive's text, a table as it stands."""
    source = message.next_node(nodes.literal_block)
    if source is None:
        return []
    block = source.astext()
    if block.startswith(("=", "+")):
        return [nodes.literal_block("", block)]
    if not _DIRECTIVE.match(block):  # a substitution, or a link's target
        return []
    plain = _OPTIONS.sub(r"\1", block, count=1)
    known = "Unknown directive type" not in message.astext()
    text = plain if known and plain != block else _content(block)
    return list(_tree(text, settings, depth + 1).children)


def _content(directive: str) -> str:
    """What stands in a directive, and its argument where that is text, without its options."""
    first, _, rest = directive.partition("\n")
    if _NO_TEXT_DIRECTIVE.match(first):
        return ""
    argument = "" if first.startswith(".. figure::") else first.split("::", 1)[-1].strip()
    body = cleandoc(f"\n{rest}")
    body = re.sub(r"\A(?::[\w-]+:.*\n?)+", "", body)
    if _CODE.match(first):
        return f"::\n\n{indent(body, '  ')}" if body.strip() else ""
    return f"{argument}\n\n{body}" if re.search(r"[^\W\d]", argument) else body


def _labelled(admonition: nodes.Element) -> list[nodes.Node]:
    """`**Note:** its text`; a title of its own stands above it."""
    if isinstance(admonition, nodes.admonition):
        title, *rest = admonition.children
        return [nodes.paragraph("", "", nodes.strong("", title.astext())), *rest]
    label = nodes.inline("", f"{admonition.tagname.capitalize()}: ")
    first = next(iter(admonition.children), None)
    if isinstance(first, nodes.paragraph):
        first.insert(0, label)
        return list(admonition.children)
    return [nodes.paragraph("", "", label), *admonition.children]
