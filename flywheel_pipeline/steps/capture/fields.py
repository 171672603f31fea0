"""Fields of the JSON that pages and applications send."""

from __future__ import annotations

from typing import Any


def read_text(value: Any, name: str, longest: int) -> str | None:
    """Return a text without surrounding whitespace, None for an empty one.

    Raises:
        ValueError: it is not a text, or is longer than `longest` characters.
    """
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{name} must be text")
    text = (value or "").strip()
    if len(text) > longest:
        raise ValueError(f"{name} is longer than {longest:,} characters")
    return text or None
