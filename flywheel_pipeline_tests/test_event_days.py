"""Event days take row groups over where nothing about them is in question, and hold what they would hold without."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.adapters.lake import Lake, to_frame
from flywheel_pipeline.event_days import SQL, judge_feedback, write_days
from flywheel_pipeline.records import CapturedFile, CapturedTrace, CaptureLog, Feedback, Json
from flywheel_pipeline_tests.builders import a_captured_trace

FIRST = datetime(2025, 6, 1)
DAYS = [f"2025-06-0{n}" for n in range(1, 5)]


def captured(name: str, began: Sequence[tuple[int, int]], file: str = "a.jsonl") -> list[CapturedTrace]:
    """Traces in the order of time; each is given as (number of its trace id, hours after the first day began)."""
    rows = sorted((FIRST + timedelta(hours=hours), f"{name}{number}", n) for n, (number, hours) in enumerate(began))
    return [a_captured_trace(trace_id=i, started_at=at, source_file=file, source_line=n) for at, i, n in rows]


def put(lake: Lake, part: str, rows: list[CapturedTrace], cuts: Sequence[int] = ()) -> None:
    lake.write("captured_traces", rows, part, cuts=cuts)


def log(lake: Lake) -> None:
    touched = Json(json.dumps(dict.fromkeys(DAYS, 1)))
    lake.write("capture_log", [CaptureLog("a.jsonl", "f", "chat", 1, 1, 1, 1, 0, 0, 0, 0, 0, Json("{}"), touched)])


def held(lake: Lake) -> list[tuple[Any, ...]]:
    with lake.connect() as con:
        return con.execute("select strftime(started_at, '%Y-%m-%d'), * from raw_traces").fetchall()


def expected(lake: Lake) -> list[tuple[Any, ...]]:
    """What the days hold where every row is resolved."""
    with lake.connect() as con:
        con.execute(SQL["superseded"])
        judge_feedback(con)
        con.register("none", to_frame("captured_traces", []))
        con.execute("create view rest as select * from captured_traces; create table joined as select * from none")
        return [(day, *row) for day in DAYS for row in con.execute(SQL["day"], {"day": day}).fetchall()]


began = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 95)), min_size=1, max_size=12)
parts = st.lists(st.tuples(began, st.sets(st.integers(1, 11))), min_size=1, max_size=4)


@settings(max_examples=15, deadline=None)
@given(parts, st.sampled_from(["", "p"]), st.lists(st.integers(0, 30), max_size=2))
def test_days_hold_what_they_would_hold_if_every_row_were_resolved(
    told: list[tuple[list[tuple[int, int]], set[int]]], shared: str, rated: list[int]
) -> None:
    with TemporaryDirectory() as folder:
        lake = Lake(Path(folder))
        for n, (rows, cuts) in enumerate(told):
            name = shared or f"{n}-"  # ids that several parts share, or that are repeated within one part only
            put(lake, f"part={n}", captured(name, rows, f"{n}.jsonl"), sorted(c for c in cuts if c < len(rows)))
        lake.write("feedback", [Feedback(f"p{n}", 0.0, "no", FIRST, "f.jsonl", n) for n in rated])
        log(lake)
        counts = write_days(lake, DAYS)
        assert Counter(held(lake)) == Counter(expected(lake))
        assert counts == {day: sum(row[0] == day for row in expected(lake)) for day in DAYS}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path / "lake")
    put(lake, "part=0", captured("t", [(n, n % 24) for n in range(50)]))
    put(lake, "part=1", captured("u", [(n, 12 + n) for n in range(24)]), [12])
    log(lake)
    return lake


def taken(lake: Lake, part: str, day: str) -> bool:
    """Return whether the first row group of a part is in a day, byte for byte."""
    group = (lake.root / "captured_traces" / f"{part}.parquet").read_bytes()[4:1500]
    return group in (lake.root / "raw_traces" / f"{day}.parquet").read_bytes()


def test_row_groups_of_one_day_are_taken_over_byte_for_byte(lake: Lake) -> None:
    assert write_days(lake, DAYS) == {"2025-06-01": 62, "2025-06-02": 12, "2025-06-03": 0, "2025-06-04": 0}
    assert taken(lake, "part=0", "2025-06-01") and taken(lake, "part=1", "2025-06-01")
    assert Counter(held(lake)) == Counter(expected(lake))


def test_a_row_group_with_a_repeated_trace_or_one_with_feedback_is_not_taken_over(lake: Lake) -> None:
    put(lake, "part=2", captured("t", [(7, 3)], "later.jsonl"))
    lake.write("feedback", [Feedback("u1", 0.0, "wrong", FIRST, "f.jsonl", 1)])
    write_days(lake, DAYS)
    assert not taken(lake, "part=0", "2025-06-01") and not taken(lake, "part=1", "2025-06-01")
    assert Counter(held(lake)) == Counter(expected(lake))
    with lake.connect() as con:
        found = con.execute("select feedback_comment from raw_traces where trace_id = 'u1'").fetchall()
    assert found == [("wrong",)]


def test_a_row_group_of_two_days_is_not_taken_over(lake: Lake) -> None:
    put(lake, "part=1", captured("u", [(n, 12 + n) for n in range(24)]))
    write_days(lake, DAYS)
    assert taken(lake, "part=0", "2025-06-01") and not taken(lake, "part=1", "2025-06-01")
    assert Counter(held(lake)) == Counter(expected(lake))


def test_one_day_of_many_takes_over_its_own_row_groups_only(lake: Lake) -> None:
    assert write_days(lake, ["2025-06-02"]) == {"2025-06-02": 12}
    assert {row[0] for row in held(lake)} == {"2025-06-02"}


def test_a_part_that_declares_its_columns_otherwise_is_read_and_not_copied(lake: Lake) -> None:
    path = lake.root / "captured_traces" / "part=0.parquet"
    duckdb.execute(
        f"copy (select * replace (n_turns::integer as n_turns) from read_parquet('{path}')) to '{path}.new'"
        " (format parquet)"
    )
    Path(f"{path}.new").replace(path)
    write_days(lake, DAYS)
    assert not taken(lake, "part=0", "2025-06-01")
    assert Counter(held(lake)) == Counter(expected(lake))


def test_a_part_that_is_replaced_while_groups_are_chosen_is_not_copied(lake: Lake) -> None:
    path = lake.root / "captured_traces" / "part=0.parquet"
    with lake.connect() as con, lake.scratch() as scratch:
        lake.list_groups(con, "captured_traces", "started_at", scratch)
        found = con.execute("select path, number, stamp from row_groups where path like '%part=0%'").fetchall()
        assert lake.fitting(found, "captured_traces", scratch)[0] is not None
        put(lake, "part=0", captured("t", [(n, n % 24) for n in range(50)]))
        assert lake.fitting(found, "captured_traces", scratch) == [None]
    assert found[0][0] == str(path)


def test_nothing_is_left_behind(lake: Lake) -> None:
    write_days(lake, DAYS)
    assert sorted(p.name for p in lake.root.iterdir()) == ["capture_log", "captured_traces", "raw_traces"]
    assert all(p.suffix == ".parquet" and p.name[0] != "." for p in (lake.root / "raw_traces").iterdir())


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
