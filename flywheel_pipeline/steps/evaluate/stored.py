"""The stored verdicts on thousands of cases: one text per case and version (verdicts.sql), each read once.

Comparing 20,000 cases as records would read 320,000 rows with all their texts. What is read here is judged by the same
`judge_case`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files

from flywheel_pipeline.records import EvalResult, JudgeAlignment
from flywheel_pipeline.steps.evaluate.case_change import MISSING, CaseChange, Judged, judge_case

VERDICTS_SQL = files(__package__).joinpath("verdicts.sql").read_text(encoding="utf-8")
"""A row per active golden case: its columns of `CaseChange`, then its verdicts before and after."""
ROWS, FIELDS = "\x1e", "\x1f"
LABELS = {"": None}
ERROR = "an error"

Row = tuple[str, str, str | None, str, str, str, bool, str, str]
"""A row of `VERDICTS_SQL`."""


def read_changes(
    rows: Iterable[Row], alignment: Sequence[JudgeAlignment], versions: Mapping[str, str]
) -> list[CaseChange]:
    """Return the cases with what the verdicts on both versions say; `versions` as for `judge_case`."""

    @cache
    def judged(text: str, is_adversarial: bool) -> Judged:
        return judge_case(read_verdicts_of(text), alignment, versions, is_adversarial) if text else MISSING

    return [
        CaseChange(
            case_id, judged(before, kind == "adversarial"), judged(after, kind == "adversarial"), kind, mode_id, family,
            split, question, bool(critical),
        )
        for case_id, kind, mode_id, family, split, question, critical, before, after in rows
    ]  # fmt: skip


def read_verdicts_of(text: str) -> list[EvalResult]:
    """Return the verdicts that a text holds; of no case and version, without reasons and costs."""
    return [_read_verdict(row) for row in text.split(ROWS) if row]


def _read_verdict(row: str) -> EvalResult:
    evaluator, version, repeat, judge_repeat, label, failed = row.split(FIELDS)
    return EvalResult(
        case_id="", prompt_version="", evaluator=evaluator, evaluator_version=version, repeat=int(repeat),
        label=LABELS.get(label, label), score=None, explanation="", annotator_kind="", cost_usd=None, cached=True,
        judge_repeat=int(judge_repeat), error=ERROR if failed == "true" else None,
    )  # fmt: skip
