"""Texts to vectors without a model: TF-IDF over words and character n-grams (scikit-learn)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

COMMON = 0.3
"""Words in more than this share of at least `MANY` texts distinguish nothing and are left out."""

MANY = 10

MAX_TEXT = 10_000
"""Characters of a text that its place among the others depends on."""


class TfidfEmbed:
    """An `Embed` that knows the vocabulary of one call only: vectors of two calls are not comparable."""

    def embed(self, texts: Sequence[str]) -> Any:
        """Return dense unit rows: sublinear TF-IDF of words, and of character 3- to 5-grams within words."""
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.preprocessing import normalize

        lowered = [t[:MAX_TEXT].lower() for t in texts]
        rare = {"max_df": COMMON} if len(texts) >= MANY else {}
        parts = []
        for options in ({"token_pattern": r"[^\W_]+", **rare}, {"analyzer": "char_wb", "ngram_range": (3, 5)}):
            try:
                parts.append(
                    TfidfVectorizer(sublinear_tf=True, max_features=4096, **options).fit_transform(lowered).toarray()
                )
            except ValueError:  # no text holds such a word
                continue
        return normalize(np.hstack(parts)) if parts else np.zeros((len(texts), 1))
