"""What the formats make of the rows of a file: one entry for each judgement, under our names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flywheel_pipeline.steps.annotate.rows import Row
from flywheel_pipeline.steps.annotate.words import bare_key

Cells = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """One judgement of a trace: a row, or one person's part of it, or several rows that belong together."""

    row: Row
    cells: Mapping[str, Any]
    """By our column names, `extra` holding the rest; of a score `evaluator`, `label`, `score`, `comment`."""
    kind: str | None = None
    """`HUMAN` or the kind of evaluator; None where the file does not state it and the annotator's name decides."""
    problem: str | None = None
    n_rows: int = 1
    """Rows of the file that were joined in it."""
    measure: str = ""
    """The name of the score whose value is the verdict."""


@dataclass(frozen=True)
class Entries:
    """The entries of a file, with notes on what is doubtful, the columns used and those that were not."""

    entries: Sequence[Entry]
    notes: Sequence[str] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    """{our column: theirs}"""
    unused: Sequence[str] = ()


def texts_of(value: Any) -> list[str]:
    """Return an answer as texts: several choices or submissions are several, an object with one list is that list."""
    if isinstance(value, Mapping):
        inner = [value[k] for k in ("choices", "text", "rating", "number", "value", "label") if k in value]
        return texts_of(inner[0]) if inner else [str(value)]
    if isinstance(value, list | tuple):
        return [text for v in value for text in texts_of(v)]
    if isinstance(value, bool):
        return ["true" if value else "false"]
    return [] if value is None else [str(value)]


def text_of(value: Any) -> str:
    """Return an answer as one text, a line for each of its parts."""
    return "\n".join(texts_of(value))


def keys_of(cells: Mapping[str, Any]) -> dict[str, Any]:
    """Return cells by their names without case, spaces and punctuation, the first of equal names."""
    found: dict[str, Any] = {}
    for name, value in cells.items():
        found.setdefault(bare_key(name), value)
    return found


def mapping(value: Any) -> dict[str, Any]:
    """Return a value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects in a list; of anything else, none."""
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []
