"""Langfuse: a score is `traceId`, `name`, `value`, `stringValue`, `dataType`, `source`, `comment`, `authorUserId`.

`source` is ANNOTATION for people, EVAL for models and API for programs. Pages of the API (JSON)
and CSV exports are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flywheel_pipeline.steps.annotate.columns import LabelRules
from flywheel_pipeline.steps.annotate.entries import Cells, Entries, keys_of, objects, text_of
from flywheel_pipeline.steps.annotate.rows import Row
from flywheel_pipeline.steps.annotate.scores import Score, label_or_number, numeric, read_scores

NAME = "langfuse"

_USED = frozenset(
    (
        "traceid",
        "name",
        "value",
        "stringvalue",
        "comment",
        "authoruserid",
        "timestamp",
        "updatedat",
        "createdat",
        "source",
    )
)


def recognises(cells: Cells) -> bool:
    """Return whether a row is a score: of a trace, with a name, and with a type, a text value or a configuration."""
    keys = keys_of(cells).keys()
    if _within(cells):
        return True
    return {"traceid", "name"} <= keys and bool(keys & {"datatype", "stringvalue", "configid"})


def read(rows: Sequence[Row], rules: LabelRules) -> Entries:
    """Return the verdicts and scores of the rows."""
    given = [(row, score) for row in rows for score in _within(row.cells) or [row.cells]]
    return read_scores([_score(row, keys_of(score)) for row, score in given], rules)


def _within(cells: Cells) -> list[Cells]:
    """Return the scores that a trace holds, each with the id of the trace."""
    listed = objects(cells.get("scores"))
    own = {"traceId": cells.get("id")}
    return (
        [{**own, **score} for score in listed] if listed and all({"name", "value"} <= s.keys() for s in listed) else []
    )


def _score(row: Row, cells: Cells) -> Score:
    value: Any = cells.get("value")
    return Score(
        row, cells.get("traceid"), text_of(cells.get("name")), label_or_number(cells.get("stringvalue"), value),
        numeric(value), cells.get("comment"), text_of(cells.get("authoruserid")) or None,
        cells.get("updatedat") or cells.get("timestamp") or cells.get("createdat"), cells.get("source"),
        extra={k: v for k, v in cells.items() if k not in _USED},
    )  # fmt: skip
