"""The batch of a home: kept as drawn, and honest where there are more traces than can be compared."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from flywheel_pipeline.defs.assets.annotations import _rates
from flywheel_pipeline.defs.assets.sampled_traces import _metadata
from flywheel_pipeline.errors import CorruptFileError, SettingsError
from flywheel_pipeline.flows.sample import BatchRequest, draw_batch, read_batches, saturation
from flywheel_pipeline.records import FailureAssignment, Json, RawTrace
from flywheel_pipeline.steps.annotate import Labels
from flywheel_pipeline.steps.sample import Frame
from flywheel_pipeline.steps.sample.report import allocation, below_minimum
from flywheel_pipeline_tests.builders import (
    NOON,
    a_case,
    a_prompt,
    a_sampled_trace,
    a_trace,
    an_alignment,
    an_annotation,
    an_eval_result,
)
from flywheel_pipeline_tests.homes import Place, a_home

COVERS = (
    "defs/assets/sampled_traces.py",
    "steps/sample/report.py",
)

TOPICS = ("hub", "valve", "probe", "parcel", "refund", "plan", "battery", "wifi", "invoice", "frost")


def a_lake_of(place: Place, n: int, disliked: int) -> None:
    base = a_trace()
    traces = [
        replace(base, trace_id=f"t{i}", input=f"{TOPICS[i % 10]} {i}", feedback_score=0.0 if i < disliked else None)
        for i in range(n)
    ]
    place.lake.write("raw_traces", traces, part=f"{NOON:%Y-%m-%d}")


def test_a_batch_is_kept_as_it_was_drawn_although_traces_come_late(tmp_path: Path) -> None:
    place = a_home(tmp_path / "home")
    a_lake_of(place, 150, disliked=10)
    _, first = draw_batch(place.bench)
    a_lake_of(place, 300, disliked=10)
    _, again = draw_batch(place.bench)
    assert again == first
    assert len(list((place.root / "samples").iterdir())) == 1


def test_of_very_many_traces_the_weights_still_stand_for_all(tmp_path: Path) -> None:
    place = a_home(tmp_path / "home")
    a_lake_of(place, 30_000, disliked=300)
    started = time.monotonic()
    frame, rows = draw_batch(place.bench)
    assert time.monotonic() - started < 60  # a draw over all of them would take hours
    assert len(frame) == 1_300 and len(rows) == 100
    assert {r.n_frame for r in rows} == {30_000}
    assert sum(r.stratum == "flagged" for r in rows) > 5  # 1 of 100 traces; risk makes it about 1 of 11
    assert 24_000 < sum(r.weight for r in rows) < 36_000
    assert allocation(frame, rows)[-1][:3] == ["all", 30_000, 100]


def wrote(place: Place, *traces: RawTrace) -> None:
    place.lake.write("raw_traces", traces, part=f"{NOON:%Y-%m-%d}")


def frame_of(place: Place, **design: Any) -> dict[str, Frame]:
    frame, _ = draw_batch(place.bench, BatchRequest(**design))
    return {f.trace_id: f for f in frame}


def test_what_is_known_of_a_trace_makes_it_risky(tmp_path: Path) -> None:
    place, base = a_home(tmp_path / "home"), a_trace(session_id=None, latency_ms=103.0)
    talk = [{"role": "user", "content": "where is my parcel please"}, {"role": "assistant", "content": "Soon."},
            {"role": "user", "content": "but where is my parcel"}]  # fmt: skip
    later = NOON.replace(minute=9)
    ordinary = [replace(base, trace_id=f"o{i}", input=f"question {i}", latency_ms=100.0 + i % 7) for i in range(40)]
    wrote(
        place, *ordinary,
        replace(base, trace_id="disliked", feedback_score=0.0), replace(base, trace_id="failed", error="timeout"),
        replace(base, trace_id="silent", output=None), replace(base, trace_id="slow", latency_ms=90_000.0),
        replace(base, trace_id="calls", n_tool_calls=30), replace(base, trace_id="costly", cost_usd=9.0),
        replace(base, trace_id="again", n_turns=2, messages=Json(json.dumps(talk))),
        replace(base, trace_id="first", session_id="s", input="how do I pair the hub", output="No."),
        replace(base, trace_id="second", session_id="s", input="no, how do I pair the hub!", started_at=later),
    )  # fmt: skip
    frame = frame_of(place)
    reported = {name: f.reason() for name, f in frame.items() if f.flagged}
    assert reported == {
        "disliked": "thumbs down", "failed": "ended in an error", "silent": "no answer", "slow": "unusually slow",
        "calls": "unusually many tool calls", "again": "the user asked again", "first": "the user asked again",
        **({"costly": reported["costly"]} if "costly" in reported else {}),
    }  # fmt: skip


def test_near_duplicates_come_once_and_stand_for_all_of_them(tmp_path: Path) -> None:
    place, base = a_home(tmp_path / "home"), a_trace(session_id=None, latency_ms=103.0)
    asked = ["Where is it?", "where is it", "WHERE IS IT!!"]
    wrote(
        place,
        *[replace(base, trace_id=f"d{i}", input=q) for i, q in enumerate(asked)],
        replace(base, trace_id="bad", input="Where is it?", feedback_score=0.0),
        replace(base, trace_id="other", input="Where is it?", output="30 days"),
    )  # fmt: skip
    frame, rows = draw_batch(place.bench)
    assert {f.trace_id: f.n_like for f in frame} == {"d0": 3, "bad": 1, "other": 1}
    assert {r.trace_id: r.weight for r in rows} == {"d0": 3.0, "bad": 1.0, "other": 1.0}
    assert {r.n_frame for r in rows} == {5}


def test_what_was_judged_before_is_not_drawn_again_and_still_counts_for_itself(tmp_path: Path) -> None:
    place, base = a_home(tmp_path / "home"), a_trace(session_id=None, latency_ms=103.0)
    wrote(place, *[replace(base, trace_id=f"t{i:03}", input=f"question {i // 2}") for i in range(400)])
    place.lake.write("annotations", [an_annotation(trace_id=f"t{i:03}") for i in range(0, 60)])
    frame, rows = draw_batch(place.bench, BatchRequest(size=40))
    known = {f.trace_id for f in frame if f.known}
    assert known == {f"t{i:03}" for i in range(0, 60, 2)}
    census = [r for r in rows if r.trace_id in known]
    assert {(r.inclusion_probability, r.weight, r.to_label) for r in census} == {(1.0, 2.0, False)}
    assert len(rows) - len(census) == 40
    assert sum(r.weight for r in rows) == pytest.approx(400)


def test_a_trace_with_a_picked_verdict_is_drawn_like_any_other(tmp_path: Path) -> None:
    place, base = a_home(tmp_path / "home"), a_trace(session_id=None, latency_ms=103.0)
    wrote(place, *[replace(base, trace_id=f"t{i}", input=f"question {i}") for i in range(20)])
    place.lake.write("annotations", [an_annotation(trace_id=f"t{i}", is_picked=True) for i in range(10)])
    frame, rows = draw_batch(place.bench, BatchRequest(size=20))
    assert not any(f.known for f in frame) and len(rows) == 20 and all(r.to_label for r in rows)


def test_whether_labelling_may_stop_does_not_follow_from_picked_failures(tmp_path: Path) -> None:
    place = a_home(tmp_path / "home")
    assigned = [FailureAssignment(f"t{i}", "fm-1", "HUMAN", 1.0, "x", "") for i in range(9)]
    place.lake.write("failure_assignments", assigned)
    place.lake.write("annotations", [an_annotation(trace_id=f"t{i}", is_picked=i > 2) for i in range(9)])
    before = saturation(place.bench)
    place.lake.write("annotations", [an_annotation(trace_id=f"t{i}") for i in range(9)])
    assert before != saturation(place.bench)
    place.lake.write("failure_assignments", assigned[:3])
    assert before == saturation(place.bench)


@pytest.mark.parametrize(
    ("result", "doubted"),
    [
        ({"label": "fail"}, True),
        ({"label": "unsure", "evaluator": "judge:fm-2"}, True),
        ({"label": "fail", "evaluator": "judge:fm-2"}, False),
        ({"label": "fail", "evaluator": "answered", "annotator_kind": "CODE"}, True),
        ({"label": "pass"}, False),
        ({"label": "fail", "prompt_version": "p9"}, False),
    ],
    ids=["a trusted judge", "unsure", "a judge that is not trusted", "code", "passes", "another prompt"],
)
def test_a_question_that_fails_as_a_test_case_is_a_risk(tmp_path: Path, result: dict[str, Any], doubted: bool) -> None:
    place, base = a_home(tmp_path / "home"), a_trace(session_id=None, latency_ms=103.0)
    wrote(place, replace(base, trace_id="same", input="is there a STUDENT discount"), replace(base, trace_id="other"))
    place.lake.write("golden_set", [a_case(input="Is there a student discount?")])
    place.lake.write("production_prompt", [a_prompt(version="p1")])
    place.lake.write("judge_alignment", [an_alignment(), an_alignment(evaluator="judge:fm-2", status="advisory")])
    place.lake.write("eval_results", [an_eval_result(**result)])
    frame = frame_of(place)
    assert (frame["same"].doubted, frame["other"].doubted) == (doubted, False)
    assert (frame["same"].reason() == "a test case with this question fails") is doubted


def test_every_value_of_a_named_stratum_has_its_minimum(tmp_path: Path) -> None:
    place, base = a_home(tmp_path / "home"), a_trace(session_id=None, latency_ms=103.0)
    tags = [json.dumps({"channel": "fax" if i % 80 == 0 else "e-mail" if i % 9 == 0 else "phone"}) for i in range(320)]
    wrote(place, *[replace(base, trace_id=f"t{i}", input=f"question {i}", tags=Json(t)) for i, t in enumerate(tags)])
    for seed in range(5):
        frame, rows = draw_batch(place.bench, BatchRequest(size=20, strata=["channel", "model"], seed=seed))
        counts = Counter(r.stratum.split(",")[0] for r in rows)
        assert min(counts["channel: fax"], counts["channel: e-mail"]) >= 3
        assert below_minimum(frame, rows, 3) == []
        assert below_minimum(frame, [r for r in rows if "fax" not in r.stratum], 3) == ["fax (0 of 3)"]
        assert len(rows) == 20
        assert 240 < sum(r.weight for r in rows) < 400


def test_a_tag_is_found_in_what_the_source_calls_tags_or_metadata(tmp_path: Path) -> None:
    place, base = a_home(tmp_path / "home"), a_trace(session_id=None)
    tags = ['{"channel": "fax"}', '{"tags": {"channel": "phone"}}', '{"metadata": {"channel": "mail"}}', "{}"]
    wrote(place, *[replace(base, trace_id=f"t{i}", input=f"question {i}", tags=Json(t)) for i, t in enumerate(tags)])
    _, rows = draw_batch(place.bench, BatchRequest(strata=["channel"]))
    assert sorted(r.stratum for r in rows) == ["channel: (none)", "channel: fax", "channel: mail", "channel: phone"]


def test_a_stratum_that_no_trace_has_is_an_error_that_says_where_to_look(tmp_path: Path) -> None:
    place = a_home(tmp_path / "home")
    wrote(place, a_trace())
    with pytest.raises(SettingsError, match=r"no trace from .* has a column or a tag 'colour\"\]'"):
        draw_batch(place.bench, BatchRequest(strata=['colour"]']))


@pytest.mark.parametrize(
    ("config", "reported"),
    [
        ({"since": "June"}, "'June' is not a day"),
        ({"since": "2031-01-01"}, "No traces from 2031-01-01 on"),
        ({"since": "2025-06-02", "until": "2025-06-01"}, "the last day is before the first"),
    ],
)
def test_a_window_that_is_none_is_an_error(tmp_path: Path, config: Any, reported: str) -> None:
    place = a_home(tmp_path / "home")
    wrote(place, a_trace())
    with pytest.raises(SettingsError, match=reported):
        draw_batch(place.bench, BatchRequest(**config))


def test_the_weighted_rate_stands_beside_the_naive_one(tmp_path: Path) -> None:
    place = a_home(tmp_path / "home")
    rows = [a_sampled_trace(trace_id=f"t{i}", weight=1.0 if i < 10 else 9.0) for i in range(20)]
    place.lake.write("sampled_traces", rows)
    labels = [an_annotation(trace_id=f"t{i}", verdict="fail" if i < 10 else "pass", is_current=True) for i in range(19)]
    rates = _rates(place.lake, Labels(tuple(labels), ()))["failure_rates"]
    assert isinstance(rates, dg.TableMetadataValue)
    (shown,) = rates.records
    reported = list(shown.data.values())
    assert reported[1] == "19 of 20"
    assert str(reported[2]).startswith("11% (") and str(reported[3]).startswith("53% (")


def test_a_batch_that_was_labelled_is_still_shown_as_it_was_drawn(tmp_path: Path) -> None:
    place, base = a_home(tmp_path / "home"), a_trace(session_id=None)
    wrote(place, *[replace(base, trace_id=f"t{i:03}", input=f"question {i}") for i in range(50)])
    first = _metadata(place.bench, *draw_batch(place.bench, BatchRequest(size=20)), 3)
    drawn = place.lake.frame("select trace_id from sampled_traces")["trace_id"]
    place.lake.write("annotations", [an_annotation(trace_id=t, is_current=True) for t in drawn])
    again = _metadata(place.bench, *draw_batch(place.bench, BatchRequest(size=20)), 3)
    assert (first["n_sampled"], first["n_known"]) == (again["n_sampled"], again["n_known"]) == (20, 0)
    assert again["allocation"] == first["allocation"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"weight": "2"}, "weight"),
        ({"inclusion_probability": 1.5}, "inclusion_probability"),
        ({"to_label": 1}, "to_label"),
        ({"n_frame": None}, "n_frame"),
        ({"seed": True}, "seed"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_row_of_a_batch_that_cannot_be_used_is_named_with_its_file(
    tmp_path: Path, change: dict[str, Any], named: str
) -> None:
    place = a_home(tmp_path / "home")
    rows = [vars(a_sampled_trace()), {**vars(a_sampled_trace()), **change}]
    (place.root / "samples").mkdir(exist_ok=True)
    (place.root / "samples" / "b.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(CorruptFileError, match=rf"b\.jsonl, row 2: {named} cannot be used"):
        read_batches(place.bench)
    (place.root / "samples" / "b.jsonl").write_text(json.dumps({"trace_id": "t1"}))
    with pytest.raises(CorruptFileError, match=r"row 1: batch, design"):
        read_batches(place.bench)
