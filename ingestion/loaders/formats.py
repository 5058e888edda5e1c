"""Which suffixes are read, and by which loader; which are named as unsupported. Imports nothing."""

from __future__ import annotations

# Suffix -> module of this package and class in it: a parser is imported when a file of its format is read.
LOADERS = {
    ".md": ("markdown", "MarkdownLoader"),
    ".markdown": ("markdown", "MarkdownLoader"),
    ".mdx": ("markdown", "MarkdownLoader"),
    ".html": ("html", "HTMLLoader"),
    ".htm": ("html", "HTMLLoader"),
    ".pdf": ("pdf", "PDFLoader"),
    ".docx": ("word", "WordLoader"),
    ".pptx": ("slides", "SlidesLoader"),
    ".pptm": ("slides", "SlidesLoader"),
    ".xlsx": ("spreadsheet", "SpreadsheetLoader"),
    ".xlsm": ("spreadsheet", "SpreadsheetLoader"),
    ".rst": ("restructured", "RSTLoader"),
    ".adoc": ("asciidoc", "AsciiDocLoader"),
    ".asciidoc": ("asciidoc", "AsciiDocLoader"),
    ".csv": ("csv_files", "CSVLoader"),
    ".tsv": ("csv_files", "CSVLoader"),
    ".json": ("json_files", "JSONLoader"),
    ".jsonl": ("json_files", "JSONLoader"),
    ".ndjson": ("json_files", "JSONLoader"),
    ".eml": ("email_files", "EmailLoader"),
    ".txt": ("text", "TextLoader"),
}
# Documents that people expect to be read: each is named as a failure, with the way out, not passed over.
UNSUPPORTED = {
    ".doc": "save it as DOCX",
    ".rtf": "save it as DOCX",
    ".odt": "save it as DOCX",
    ".docm": "save it as DOCX",
    ".ppt": "save it as PPTX",
    ".odp": "save it as PPTX",
    ".xls": "save it as XLSX",
    ".xlsb": "save it as XLSX",
    ".ods": "save it as XLSX",
    ".msg": "save it as EML",
    ".epub": "export it as HTML or PDF",
}
