"""Labelled traces of a home: what judges are measured on, and what production's own rate rests on."""

from __future__ import annotations

from pathlib import Path

import pytest

from flywheel_pipeline.flows.evaluate import production_rate
from flywheel_pipeline.flows.labelled import labelled_answers, labelled_traces
from flywheel_pipeline.records import FailureAssignment
from flywheel_pipeline_tests.builders import a_sampled_trace, a_trace, an_annotation
from flywheel_pipeline_tests.homes import Place

N = 12


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Twelve sampled traces, of which four fail, and one labelled trace that was never drawn."""
    (tmp_path / "home").mkdir()
    place = Place(tmp_path / "home")
    ids = [f"t{i:02}" for i in range(N)]
    place.lake.write("raw_traces", [a_trace(trace_id=t) for t in [*ids, "other"]], part="2025-06-02")
    verdicts = {t: "fail" if i < 4 else "pass" for i, t in enumerate(ids)} | {"other": "fail"}
    place.lake.write("annotations", [an_annotation(trace_id=t, verdict=v) for t, v in verdicts.items()])
    place.lake.write(
        "sampled_traces", [a_sampled_trace(trace_id=t, weight=10.0 if i < 4 else 1.0) for i, t in enumerate(ids)]
    )
    place.lake.write("failure_assignments", [FailureAssignment("t00", "fm-1", "LLM", 0.9, "made up", "")])
    return place


def test_every_verdict_that_counts_is_an_answer_to_judge_with_its_mode_and_weight(place: Place) -> None:
    answers = {a.case.source_trace_id: a for a in labelled_answers(place.bench)}
    assert len(answers) == len(labelled_traces(place.bench)) == N + 1
    assert (answers["t00"].failed, answers["t00"].case.mode_id, answers["t00"].weight) == (True, "fm-1", 10.0)
    assert (answers["t11"].failed, answers["t11"].weight) == (False, 1.0)
    assert answers["other"].weight is None


def test_productions_rate_is_weighted_back_to_traffic(place: Place) -> None:
    rate = production_rate(place.bench)
    assert rate is not None and rate.value == pytest.approx(8 / 48)
    assert rate.n == N


def test_without_a_sample_of_ours_production_has_no_rate(place: Place) -> None:
    place.lake.write("sampled_traces", [a_sampled_trace(trace_id="elsewhere")])
    assert production_rate(place.bench) is None
