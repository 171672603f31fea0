"""Verdicts read in bulk are judged as those read as records."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.records import EvalResult
from flywheel_pipeline.steps.evaluate.case_change import MISSING, CaseChange, Judged, judge_case
from flywheel_pipeline.steps.evaluate.stored import VERDICTS_SQL, read_changes
from flywheel_pipeline_tests.builders import a_case, an_eval_result
from flywheel_pipeline_tests.steps.evaluate.comparing import LABELS, MADE_UP, RUDE, TRUSTED

QUESTION = "Is there a student discount?"
CASES = ("g-1", "g-2", "g-3")
ROWS = st.lists(
    st.builds(
        an_eval_result,
        case_id=st.sampled_from(CASES),
        prompt_version=st.sampled_from(["p1", "p2", "p3"]),
        evaluator=st.sampled_from(["answered", RUDE, MADE_UP, "resisted"]),
        evaluator_version=st.sampled_from(["e1", "e2"]),
        repeat=st.integers(0, 1),
        judge_repeat=st.integers(0, 2),
        label=st.sampled_from(list(LABELS.values())),
        error=st.sampled_from([None, "an error"]),
    ),
    max_size=25,
    unique_by=lambda r: (r.case_id, r.prompt_version, r.evaluator, r.repeat, r.judge_repeat),
)
VERSIONS = {RUDE: "e1", MADE_UP: "e1", "answered": "e1"}


@given(ROWS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_reading_in_bulk_gives_what_the_records_give(tmp_path: Path, rows: list[EvalResult]) -> None:
    lake = Lake(tmp_path)
    lake.write("golden_set", [
        a_case(case_id="g-1"), a_case(case_id="g-2", kind="adversarial", mode_id=None),
        a_case(case_id="g-3", status="retired"),
    ])  # fmt: skip
    lake.write("eval_results", rows)

    def judged(case: str, version: str) -> Judged:
        own = [r for r in rows if (r.case_id, r.prompt_version) == (case, version)]
        own.sort(key=lambda r: (r.evaluator, r.repeat, r.judge_repeat))
        return judge_case(own, TRUSTED, VERSIONS, case == "g-2") if own else MISSING

    frame = lake.frame(VERDICTS_SQL, {"before": "p1", "after": "p2"}).astype(object)
    found = read_changes(frame.where(frame.notna(), None).itertuples(index=False, name=None), TRUSTED, VERSIONS)
    assert found == [
        CaseChange("g-1", judged("g-1", "p1"), judged("g-1", "p2"), "failure", "fm-1", "f-1", "test", QUESTION),
        CaseChange("g-2", judged("g-2", "p1"), judged("g-2", "p2"), "adversarial", None, "f-1", "test", QUESTION),
    ]
