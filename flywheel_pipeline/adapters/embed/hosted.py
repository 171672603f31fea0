"""Embedding models of providers and of servers of your own, through litellm."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from flywheel_pipeline.errors import ModelError
from flywheel_pipeline.masking import mask
from flywheel_pipeline.ports import Meter

BATCH = 128
MAX_TEXT = 8_000
RETRIES, TIMEOUT_SECONDS = 3, 60


class HostedEmbed:
    """An `Embed` by one litellm model, comparable between calls; `meter` counts what it asks for."""

    def __init__(self, model: str, meter: Meter | None = None) -> None:
        self.model = model
        self.meter = meter

    def embed(self, texts: Sequence[str]) -> Any:
        """Return unit rows; a text without characters is a row of zeros and not sent.

        Raises:
            ModelError: the model gave no vectors, or not one per text.
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
        reply = self._reply(texts)
        try:
            found = [d["embedding"] for d in sorted(reply.data, key=lambda d: d["index"])]
        except (AttributeError, KeyError, TypeError) as error:
            raise ModelError(f"the embedding model {self.model} failed: {type(error).__name__}: {error}") from error
        if len(found) != len(texts) or len({len(v) for v in found}) != 1:
            raise ModelError(f"the embedding model {self.model} returned {len(found)} vectors for {len(texts)} texts")
        return found

    def _reply(self, texts: list[str]) -> Any:
        """Return litellm's reply; transient faults are retried, and every request is counted."""
        import litellm

        for attempt in range(1, RETRIES + 2):
            if self.meter:
                self.meter.start()
            started = time.perf_counter()
            try:
                reply = litellm.embedding(
                    model=self.model, input=texts, num_retries=0, max_retries=0, timeout=TIMEOUT_SECONDS,
                    drop_params=True,
                )  # fmt: skip
            except Exception as error:  # litellm raises what its providers' clients raise
                self._count(attempt, started, None, str(error))
                status = getattr(error, "status_code", 0)
                if attempt > RETRIES or not (status in (408, 429) or status >= 500):
                    raise ModelError(
                        f"the embedding model {self.model} failed: {type(error).__name__}: {error}"
                    ) from None
                time.sleep(2.0 ** (attempt - 1))
            else:
                self._count(attempt, started, getattr(getattr(reply, "usage", None), "prompt_tokens", None), None)
                return reply
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _count(self, attempt: int, started: float, tokens: int | None, error: str | None) -> None:
        if self.meter:
            latency_ms = round((time.perf_counter() - started) * 1000, 1)
            self.meter.end(attempt, latency_ms, tokens, mask(error)[:500] if error else None)
