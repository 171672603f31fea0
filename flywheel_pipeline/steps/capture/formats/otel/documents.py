"""Retrieved documents as tracing libraries write them -> `{id, title, content, score}`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flywheel_pipeline.steps.capture.formats.common import as_json, clean
from flywheel_pipeline.steps.capture.messages import loads

MAX_DOCUMENTS = 1000
_HOLDERS = ("documents", "nodes", "results", "matches", "chunks", "source_nodes", "hits", "data")
_KEYS: Mapping[str, Sequence[str]] = {
    "id": ("id", "document_id", "doc_id", "id_", "node_id", "chunk_id", "_id"),
    "title": ("title", "name", "file_name", "filename", "source"),
    "content": ("content", "page_content", "pageContent", "text", "document", "snippet", "body", "chunk"),
    "score": ("score", "relevance_score", "similarity", "_score", "relevance"),
}


def documents_of(value: Any) -> list[dict[str, Any]]:
    """Return the documents in `value` (a list of them, an object that holds one, JSON text of these), else none."""
    decoded = loads(value)
    if isinstance(decoded, dict):
        held = next((decoded[k] for k in _HOLDERS if isinstance(decoded.get(k), list)), None)
        decoded = [decoded] if held is None else held
    if not isinstance(decoded, list):
        return []
    return [made for item in decoded[:MAX_DOCUMENTS] if (made := _document(item))]


def _document(item: Any) -> dict[str, Any]:
    if isinstance(item, str):
        return {"content": clean(item)} if item.strip() else {}
    if not isinstance(item, dict):
        return {}
    inner = next((item[k] for k in ("document", "node") if isinstance(item.get(k), dict)), None)
    fields = {**inner, **{k: v for k, v in item.items() if v is not inner}} if inner is not None else item
    metadata = loads(fields.get("metadata"))
    made = {key: found for key in _KEYS if (found := _find(fields, key)) is not None}
    if "title" not in made and isinstance(metadata, dict) and (title := _find(metadata, "title")):
        made["title"] = title
    return made if "content" in made or "id" in made else {}


def _find(fields: Mapping[str, Any], key: str) -> Any:
    value = next((fields[name] for name in _KEYS[key] if fields.get(name) not in (None, "", [], {})), None)
    if key == "score":
        return _score(value)
    return None if value is None else clean(value if isinstance(value, str) else as_json(value))


def _score(value: Any) -> float | None:
    try:
        score = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return score if abs(score) < 1e300 else None
