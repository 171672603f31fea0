"""Embedding models of providers and of servers of your own, through litellm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from flywheel_pipeline.errors import ModelError

BATCH = 128
MAX_TEXT = 8_000
RETRIES, TIMEOUT_SECONDS = 3, 60


class HostedEmbed:
    """An `Embed` by one litellm model, comparable between calls."""

    def __init__(self, model: str) -> None:
        self.model = model

    def embed(self, texts: Sequence[str]) -> Any:
        """Return unit rows; a text without characters is a row of zeros and not sent.

        Raises:
            ModelError: the model gave no vectors, or not one a text.
        """
        sent = [k for k, t in enumerate(texts) if t.strip()]
        vectors: list[Any] = []
        for start in range(0, len(sent), BATCH):
            vectors += self._call([texts[k][:MAX_TEXT] for k in sent[start : start + BATCH]])
        rows = np.zeros((len(texts), len(vectors[0]) if vectors else 1))
        for k, vector in zip(sent, vectors, strict=True):
            length = float(np.linalg.norm(vector))
            rows[k] = np.asarray(vector) / length if length else 0.0
        return rows

    def _call(self, texts: list[str]) -> list[Any]:
        import litellm

        try:
            reply = litellm.embedding(
                model=self.model, input=texts, num_retries=RETRIES, timeout=TIMEOUT_SECONDS, drop_params=True
            )
            found = [d["embedding"] for d in sorted(reply.data, key=lambda d: d["index"])]
        except Exception as error:  # litellm raises what its providers' clients raise
            raise ModelError(f"the embedding model {self.model} failed: {type(error).__name__}: {error}") from error
        if len(found) != len(texts) or len({len(v) for v in found}) != 1:
            raise ModelError(f"the embedding model {self.model} returned {len(found)} vectors for {len(texts)} texts")
        return found
