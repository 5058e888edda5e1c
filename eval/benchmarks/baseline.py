"""A plain LangChain pipeline: read files, split them by characters, embed in float32, store in Chroma.

The embeddings are those of langchain-huggingface's `HuggingFaceEmbeddings` with its defaults, which is
`SentenceTransformer.encode` in batches of 32 (which it makes of texts of like length), without normalizing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_core.embeddings import Embeddings

from core.errors import ModelError
from core.models.embedder import packaged_model

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

READABLE = {".md", ".txt"}  # what it can read as well as we can
_CHUNK_CHARACTERS = 900
_OVERLAP_CHARACTERS = 100
_BATCH = 32  # sentence-transformers' default
_MAX_TOKENS = 256  # as in our embedder


def full_precision_model() -> SentenceTransformer:
    """The packaged MiniLM in float32."""
    import torch
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(packaged_model()), model_kwargs={"dtype": torch.float32})
    model.max_seq_length = _MAX_TOKENS
    return model


class PlainEmbeddings(Embeddings):
    def __init__(self, model: SentenceTransformer) -> None:
        self._model = model

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        vectors = self._model.encode(texts, batch_size=_BATCH, show_progress_bar=False)
        found: list[list[float]] = vectors.tolist()
        return found

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


def ingest(files: Sequence[Path], embeddings: Embeddings, folder: Path) -> int:
    """Stores the files in a new Chroma under `folder`; returns how many chunks they made."""
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    splitter = RecursiveCharacterTextSplitter(chunk_size=_CHUNK_CHARACTERS, chunk_overlap=_OVERLAP_CHARACTERS)
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in files]
    documents = splitter.create_documents(texts, [{"source": str(path)} for path in files])
    cosine = {"hnsw": {"space": "cosine"}}
    chroma().from_documents(documents, embeddings, client=_client(folder), collection_configuration=cosine)
    return len(documents)


def chroma() -> Any:
    """LangChain's Chroma class. Raises ModelError where its package, which only this needs, is missing."""
    try:
        from langchain_chroma import Chroma
    except ImportError as error:
        raise ModelError(
            "The comparison needs a package that Inhouse itself does not: pip install langchain-chroma"
        ) from error
    return Chroma


def _client(folder: Path) -> Any:
    import chromadb
    from chromadb.config import Settings as ChromaSettings

    return chromadb.PersistentClient(folder, settings=ChromaSettings(anonymized_telemetry=False))
