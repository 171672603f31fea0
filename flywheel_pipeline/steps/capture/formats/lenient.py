"""Reading values that may be anything: each getter returns what it understands, else None, and never raises."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from flywheel_pipeline.steps.capture.formats.amounts import cost_in, number_in
from flywheel_pipeline.steps.capture.formats.common import UnreadableError, as_json, clean, utc
from flywheel_pipeline.steps.capture.messages import loads

MAX_TAG = 500
_CONTENT = ("page_content", "content", "text", "pageContent", "body", "chunk", "passage", "snippet")


def first(record: Mapping[str, Any], *keys: str) -> Any:
    """Return the first value that says something under any of `keys`."""
    for key in keys:
        value = record.get(key)
        if value is not None and value != "" and value != [] and value != {}:
            return value
    return None


def get_text(record: Mapping[str, Any], *keys: str) -> str | None:
    """Return the first text, or number as text."""
    value = first(record, *keys)
    if type(value) is str:
        return clean(value)
    return clean(str(value)) if isinstance(value, str | int | float) and not isinstance(value, bool) else None


def get_number(record: Mapping[str, Any], *keys: str) -> float | None:
    """Return the first number of at least 0; numbers may be text, as in CSV."""
    for key in keys:
        value = record.get(key)
        if value is None:
            continue
        try:
            found = number_in(value)
        except UnreadableError:
            continue
        if found is not None:
            return found
    return None


def get_cost(record: Mapping[str, Any], *keys: str) -> float | None:
    """Return the first amount of US dollars, also from text such as `$0.0012`."""
    for key in keys:
        try:
            found = cost_in(record.get(key))
        except UnreadableError:
            continue
        if found is not None:
            return found
    return None


def get_count(record: Mapping[str, Any], *keys: str) -> int | None:
    """Return the first whole number of at least 0 that fits 64 bits."""
    found = get_number(record, *keys)
    return int(found) if found is not None and found < 2**62 else None


def get_time(record: Mapping[str, Any], *keys: str) -> datetime | None:
    """Return the first time."""
    for key in keys:
        if record.get(key) not in (None, ""):
            try:
                return utc(record[key])
            except UnreadableError:
                continue
    return None


def get_object(record: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """Return the first object, also where it is JSON text; an empty one where there is none."""
    for key in keys:
        value = loads(record.get(key))
        if isinstance(value, dict):
            return value
    return {}


def get_list(record: Mapping[str, Any], *keys: str) -> list[Any]:
    """Return the first list, also where it is JSON text; an empty one where there is none."""
    for key in keys:
        value = loads(record.get(key))
        if isinstance(value, list):
            return value
    return []


def content(value: Any) -> str | None:
    """Return an input or output as text: JSON text where it is structured, decoded where it was encoded twice."""
    value = loads(value)
    if value in (None, "", [], {}):
        return None
    return clean(value if isinstance(value, str) else as_json(value))


def documents_in(value: Any) -> list[dict[str, Any]]:
    """Return the retrieved documents in a retriever's output, as {id, title, content, score}."""
    value = loads(value)
    if isinstance(value, dict):
        inner = first(value, "documents", "docs", "results", "matches", "chunks", "output", "nodes", "hits")
        value = loads(inner) if inner is not None else [value]
    items: Iterable[Any] = value if isinstance(value, list) else ()
    return [d for d in (_document(i) for i in items) if d]


def _document(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        return {"content": value}
    if not isinstance(value, dict):
        return {}
    inner = value.get("document") or value.get("node") or value.get("kwargs")
    of = inner if isinstance(inner, dict) else value
    metadata = get_object(of, "metadata")
    made = {
        "id": first(of, "id", "doc_id", "document_id", "id_") or first(metadata, "id", "doc_id", "source", "doc_uri"),
        "title": first(of, "title", "name") or metadata.get("title"),
        "content": first(of, *_CONTENT),
        "score": value.get("score", of.get("score", metadata.get("score"))),
    }
    return {k: v for k, v in made.items() if v is not None} if made["content"] or made["id"] else {}


def tags_of(record: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return what stands under `names` ({their key: our tag}) where it says something; long texts are cut."""
    found = {ours: loads(record.get(theirs)) for theirs, ours in names.items()}
    return {k: v[:MAX_TAG] if isinstance(v, str) else v for k, v in found.items() if v not in (None, "", [], {}, False)}


def scalars(record: Mapping[str, Any], limit: int = 20) -> dict[str, Any]:
    """Return the plain values of an object, as tags."""
    plain = {str(k): v for k, v in record.items() if isinstance(v, str | int | float | bool) and v != ""}
    return {k: v[:MAX_TAG] if isinstance(v, str) else v for k, v in list(plain.items())[:limit]}
