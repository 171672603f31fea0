"""Helpers that formats with a metadata object share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flywheel_pipeline.steps.golden.exchange.format import Item, Parsed
from flywheel_pipeline.steps.golden.exchange.rows import NESTED, SPECS, Row, of_text, to_text

ONE_REFERENCE = "it compares with the first reference only, and would call the others wrong"


def present(item: Mapping[str, Any]) -> Item:
    """Return the item without what is None or an empty object."""
    return {k: v for k, v in item.items() if v is not None and v != {}}


def mapping(value: Any, name: str) -> Mapping[str, Any]:
    """Return an object of an item, an empty one where there is none.

    Raises:
        ValueError: it is something else.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} must be an object, not {type(value).__name__}")
    return value


def parsed(row: Row, dropped: Sequence[str], item: Mapping[str, Any], known: Sequence[str]) -> Parsed:
    """Return what was read of an item: its fields beyond `known` that hold something are named as dropped."""
    further = [k for k, v in item.items() if k not in known and v not in (None, "", [], {}, False)]
    return Parsed({k: v for k, v in row.items() if v is not None}, (*dropped, *further))


def one_reference(row: Row) -> dict[str, str]:
    """Return what a tool changes that knows one right answer, for the loss report."""
    return {"reference_alternatives": ONE_REFERENCE} if row["reference_alternatives"] else {}


def held_in(name: str) -> Callable[[Item], Mapping[str, Any]]:
    """Return a reader of the metadata object `name` of an item."""
    return lambda item: mapping(item.get(name), name)


def texts(row: Row) -> dict[str, str]:
    """Return fields as texts, for metadata that holds nothing else.

    A text that is empty, or all quotes, gets two more quotes, so that an empty one differs from none.
    """
    return {k: f'""{v}' if _only_quotes(v) else to_text(v) for k, v in row.items() if v is not None}


def of_texts(values: Mapping[str, Any]) -> Row:
    """Return the fields of ours that metadata holds as texts, the rest as it is; the inverse of `texts`."""
    return {k: _of(k, v) if k in SPECS and isinstance(v, str) else v for k, v in values.items()}


def _of(name: str, text: str) -> Any:
    return text[2:] if len(text) > 1 and _only_quotes(text) and name not in NESTED else of_text(name, text)


def _only_quotes(value: Any) -> bool:
    return isinstance(value, str) and not value.strip('"')
