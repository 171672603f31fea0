"""What a prompt fixed and broke, by failure mode."""

from __future__ import annotations

from pathlib import Path

from flywheel_pipeline.flows.mode_changes import ModeChange, mode_changes
from flywheel_pipeline_tests.builders import a_mode, an_alignment, an_eval_result
from flywheel_pipeline_tests.homes import a_home


def test_a_trade_of_one_mode_for_another_is_shown(tmp_path: Path) -> None:
    place = a_home(tmp_path)
    place.lake.write("failure_taxonomy", [a_mode(name="One step only"), a_mode(mode_id="fm-2", name="Too long")])
    place.lake.write(
        "judge_alignment",
        [
            an_alignment(evaluator="judge:fm-1", mode_id="fm-1", status="advisory"),
            an_alignment(evaluator="check:long", mode_id="fm-2", status="trusted"),
            an_alignment(evaluator="judges:all", mode_id=None, status="trusted"),
        ],
    )
    labels = {"judge:fm-1": ("fail", "pass"), "check:long": ("pass", "fail"), "judges:all": ("pass", "fail")}
    rows = [
        an_eval_result(case_id=f"c{i}", evaluator=evaluator, prompt_version=version, label=label)
        for i in range(3)
        for evaluator, both in labels.items()
        for version, label in zip(("v1", "v2"), both if i else ("pass", "pass"), strict=True)
    ]
    place.lake.write("eval_results", rows)
    assert mode_changes(place.bench, "v1", "v2") == [
        ModeChange("Too long", "check:long", True, 0, 2),
        ModeChange("One step only", "judge:fm-1", False, 2, 0),
    ]
    assert mode_changes(place.bench, "v1", "v3") == []
