"""JSON read strictly, and compared as JSON: 1 equals 1.0, true is not 1, the order of keys does not matter."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from typing import Any


def load(text: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        ValueError: it is not JSON, holds NaN or Infinity, names a key twice in one object, or is nested too deeply.
    """
    try:
        return json.loads(text, parse_constant=_refuse, object_pairs_hook=_unique)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [k for k, _ in pairs]
        twice = next(k for k in names if names.count(k) > 1)
        raise ValueError(f"the key {twice[:40]!r} stands twice in one object")
    return found


def identity(value: Any) -> Hashable:
    """Return what two JSON values share exactly if they are equal; tuples count as arrays.

    Raises:
        ValueError: the value is nested too deeply.
    """
    try:
        return _identity(value)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _identity(value: Any) -> Hashable:
    if isinstance(value, bool) or value is None:
        return ("constant", value)
    if isinstance(value, int | float):
        return ("number", value)
    if isinstance(value, Mapping):
        return ("object", frozenset((str(k), _identity(v)) for k, v in value.items()))
    if isinstance(value, list | tuple):
        return ("array", tuple(_identity(v) for v in value))
    return ("text", value) if isinstance(value, str) else ("other", repr(value))


def type_name(value: Any) -> str:
    """Return the JSON type of a value, as a message names it."""
    if isinstance(value, bool):
        return "true or false"
    names = ((str, "a text"), (int | float, "a number"), (Mapping, "an object"), (list | tuple, "an array"))
    return next((name for kind, name in names if isinstance(value, kind)), "null")
