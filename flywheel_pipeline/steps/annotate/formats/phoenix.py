"""Phoenix: an annotation is `trace_id`, `annotation_name`, `annotator_kind`, `label`, `score`, `explanation`.

`annotator_kind` is HUMAN, LLM or CODE. The REST API nests `result` and calls the name `name`; the CSV of a DataFrame
has columns. Annotations of spans do not name their trace and are rejected, row by row.
"""

from __future__ import annotations

from collections.abc import Sequence

from flywheel_pipeline.steps.annotate.columns import LabelRules
from flywheel_pipeline.steps.annotate.entries import Cells, Entries, keys_of, mapping, text_of
from flywheel_pipeline.steps.annotate.rows import Row
from flywheel_pipeline.steps.annotate.scores import Score, numeric, read_scores, stated_verdict
from flywheel_pipeline.steps.annotate.sources import read_literal
from flywheel_pipeline.steps.annotate.words import is_blank

NAME = "phoenix"

_USED = frozenset((
    "traceid", "annotationname", "name", "annotatorkind", "result", "label", "resultlabel", "score", "resultscore",
    "explanation", "resultexplanation", "userid", "username", "updatedat", "createdat",
))  # fmt: skip


def recognises(cells: Cells) -> bool:
    """Return whether a row is an annotation: its name, the kind of its annotator, and a result."""
    keys = keys_of(cells).keys()
    named = {"annotationname", "name"} & keys
    return "annotatorkind" in keys and bool(named) and bool(keys & {"result", "label", "resultlabel", "score"})


def read(rows: Sequence[Row], rules: LabelRules) -> Entries:
    """Return the verdicts and scores of the rows."""
    return read_scores([_score(row) for row in rows], rules)


def _score(row: Row) -> Score:
    cells = keys_of(row.cells)
    nested = mapping(read_literal(cells.get("result")))
    label, score, comment = (
        nested.get(k) if k in nested else cells.get(k, cells.get(f"result{k}"))
        for k in ("label", "score", "explanation")
    )
    trace = cells.get("traceid")
    if is_blank(trace) and "spanid" in cells and "traceid" not in cells:
        row = Row(row.line, row.cells, row.raw, "annotations of spans do not name their trace: add a column trace_id")
    annotator = next((text_of(cells[k]) for k in ("username", "userid") if not is_blank(cells.get(k))), None)
    return Score(
        row, trace, text_of(cells.get("annotationname", cells.get("name"))),
        stated_verdict(label, score), numeric(score), comment, annotator,
        cells.get("updatedat") or cells.get("createdat"), text_of(cells.get("annotatorkind")),
        extra={k: v for k, v in cells.items() if k not in _USED},
    )  # fmt: skip
