"""Event days hold each trace once, joined from all files, with the newest feedback; nothing else is left behind."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.flows.capture import capture_traces
from flywheel_pipeline.flows.capture.event_days import SQL, due_days, group_days, judge_feedback, write_days
from flywheel_pipeline.records import CapturedFile, CapturedTrace, CaptureLog, Feedback, Json
from flywheel_pipeline_tests.builders import a_captured_trace
from flywheel_pipeline_tests.homes import Place, a_home

COVERS = ("flows/capture/__init__.py",)

FIRST = datetime(2025, 6, 1)
DAYS = [f"2025-06-0{n}" for n in range(1, 5)]


def captured(began: Sequence[tuple[int, int]], file: str) -> list[CapturedTrace]:
    """Whole traces of one file; each is given as (number of its trace id, hours after the first day began)."""
    return [
        a_captured_trace(
            trace_id=f"t{number}", started_at=FIRST + timedelta(hours=hours), source_file=file, source_line=line,
            output=None if hours % 3 else "Yes.", n_turns=1 + hours % 2, feedback_score=None, feedback_comment=None,
        )
        for line, (number, hours) in enumerate(began, 1)
    ]  # fmt: skip


def log(lake: Lake) -> None:
    touched = Json(json.dumps(dict.fromkeys(DAYS, 1)))
    lake.write("capture_log", [CaptureLog("a.jsonl", "f", "chat", 1, 1, 1, 1, 0, 0, 0, 0, 0, Json("{}"), touched)])


def expected(rows: Sequence[CapturedTrace]) -> dict[str, CapturedTrace]:
    """Of the rows of each trace, the fullest, then the one of most turns, then the newest, then the last read."""

    def rank(row: CapturedTrace) -> tuple[bool, int, datetime, str, int]:
        return bool(row.output), row.n_turns, row.started_at, row.source_file, row.source_line

    best: dict[str, CapturedTrace] = {}
    for row in rows:
        if row.trace_id not in best or rank(row) > rank(best[row.trace_id]):
            best[row.trace_id] = row
    return best


began = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 95)), max_size=12)


@settings(max_examples=25, deadline=None)
@given(st.lists(began, min_size=1, max_size=4), st.lists(st.tuples(st.integers(0, 12), st.integers(0, 9)), max_size=6))
def test_days_hold_each_trace_once_with_the_newest_feedback(
    files: list[list[tuple[int, int]]], rated: list[tuple[int, int]]
) -> None:
    rows = [row for n, file in enumerate(files) for row in captured(file, f"{n}.jsonl")]
    feedback = [
        Feedback(f"t{i}", 0.0, f"comment {n}", FIRST + timedelta(hours=hour), "f.jsonl", n)
        for n, (i, hour) in enumerate(rated, 1)
    ]
    with TemporaryDirectory() as folder:
        lake = Lake(Path(folder))
        for n in range(len(files)):
            lake.write("captured_traces", [r for r in rows if r.source_file == f"{n}.jsonl"], f"{n}.jsonl=0")
        lake.write("feedback", feedback)
        log(lake)
        counts = write_days(lake, DAYS)
        query = "select trace_id, started_at, source_file, source_line, feedback_comment from raw_traces order by 1"
        with lake.connect() as con:
            found = con.execute(query).fetchall()
    wanted = expected(rows)
    said = {f.trace_id: f.comment for f in sorted(feedback, key=lambda f: (f.given_at, f.source_line))}
    assert found == sorted((t, r.started_at, r.source_file, r.source_line, said.get(t)) for t, r in wanted.items())
    assert counts == {day: sum(f"{r.started_at:%Y-%m-%d}" == day for r in wanted.values()) for day in DAYS}


def span(trace_id: str, span_id: str, parent: str | None, second: int) -> dict[str, object]:
    attributes = [
        {"key": "gen_ai.input.messages", "value": {"stringValue": json.dumps(
            [{"role": "user", "parts": [{"type": "text", "content": f"Question {span_id}?"}]}])}},
        {"key": "gen_ai.output.messages", "value": {"stringValue": json.dumps(
            [{"role": "assistant", "parts": [{"type": "text", "content": f"Answer {span_id}."}]}])}},
    ]  # fmt: skip
    start = 1_748_779_200_000_000_000 + second * 1_000_000_000
    return {
        "traceId": trace_id, "spanId": span_id, "parentSpanId": parent, "name": "chat m", "kind": 3,
        "startTimeUnixNano": str(start), "endTimeUnixNano": str(start + 10**9), "attributes": attributes,
    }  # fmt: skip


def otlp(*spans: dict[str, object]) -> dict[str, object]:
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {"name": "s"}, "spans": list(spans)}]}]}


def test_spans_of_one_trace_in_two_files_are_joined_beside_other_traces_of_the_day(tmp_path: Path) -> None:
    place = a_home(tmp_path / "home")
    one, two, other = f"{1:032x}", f"{2:032x}", f"{3:032x}"
    place.put_traces("a.json", otlp(span(one, "a" * 16, None, 0), span(two, "c" * 16, None, 5)))
    place.put_traces("b.json", otlp(span(one, "b" * 16, "a" * 16, 1), span(other, "d" * 16, None, 9)))
    assert sum(capture_traces(place.bench).values()) == 3
    rows = place.lake.frame("select trace_id, source_file from raw_traces order by trace_id")
    assert list(rows["trace_id"]) == [one, two, other]
    assert place.one("select n_rows_in from capture_log where source_file = 'a.json'") == 2


def a_place_with_two_days(tmp_path: Path) -> Place:
    place = a_home(tmp_path / "home")
    place.lake.write("captured_traces", captured([(1, 2), (2, 30)], "a.jsonl"), "a.jsonl=0")
    log(place.lake)
    return place


def test_only_the_days_that_are_asked_for_are_written(tmp_path: Path) -> None:
    place = a_place_with_two_days(tmp_path)
    assert write_days(place.lake, ["2025-06-02"]) == {"2025-06-02": 1}
    assert list(place.lake.frame("select trace_id from raw_traces")["trace_id"]) == ["t2"]
    assert due_days(place.lake) == ["2025-06-01", "2025-06-03", "2025-06-04"]


def test_a_killed_write_leaves_nothing_that_the_next_one_keeps(tmp_path: Path) -> None:
    place = a_place_with_two_days(tmp_path)
    write_days(place.lake, DAYS)
    names = {p.name for folder in place.lake.root.iterdir() for p in folder.iterdir()}
    assert all(name.endswith(".parquet") and name[0] != "." for name in names)


@pytest.mark.parametrize(
    ("days", "groups"),
    [
        ([], []),
        (["2025-06-01"], [["2025-06-01"]]),
        (["2025-06-09", "2025-06-01"], [["2025-06-01"], ["2025-06-09"]]),
        (["2025-06-08", "2025-06-01"], [["2025-06-01", "2025-06-08"]]),
    ],
)
def test_days_are_grouped_without_gaps_of_more_than_a_week(days: list[str], groups: list[list[str]]) -> None:
    assert group_days(days) == groups


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path / "lake")
    lake.write("captured_traces", captured([(n, n % 24) for n in range(50)], "0.jsonl"), "0.jsonl=0")
    log(lake)
    return lake


def said_of(lake: Lake, rows: list[Feedback]) -> dict[str, tuple[Any, ...]]:
    lake.write("feedback", rows)
    log(lake)
    write_days(lake, DAYS)
    found = lake.frame("select trace_id, feedback_score, feedback_comment, tags from raw_traces").values.tolist()
    return {i: (None if score != score else score, comment, json.loads(tags)) for i, score, comment, tags in found}


def a_score(n: int, value: float | None, name: str = "rating", file: str = "f.jsonl", **more: Any) -> Feedback:
    return Feedback(f"t{n}", None, None, FIRST, file, n + 1, name=name, value=value, **more)


def test_the_scale_of_a_score_is_that_of_all_its_values_in_the_file(lake: Lake) -> None:
    stars = [a_score(n, n + 1) for n in range(5)]
    other = [a_score(5, 1, file="other.jsonl"), a_score(6, 4, file="other.jsonl")]
    blame = [a_score(7, 5, "complaint_level", is_adverse=True), a_score(8, 1, "complaint_level", is_adverse=True)]
    found = said_of(lake, [*stars, *other, *blame])
    assert [found[f"t{n}"][0] for n in range(5)] == [0, 0.25, 0.5, 0.75, 1]
    assert [found[f"t{n}"][0] for n in (5, 6)] == [None, None]
    assert found["t5"][2] == {"score.rating": 1, "score.rating.by": "user"}
    assert [found[f"t{n}"][0] for n in (7, 8)] == [0, 1]
    assert found["t9"] == (None, None, {})


def test_only_users_have_opinions_and_all_other_scores_are_tags(lake: Lake) -> None:
    lake.write("captured_traces", [a_captured_trace(trace_id="t0", started_at=FIRST, tags=Json('{"env":"prod"}'))], "x")
    rows = [
        replace(a_score(0, 1, "hallucination", given_by="model", is_adverse=True), comment="made up"),
        a_score(0, None, "tone", given_by="annotator", label="rude"),
        replace(a_score(0, 0, "thumbs"), comment="no"),
    ]
    assert said_of(lake, rows)["t0"] == (0, "no", {
        "env": "prod", "score.hallucination": 1, "score.hallucination.by": "model",
        "score.hallucination.comment": "made up", "score.tone": "rude", "score.tone.by": "annotator",
    })  # fmt: skip


def test_a_score_without_a_scale_is_counted(lake: Lake) -> None:
    lake.write("captured_files", [CapturedFile("f.jsonl", "f", "feedback", 1, 3, 0, 0, Json("{}"))], "f.jsonl")
    rows = [a_score(1, 4), a_score(2, None, label="meh"), a_score(3, 1, "thumbs"), a_score(4, 3, given_by="script")]
    lake.write("feedback", rows)
    with lake.connect() as con:
        con.execute(SQL["superseded"])
        judge_feedback(con)
        found = con.execute(f"select n_feedback, n_unscaled, n_rows_out from ({SQL['log']})").fetchall()
    assert found == [(4, 2, 4)]
