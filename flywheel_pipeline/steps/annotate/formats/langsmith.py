"""LangSmith: feedback is `run_id`, `trace_id`, `key`, `score`, `value`, `comment`, `feedback_source`.

The type of `feedback_source` is `app` for people, `model` or `auto_eval` for models, `api` for programs. In JSON it is
an object; in the CSV of a DataFrame it is the repr of one. A note of the user interface has the key `note`.
"""

from __future__ import annotations

from collections.abc import Sequence

from flywheel_pipeline.steps.annotate.columns import LabelRules
from flywheel_pipeline.steps.annotate.entries import Cells, Entries, keys_of, text_of
from flywheel_pipeline.steps.annotate.rows import Row
from flywheel_pipeline.steps.annotate.scores import Score, numeric, read_scores, stated_verdict
from flywheel_pipeline.steps.annotate.sources import person_in
from flywheel_pipeline.steps.annotate.words import is_blank

NAME = "langsmith"

_USED = frozenset(("traceid", "runid", "key", "score", "value", "comment", "feedbacksource", "modifiedat", "createdat"))


def recognises(cells: Cells) -> bool:
    """Return whether a row is feedback: a key and a score of a run."""
    keys = keys_of(cells).keys()
    return {"key", "score"} <= keys and bool(keys & {"runid", "traceid"})


def read(rows: Sequence[Row], rules: LabelRules) -> Entries:
    """Return the verdicts and scores of the rows."""
    return read_scores([_score(row) for row in rows], rules)


def _score(row: Row) -> Score:
    cells = keys_of(row.cells)
    trace = cells.get("runid") if is_blank(cells.get("traceid")) else cells.get("traceid")
    source = cells.get("feedbacksource")
    return Score(
        row, trace, text_of(cells.get("key")), stated_verdict(cells.get("value"), cells.get("score")),
        numeric(cells.get("score")), cells.get("comment"), person_in(source),
        cells.get("modifiedat") or cells.get("createdat"), "" if source is None else source,
        extra={k: v for k, v in cells.items() if k not in _USED},
    )  # fmt: skip
