"""Rows of columns: our own exports, the labelling page, spreadsheets and any table that has a trace and a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flywheel_pipeline.steps.annotate.columns import AUTHORS, ColumnMap, LabelRules, map_columns
from flywheel_pipeline.steps.annotate.entries import Cells, Entries, Entry, text_of
from flywheel_pipeline.steps.annotate.rows import Row
from flywheel_pipeline.steps.annotate.scores import numeric
from flywheel_pipeline.steps.annotate.sources import HUMAN, kind_in, kind_of_name
from flywheel_pipeline.steps.annotate.words import is_blank, tidy

NAME = "columns"


def recognises(cells: Cells) -> bool:
    """Return True: what is of no tool's format is read by its columns."""
    return True


def read(rows: Sequence[Row], rules: LabelRules) -> Entries:
    """Return an entry for each row, by the columns of all rows together."""
    columns = map_columns([row.cells for row in rows], rules.columns)
    shown = {tidy(k): str(k) for row in reversed(rows) for k in row.cells}
    used = {ours: shown[names[0]] for ours, names in columns.names.items() if names[0] in shown}
    return Entries([_entry(row, columns, rules) for row in rows], columns.notes, used, columns.unused)


def _entry(row: Row, columns: ColumnMap, rules: LabelRules) -> Entry:
    cells, rest = columns.split(row.cells)
    missing = [name for name in ("trace_id", "verdict") if name not in cells]
    if missing:
        return Entry(
            row, {}, problem=f"missing column {', '.join(missing)}; the file has {', '.join(map(str, row.cells))[:200]}"
        )
    formulas = [n for n in cells if row.uncalculated and columns.column_of(n, row.cells) in row.uncalculated]
    if formulas:
        why = "the cell is a formula without a stored value: open the file in a spreadsheet program and save it"
        return Entry(row, {}, problem=f"{', '.join(formulas)}: {why}")
    named = {
        ours: text_of(v) if isinstance(v, list | dict) and ours not in ("extra", "annotator_kind") else v
        for ours, v in cells.items()
    }
    kind, problem = _kind(row, columns, rules)
    if kind not in (None, HUMAN):
        return Entry(row, _evaluated(named, rest, kind), kind)
    unlabelled = all(is_blank(named.get(n)) for n in ("verdict", "code", "comment"))
    return Entry(row, {**named, "rest": rest}, kind, None if unlabelled else problem)


def _kind(row: Row, columns: ColumnMap, rules: LabelRules) -> tuple[str | None, str | None]:
    """Return who gave the verdict by the columns that say so, and the problem where one of them cannot be read.

    Of several such columns, one that names an evaluator decides.
    """
    names = columns.names.get("annotator_kind", ())
    authors = () if "annotator" in columns.names else AUTHORS
    written = next((kind_of_name(text_of(v), rules.people) for k, v in row.cells.items() if tidy(k) in authors), None)
    if written not in (None, HUMAN):
        return written, None
    given = {str(k): v for n in names for k, v in row.cells.items() if tidy(k) == n}
    kinds = {name: kind_in(tidy(name), value, rules.people) for name, value in given.items()}
    machine = next((k for k in kinds.values() if k not in (None, HUMAN)), None)
    if machine or not kinds:
        return machine, None
    unread = next((name for name, kind in kinds.items() if kind is None), None)
    if unread is None:
        return HUMAN, None
    shown = text_of(given[unread])[:60]
    return None, (
        f"who gave the verdict cannot be read from column {unread!r} ({shown!r}): write human or model; if the column "
        "does not say who judged, set labels.columns.annotator_kind to null"
    )


def _evaluated(cells: Mapping[str, Any], rest: Mapping[str, Any], kind: str | None) -> Cells:
    score = next((numeric(v) for k, v in rest.items() if tidy(k) == "score"), None)
    return {
        "trace_id": cells.get("trace_id"), "label": cells.get("verdict"), "comment": cells.get("comment"),
        "score": numeric(cells.get("verdict")) if score is None else score, "labelled_at": cells.get("labelled_at"),
        "evaluator": cells.get("annotator") or text_of(cells.get("annotator_kind"))[:80] or kind,
    }  # fmt: skip
