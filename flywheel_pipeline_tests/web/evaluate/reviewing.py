"""A home whose judge disagrees with the expert, as the page of judges finds it."""

from __future__ import annotations

from typing import Any

from flywheel_pipeline.flows.evaluate import judges_of
from flywheel_pipeline.records import JudgeVerdict
from flywheel_pipeline_tests.builders import NOON, a_case, a_mode, a_sampled_trace, a_trace, an_alignment, an_annotation
from flywheel_pipeline_tests.homes import Place
from flywheel_pipeline_tests.steps.cluster.reviewed import a_mode as a_reviewed_mode
from flywheel_pipeline_tests.steps.cluster.reviewed import known, put_taxonomy
from flywheel_pipeline_tests.web.browsing import EVIL

FAILS, PASSES = ("r1", "r2", "r3"), ("ok0", "ok1", "ok2")


def a_verdict(**changes: Any) -> JudgeVerdict:
    values: dict[str, Any] = {
        "evaluator": "judge:rude", "evaluator_version": "e1", "model": "offline/judge", "mode_id": "rude",
        "trace_id": "r1", "expert": "fail", "label": "pass", "explanation": "Nothing rude in it.", "error": None,
        "judge_repeat": 0, "purpose": "alignment",
    }  # fmt: skip
    return JudgeVerdict(**{**values, **changes})


def put_judges(place: Place) -> None:
    """A judge of the mode `rude`: it misses r1, fails ok1 and is unsure of r2; r1 is a dev case, and so is r3."""
    (place.root / "flywheel.yaml").write_text("annotate: {arbiter: mira}\nautomation: {settle_seconds: 0}")
    put_taxonomy(place, known(a_reviewed_mode("rude", *FAILS, name="Is rude to people")))
    lake = place.lake
    traces = [a_trace(trace_id=t, input=f"Question {t} {EVIL}") for t in (*FAILS, *PASSES)]
    lake.write("raw_traces", traces, part=f"{NOON:%Y-%m-%d}")
    lake.write("sampled_traces", [a_sampled_trace(trace_id=t) for t in ("r1", "ok1")])
    fails = [an_annotation(trace_id=t, annotator="mira", code="is rude", comment=f"It insults. {EVIL}") for t in FAILS]
    passes = [an_annotation(trace_id=t, annotator="mira", verdict="pass", code=None, comment=None) for t in PASSES]
    lake.write("annotations", [*fails, *passes])
    lake.write("failure_taxonomy", [a_mode(mode_id="rude", name="Is rude to people")])
    splits = {"r1": "dev", "r2": "train", "r3": "dev"}
    lake.write("golden_set", [a_case(case_id=f"g-{t}", source_trace_id=t, split=s) for t, s in splits.items()])
    version = judges_of(place.bench)[0].version("offline/judge")
    row = {"evaluator": "judge:rude", "mode_id": "rude", "evaluator_version": version}
    measured = {"n_fail": 3, "n_pass": 3, "fail_recall": 1 / 3, "pass_recall": 2 / 3, "status": "advisory"}
    lake.write("judge_alignment", [an_alignment(**row, **measured, need_fails=9, need_passes=1)])
    mine = {"evaluator_version": version}
    lake.write("judge_verdicts", [
        a_verdict(**mine, explanation=f"Nothing rude in it. {EVIL}"),
        a_verdict(**mine, trace_id="r2", label="unsure"), a_verdict(**mine, trace_id="r3", label="fail"),
        a_verdict(**mine, trace_id="ok0", expert="pass"), a_verdict(**mine, trace_id="ok2", expert="pass"),
        a_verdict(**mine, trace_id="ok1", expert="pass", label="fail", explanation="It snaps."),
        a_verdict(**mine, trace_id="ok1", expert="pass", label="pass", judge_repeat=1, purpose="repeated"),
        a_verdict(evaluator_version="old", trace_id="ok2", expert="pass", label="fail"),
        a_verdict(**mine, trace_id="ok0", expert="pass", label=None, error="timeout", judge_repeat=1),
    ])  # fmt: skip
