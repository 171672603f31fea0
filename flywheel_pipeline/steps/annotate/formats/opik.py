"""Opik: a trace has `feedback_scores`, a list of `name`, `value`, `category_name`, `reason`, `source`.

`source` is `ui` for people, `sdk` for programs and `online_scoring` for models. A table of such scores is read, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from flywheel_pipeline.steps.annotate.columns import LabelRules
from flywheel_pipeline.steps.annotate.entries import Cells, Entries, Entry, keys_of, objects, text_of
from flywheel_pipeline.steps.annotate.rows import Row
from flywheel_pipeline.steps.annotate.scores import Score, numeric, read_scores, stated_verdict
from flywheel_pipeline.steps.annotate.sources import HUMAN, kind_of, read_literal
from flywheel_pipeline.steps.annotate.words import is_blank

NAME = "opik"

_USED = frozenset((
    "id", "traceid", "name", "value", "categoryname", "reason", "source", "createdby", "lastupdatedby", "createdat",
    "lastupdatedat",
))  # fmt: skip


def recognises(cells: Cells) -> bool:
    """Return whether a row is a trace with feedback scores, or one: a name, value, source and reason or category."""
    keys = keys_of(cells)
    if isinstance(read_literal(keys.get("feedbackscores")), list):
        return True
    return {"name", "value", "source"} <= keys.keys() and bool(keys.keys() & {"reason", "categoryname"})


def read(rows: Sequence[Row], rules: LabelRules) -> Entries:
    """Return the verdicts and scores of the rows; a trace without scores is unlabelled."""
    scores: list[Score] = []
    empty: list[Entry] = []
    for row in rows:
        cells = keys_of(row.cells)
        trace = cells.get("id") if is_blank(cells.get("traceid")) else cells.get("traceid")
        listed = read_literal(cells.get("feedbackscores"))
        given = objects(listed) if isinstance(listed, list) else [row.cells]
        scores += [_score(row, keys_of(score), trace) for score in given]
        empty += [] if given else [Entry(row, {"trace_id": trace, "verdict": ""})]
    judged = read_scores(scores, rules)
    return replace(judged, entries=[*judged.entries, *empty])


def _score(row: Row, cells: Cells, trace: Any) -> Score:
    source = text_of(cells.get("source"))
    who = next((text_of(cells[k]) for k in ("lastupdatedby", "createdby") if not is_blank(cells.get(k))), None)
    value = cells.get("value")
    return Score(
        row, trace, text_of(cells.get("name")), stated_verdict(cells.get("categoryname"), value), numeric(value),
        cells.get("reason"), who if kind_of(source) == HUMAN else None,
        cells.get("lastupdatedat") or cells.get("createdat"), source,
        extra={k: v for k, v in cells.items() if k not in _USED},
    )  # fmt: skip
