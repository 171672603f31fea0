"""The known-good answers and the sources of a case, decoded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from flywheel_pipeline.prompting import text_of
from flywheel_pipeline.records import GoldenCase


def references(case: GoldenCase) -> tuple[str, ...]:
    """Return the reference of a case and its alternatives, without empty ones."""
    others = json.loads(case.reference_alternatives or "[]")
    listed = [case.reference, *(others if isinstance(others, list) else [])]
    return tuple(t for t in listed if isinstance(t, str) and t.strip())


def documents(case: GoldenCase) -> list[Any]:
    """Return the documents of a case, as they were retrieved."""
    found = json.loads(case.context)
    return found if isinstance(found, list) else [found]


def document_id(document: Any) -> str | None:
    """Return the id of a document, or None if it has none."""
    found = document.get("id") if isinstance(document, Mapping) else None
    return None if found in (None, "") else str(found)


def texts_in(value: Any) -> Iterator[str]:
    """Yield the texts in a JSON value, numbers among them, keys not."""
    pending = [value]
    while pending:
        held = pending.pop()
        if isinstance(held, Mapping):
            pending += reversed([*held.values()])
        elif isinstance(held, list):
            pending += reversed(held)
        elif isinstance(held, str):
            yield held
        elif isinstance(held, int | float) and not isinstance(held, bool):
            yield str(held)


def conversation(case: GoldenCase) -> list[str]:
    """Return the texts of a case's conversation, one per message."""
    messages = json.loads(case.messages)
    return [text_of(m.get("content")) for m in messages if isinstance(m, Mapping)]
