"""The list of traces: every filter keeps exactly its traces, pages lose none, counts say what a filter would give."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from flywheel_pipeline.flows.traces.browse import count_traces, list_traces
from flywheel_pipeline.flows.traces.filters import FilterError, read_filters
from flywheel_pipeline.records import FailureAssignment, Json
from flywheel_pipeline_tests.builders import NOON, a_case, a_trace, an_annotation, an_evaluator_score
from flywheel_pipeline_tests.homes import Place, a_home

TRACES = [
    a_trace(trace_id="t0", input="Where is my parcel?", feedback_score=0.0, feedback_comment="Wrong ÄNSWER"),
    a_trace(trace_id="t1", model="m2", prompt_version=None, error="timeout", output=None, feedback_score=1.0),
    a_trace(trace_id="t2", app="shop", n_turns=5, n_tool_calls=3, tags=Json('{"lang": "de", "a.b\\"c": "x\'y"}')),
    a_trace(trace_id="t3", session_id="s9", cost_usd=0.5, latency_ms=5_000.0, feedback_comment="thanks"),
    a_trace(trace_id="t4", session_id="s9", input_tokens=900, tags=Json('{"metadata": {"tier": "pro"}}')),
]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = a_home(tmp_path / "home")
    for n, t in enumerate(TRACES):
        at = NOON + timedelta(days=n // 2, minutes=n)
        made.lake.write("raw_traces", [type(t)(**{**vars(t), "started_at": at})], part=f"{at:%Y-%m-%d}-{n}")
    made.lake.write(
        "annotations",
        [an_annotation(trace_id="t0"), an_annotation(trace_id="t1", verdict="pass", is_picked=True),
         an_annotation(trace_id="t2", verdict="pass", is_current=False)],
    )  # fmt: skip
    made.lake.write("failure_assignments", [FailureAssignment("t0", "fm-1", "HUMAN", 1.0, "x", "")])
    made.lake.write(
        "evaluator_scores",
        [an_evaluator_score(trace_id="t0"), an_evaluator_score(trace_id="t0", evaluator="tone", label="rude"),
         an_evaluator_score(trace_id="t1", label="pass")],
    )  # fmt: skip
    made.lake.write("golden_set", [a_case(source_trace_id="t0"), a_case(case_id="g-2", source_trace_id="t0")])
    return made


def found(place: Place, *pairs: tuple[str, str]) -> list[str]:
    return [t.trace_id for t in list_traces(place.bench, read_filters(pairs)).traces]


@pytest.mark.parametrize(
    ("pairs", "ids"),
    [
        ([], ["t4", "t3", "t2", "t1", "t0"]),
        ([("feedback", "negative")], ["t0"]),
        ([("feedback", "positive"), ("feedback", "comment only")], ["t3", "t1"]),
        ([("feedback", "(none)")], ["t4", "t2"]),
        ([("error", "yes")], ["t1"]),
        ([("model", "m2")], ["t1"]),
        ([("prompt", "(none)")], ["t1"]),
        ([("app", "shop")], ["t2"]),
        ([("language", "de")], ["t2"]),
        ([("verdict", "fail")], ["t0"]),
        ([("verdict", "(none)")], ["t4", "t3", "t2"]),
        ([("verdict", "(none)"), ("verdict", "fail")], ["t4", "t3", "t2", "t0"]),
        ([("mode", "fm-1")], ["t0"]),
        ([("case", "failure")], ["t0"]),
        ([("evaluator", "tone: rude")], ["t0"]),
        ([("evaluator", "correctness: pass"), ("evaluator", "tone: rude")], ["t1", "t0"]),
        ([("turns", "5")], ["t2"]),
        ([("calls", "3")], ["t2"]),
        ([("cost", "0.4")], ["t3"]),
        ([("latency", "5")], ["t3"]),
        ([("tokens", "900")], ["t4"]),
        ([("session", "s9")], ["t4", "t3"]),
        ([("since", "2025-06-03"), ("until", "2025-06-03")], ["t3", "t2"]),
        ([("tag", "tier=pro")], ["t4"]),
        ([("tag", 'a.b"c=x\'y')], ["t2"]),
        ([("tag", "lang=fr")], []),
        ([("trace", "t3")], ["t3"]),
        ([("words", "PARCEL")], ["t0"]),
        ([("words", "änswer parcel")], ["t0"]),
        ([("words", "parcel"), ("within", "answer")], []),
        ([("words", "%")], []),
        ([("words", "'; drop table raw_traces; --")], []),
        ([("feedback", "negative"), ("app", "shop")], []),
    ],
)  # fmt: skip
def test_each_filter_keeps_its_traces(place: Place, pairs: Sequence[tuple[str, str]], ids: list[str]) -> None:
    assert found(place, *pairs) == ids
    assert count_traces(place.bench, read_filters(pairs)).n == len(ids)


def test_the_counts_of_a_facet_leave_out_its_own_filter(place: Place) -> None:
    facets = count_traces(place.bench, read_filters([("feedback", "negative"), ("app", "demo"), ("model", "gone")]))
    assert facets.n == 0 and facets.values["model"] == {"offline/app": 1, "gone": 0}
    facets = count_traces(place.bench, read_filters([("feedback", "negative")]))
    assert facets.values["feedback"] == {"(none)": 2, "comment only": 1, "negative": 1, "positive": 1}
    assert facets.values["evaluator"] == {"correctness: fail": 1, "tone: rude": 1}
    assert facets.values["verdict"] == {"fail": 1} and facets.n == 1
    days = {f"{day}": n for day, n in count_traces(place.bench, read_filters([])).days.items()}
    assert days == {"2025-06-02": 2, "2025-06-03": 2, "2025-06-04": 1}


def test_each_value_of_a_facet_gives_the_traces_that_its_count_says(place: Place) -> None:
    for facet, values in count_traces(place.bench, read_filters([])).values.items():
        for value, n in values.items():
            assert len(found(place, (facet, value))) == n, (facet, value)


def test_a_row_says_what_is_known_about_its_trace(place: Place) -> None:
    rows = {t.trace_id: t for t in list_traces(place.bench, read_filters([])).traces}
    assert (rows["t0"].verdict, rows["t0"].picked, rows["t0"].mode_id, rows["t0"].n_cases) == ("fail", False, "fm-1", 2)
    assert (rows["t1"].verdict, rows["t1"].picked, rows["t1"].failed) == ("pass", True, True)
    assert rows["t2"].verdict is None and rows["t4"].n_tokens == 905


def test_pages_hold_every_trace_once_also_where_many_began_at_the_same_moment(tmp_path: Path) -> None:
    place = a_home(tmp_path / "home")
    made = [a_trace(trace_id=f"t{n:02}", started_at=NOON + timedelta(seconds=n // 7)) for n in range(30)]
    place.lake.write("raw_traces", made)
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        page = list_traces(place.bench, read_filters([]), after, size=4)
        seen += [t.trace_id for t in page.traces]
        after = page.next
    assert seen == [t.trace_id for t in sorted(made, key=lambda t: (t.started_at, t.trace_id), reverse=True)]


@pytest.mark.parametrize("after", ["x", "[]", '["2025-01-01", 3]', '["never", "t1"]', "[" * 100_000])
def test_what_is_no_place_in_the_list_is_refused(place: Place, after: str) -> None:
    with pytest.raises(FilterError, match="begin with the first page"):
        list_traces(place.bench, read_filters([]), after)


def test_an_empty_home_has_an_empty_list(tmp_path: Path) -> None:
    place = a_home(tmp_path / "home")
    assert list_traces(place.bench, read_filters([])).traces == []
    facets = count_traces(place.bench, read_filters([]))
    assert facets.n == 0 and facets.days == {}
