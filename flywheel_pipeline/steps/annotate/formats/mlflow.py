"""MLflow: an assessment is `assessment_name`, `source.{source_type, source_id}`, `feedback.value`, `rationale`.

`source_type` is HUMAN, LLM_JUDGE (AI_JUDGE before) or CODE. Traces hold a list of them (`info.assessments`, or the
column `assessments` of `search_traces`); single ones and tables of them are read, too. An expectation is no judgement.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from flywheel_pipeline.steps.annotate.columns import LabelRules
from flywheel_pipeline.steps.annotate.entries import Cells, Entries, Entry, keys_of, mapping, objects, text_of
from flywheel_pipeline.steps.annotate.rows import Row
from flywheel_pipeline.steps.annotate.scores import Score, numeric, read_scores
from flywheel_pipeline.steps.annotate.sources import HUMAN, kind_of, read_literal
from flywheel_pipeline.steps.annotate.words import is_blank

NAME = "mlflow"

_USED = frozenset((
    "traceid", "requestid", "assessmentname", "name", "source", "sourcetype", "sourceid", "feedback", "value",
    "rationale", "lastupdatetime", "lastupdatetimems", "createtime", "createtimems", "metadata",
))  # fmt: skip


def recognises(cells: Cells) -> bool:
    """Return whether a row is a trace with assessments, or one: a name, a value and the type of its source."""
    keys = keys_of(cells)
    if _listed(cells) is not None:
        return True
    source = mapping(read_literal(keys.get("source")))
    typed = "sourcetype" in keys or "source_type" in source
    return (
        typed
        and bool(keys.keys() & {"assessmentname", "name"})
        and bool(keys.keys() & {"feedback", "value", "expectation"})
    )


def read(rows: Sequence[Row], rules: LabelRules) -> Entries:
    """Return the verdicts and scores of the rows; a trace without assessments is unlabelled."""
    found = [(row, _listed(row.cells)) for row in rows]
    empty = [Entry(row, {"trace_id": _trace(row.cells), "verdict": ""}) for row, listed in found if listed == []]
    single = [(row, a, _trace(row.cells)) for row, listed in found for a in ([row.cells] if listed is None else listed)]
    judged = read_scores([s for row, a, trace in single for s in _score(row, a, trace)], rules)
    return replace(judged, entries=[*judged.entries, *empty, *_expected(single)])


def _listed(cells: Cells) -> list[dict[str, Any]] | None:
    """Return the assessments of a trace, None where the row is no trace with a list of them."""
    keys = keys_of(cells)
    info = mapping(read_literal(keys.get("info")))
    listed = read_literal(info.get("assessments", keys.get("assessments")))
    is_trace = bool(keys.keys() & {"traceid", "requestid", "info"})
    return objects(listed) if isinstance(listed, list) and is_trace else None


def _trace(cells: Cells) -> Any:
    keys = keys_of(cells)
    info = keys_of(mapping(read_literal(keys.get("info"))))
    ids = (keys.get("traceid"), info.get("traceid"), keys.get("requestid"), info.get("requestid"))
    return next((v for v in ids if not is_blank(v)), None)


def _score(row: Row, assessment: Cells, trace: Any) -> Iterator[Score]:
    cells = keys_of(assessment)
    if _is_expectation(cells):
        return
    source = mapping(read_literal(cells.get("source")))
    kind = text_of(source.get("source_type", cells.get("sourcetype")))
    who = text_of(source.get("source_id", cells.get("sourceid"))) or None
    feedback = read_literal(cells.get("feedback"))
    value = feedback.get("value") if isinstance(feedback, dict) else cells.get("value", feedback)
    if cells.get("valid") is False:
        row = Row(row.line, row.cells, row.raw, "the assessment was overridden by a later one")
    at = next(
        (cells[k] for k in ("lastupdatetime", "createtime", "lastupdatetimems", "createtimems") if cells.get(k)), None
    )
    by_person = kind_of(kind) == HUMAN
    yield Score(
        row, trace if is_blank(cells.get("traceid")) else cells["traceid"],
        text_of(cells.get("assessmentname", cells.get("name"))), value, numeric(value), cells.get("rationale"),
        who if by_person else None, at, kind, None if by_person else who,
        {k: v for k, v in cells.items() if k not in _USED},
    )  # fmt: skip


def _is_expectation(cells: Cells) -> bool:
    return not is_blank(text_of(cells.get("expectation"))) and "feedback" not in cells and "value" not in cells


def _expected(single: Sequence[tuple[Row, Cells, Any]]) -> list[Entry]:
    why = "an expectation states the right answer, it does not judge the trace"
    return [Entry(row, {}, problem=why) for row, a, _ in single if _is_expectation(keys_of(a))]
