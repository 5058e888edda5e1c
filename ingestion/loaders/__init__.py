"""Files in, Documents out: a LangChain loader for each format, and `load`, which picks the right one."""

from ingestion.loaders.files import Converted, EmptySourceError, FileLoader
from ingestion.loaders.loading import LOADERS, UNSUPPORTED, content_hash, document_id, load

__all__ = [
    "LOADERS",
    "UNSUPPORTED",
    "Converted",
    "EmptySourceError",
    "FileLoader",
    "content_hash",
    "document_id",
    "load",
]
