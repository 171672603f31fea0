"""All that a home knows about one trace."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from flywheel_pipeline.flows.traces.detail import InSession, describe_session, know_trace
from flywheel_pipeline.records import FailureAssignment, Feedback
from flywheel_pipeline_tests.builders import (
    NOON,
    a_case,
    a_mode,
    a_prompt,
    a_sampled_trace,
    a_trace,
    an_annotation,
    an_eval_result,
    an_evaluator_score,
)
from flywheel_pipeline_tests.homes import a_home


def test_what_is_known_is_that_of_the_trace_alone_and_in_the_order_of_time(tmp_path: Path) -> None:
    place = a_home(tmp_path / "home")
    lake = place.lake
    at = [NOON + timedelta(minutes=n) for n in range(3)]
    lake.write("raw_traces", [a_trace(trace_id=f"t{n}", started_at=at[2 - n]) for n in range(3)])
    lake.write("feedback", [Feedback("t0", 0.0, "bad", at[1], "f", 1), Feedback("t1", 1.0, None, None, "f", 2)])
    lake.write(
        "annotations",
        [an_annotation(trace_id="t0", verdict="pass", labelled_at=at[2]),
         an_annotation(trace_id="t0", labelled_at=at[1], is_current=False), an_annotation(trace_id="t1")],
    )  # fmt: skip
    lake.write("evaluator_scores", [an_evaluator_score(trace_id="t0"), an_evaluator_score(trace_id="t2")])
    lake.write("failure_taxonomy", [a_mode(), a_mode(mode_id="fm-2", name="Gone", status="retired", rank=2)])
    lake.write("failure_assignments", [FailureAssignment("t0", "fm-1", "LLM", 0.8, "x", "")])
    lake.write("golden_set", [a_case(source_trace_id="t0"), a_case(case_id="g-2", source_trace_id="t1")])
    lake.write(
        "eval_results",
        [an_eval_result(), an_eval_result(prompt_version="p2", label=None, error="x"), an_eval_result(case_id="g-2")],
    )
    lake.write("sampled_traces", [a_sampled_trace(trace_id="t0"), a_sampled_trace(trace_id="t2")])
    prompt = a_prompt()
    place.bench.registry.add(prompt)
    place.bench.registry.promote(prompt.version)
    known = know_trace(place.bench, "t0", "s1", prompt.version)
    assert [a.verdict for a in known.verdicts] == ["fail", "pass"] and [f.comment for f in known.feedback] == ["bad"]
    assert known.assigned and (known.assigned.name, known.assigned.confidence) == ("Made up a feature", 0.8)
    assert [c.case_id for c in known.cases] == ["g-1"] and len(known.scores) == 1
    assert [(e.prompt_version, e.labels) for e in known.evaluated] == [
        ("p1", {"judge:fm-1": "pass"}), ("p2", {"judge:fm-1": "error"}),
    ]  # fmt: skip
    assert [s.trace_id for s in known.session] == ["t2", "t1", "t0"]
    assert [(s.batch, s.inclusion_probability) for s in known.sampled] == [("b", 0.5)]
    assert known.modes == {"fm-1": "Made up a feature"} and known.in_production


def test_a_trace_without_anything_is_known_by_nothing(tmp_path: Path) -> None:
    known = know_trace(a_home(tmp_path / "home").bench, "t0", None, None)
    assert not (known.verdicts or known.feedback or known.cases or known.session or known.sampled or known.assigned)
    assert not known.in_production


def test_a_session_says_which_traces_come_before_and_after() -> None:
    rows = [InSession(f"t{n}", NOON, "q", n + 1, 3) for n in range(3)]
    assert describe_session(rows, "t0") == {"n": 3, "at": 1, "before": None, "after": "t1"}
    assert describe_session(rows, "t2") == {"n": 3, "at": 3, "before": "t1", "after": None}
    assert describe_session([], "t2") == {"n": 0, "at": 0, "before": None, "after": None}


def test_a_long_session_is_counted_whole_and_shown_around_the_open_trace(tmp_path: Path) -> None:
    place = a_home(tmp_path / "home")
    traces = [a_trace(trace_id=f"t{n:03}", session_id="s1", started_at=NOON + timedelta(minutes=n)) for n in range(500)]
    place.lake.write("raw_traces", traces)
    known = know_trace(place.bench, "t400", "s1", None)
    assert [s.trace_id for s in known.session] == [f"t{n:03}" for n in range(350, 451)]
    assert describe_session(known.session, "t400") == {"n": 500, "at": 401, "before": "t399", "after": "t401"}
    first = know_trace(place.bench, "t000", "s1", None).session
    assert describe_session(first, "t000") == {"n": 500, "at": 1, "before": None, "after": "t001"}
