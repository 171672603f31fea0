"""Model replies on disk, by the content of the question: what was paid for once is never asked again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from flywheel_pipeline.atomic_write import replace_text


def cache_key(request: dict[str, Any]) -> str:
    """Return the key of a request: a hash of all that decides the reply."""
    text = json.dumps(request, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


class ReplyCache:
    """One small JSON file a reply under `root`, written in one step; safe for several processes."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def get(self, key: str) -> str | None:
        """Return the reply's text, None when there is none; a damaged file counts as none."""
        try:
            text = json.loads(self._path(key).read_text(encoding="utf-8"))["text"]
            return text if isinstance(text, str) else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, key: str, model: str, text: str, cost_usd: float) -> None:
        """Keep a reply, with the model and price for people who look into the folder."""
        record = {"model": model, "cost_usd": cost_usd, "text": text}
        replace_text(self._path(key), json.dumps(record, ensure_ascii=True))

    def _path(self, key: str) -> Path:
        return self.root / key[:2] / f"{key}.json"
