"""Rows come back as they went in, at any time, to any number of processes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.errors import QueryError
from flywheel_pipeline.records import (
    TABLES,
    CanaryHealth,
    CapturedFile,
    CaptureLog,
    FailureAssignment,
    Feedback,
    ImprovementPlan,
    Json,
    JudgeVerdict,
    LabelLog,
    LLMCall,
    ProductionRate,
    ProductionVerdict,
    RawTrace,
    Reject,
    columns,
)
from flywheel_pipeline_tests.builders import (
    NOON,
    a_candidate,
    a_captured_trace,
    a_case,
    a_health,
    a_mode,
    a_prompt,
    a_prompt_trial,
    a_sampled_trace,
    a_trace,
    a_turn,
    an_alignment,
    an_annotation,
    an_answer,
    an_eval_result,
    an_evaluator_score,
)

COVERS = (
    "adapters/lake/frames.py",
    "records/capture.py",
)

NASTY = "a\x00b 😀 'single' \"double\" \\ back\u2028slash\r\n;-- drop table"

ROWS: dict[str, Any] = {
    "captured_files": CapturedFile("a.jsonl", "f1", "chat", 99, 4, 1, 0, Json('{"email": 1}')),
    "captured_traces": a_captured_trace(n_rows=2, spans=Json("[]")),
    "feedback": Feedback("t1", None, "wrong", None, "f.jsonl", 1, "stars", "user", 1.0, None, False, 0),
    "capture_log": CaptureLog(
        "a.jsonl", "f1", "chat", 99, 4, 2, 2, 0, 0, 1, 1, 0, Json('{"email": 1}'), Json('{"2025-06-02": 2}')
    ),
    "raw_traces": a_trace(feedback_score=0.5, cost_usd=0.1 + 0.2, input_tokens=None),
    "rejects": Reject("traces", "a.jsonl", 0, "not JSON", "{"),
    "sampled_traces": a_sampled_trace(),
    "label_log": LabelLog("a.csv", "f1", 4, 2, 1, 1),
    "annotations": an_annotation(labelled_at=datetime(2025, 6, 2, 23, 59, 59, 999999), is_repeat=True),
    "evaluator_scores": an_evaluator_score(),
    "failure_taxonomy": a_mode(),
    "failure_assignments": FailureAssignment("t1", "fm-1", "LLM", 0.25, "made up", "made up"),
    "golden_set": a_case(),
    "production_prompt": a_prompt(),
    "answers": an_answer(output=None, error="HTTP 500", cost_usd=None),
    "eval_results": an_eval_result(label=None, score=None),
    "judge_alignment": an_alignment(fail_recall=None),
    "judge_verdicts": JudgeVerdict("judge:fm-1", "v1", "m", "fm-1", "t1", "fail", None, "", "HTTP 500", 0, "alignment"),
    "production_verdicts": ProductionVerdict(
        "t1", "judge:fm-1", "v1", "fm-1", None, None, "2025-06-02", "fail", "late", None, 0.5, 40, "LLM", None, False
    ),
    "production_rates": ProductionRate("fm-1", "2025-06-02", "2025-06-08", 0.1, 0.05, 0.2, 80, "labels"),
    "prompt_candidate": a_candidate(decision=None),
    "improvement_plan": ImprovementPlan("fm-1", "Late", "prompt", "it fails", Json("[]"), Json("{}"), 1),
    "production_health": a_health(),
    "flywheel_turns": a_turn(),
    "prompt_trials": a_prompt_trial(parent_version=None, pass_rate=None),
    "canary_health": CanaryHealth("c1", "v2", "v1", 0.1, NOON, 40, 3, 360, 30, -0.01, -0.2, 0.2, "go on", "no harm"),
    "llm_calls": LLMCall(NOON, "app", "offline/app", 3, 4, 0.001, 12.5, False, None),
}


def _input_of(lake: Lake) -> list[str]:
    return [r.input for r in lake.read("raw_traces", RawTrace)]


def test_every_table_has_a_row_in_this_module() -> None:
    assert ROWS.keys() == TABLES.keys()


@pytest.mark.parametrize("table", list(TABLES))
def test_a_row_of_every_table_comes_back_as_it_went_in(tmp_path: Path, table: str) -> None:
    lake = Lake(tmp_path)
    lake.write(table, [ROWS[table]])
    assert lake.read(table, TABLES[table]) == [ROWS[table]]


@pytest.mark.parametrize("table", list(TABLES))
def test_a_row_with_only_what_is_required_comes_back_with_nones(tmp_path: Path, table: str) -> None:
    lake, record = Lake(tmp_path), TABLES[table]
    values = {s.name: None if s.nullable else getattr(ROWS[table], s.name) for s in columns(record)}
    lake.write(table, [record(**values)])
    assert lake.read(table, record) == [record(**values)]


@pytest.mark.parametrize("text", [NASTY, "", "\x00", "None", "nan", "1e3", "true", " \t ", "x" * 200_000])
def test_any_text_comes_back_as_it_went_in(tmp_path: Path, text: str) -> None:
    lake = Lake(tmp_path)
    lake.write("raw_traces", [a_trace(input=text, error=text)])
    (row,) = lake.read("raw_traces", RawTrace)
    assert (row.input, row.error) == (text, text)


def test_a_lone_surrogate_becomes_a_question_mark_and_spoils_nothing_beside_it(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write("raw_traces", [a_trace(input="a\ud83db 😀")])
    assert _input_of(lake) == ["a?b 😀"]


def test_whole_numbers_stay_exact_beside_missing_ones(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write("raw_traces", [a_trace(input_tokens=2**53 + 1), a_trace(trace_id="t2", input_tokens=None)])
    assert [r.input_tokens for r in lake.read("raw_traces", RawTrace)] == [2**53 + 1, None]


def test_a_value_far_below_thousands_of_missing_ones_is_not_lost(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    rows = [a_trace(trace_id=f"t{i:05}", error=None, latency_ms=None, feedback_score=None) for i in range(4_000)]
    rows[3_777] = a_trace(trace_id="t03777", error="late", latency_ms=1, feedback_score=0.5)
    lake.write("raw_traces", rows)
    assert lake.read("raw_traces", RawTrace, "error is not null") == [rows[3_777]]
    assert len(lake.read("raw_traces", RawTrace)) == 4_000


@pytest.mark.parametrize("table", list(TABLES))
def test_a_table_never_written_is_an_empty_view_with_all_columns_typed(tmp_path: Path, table: str) -> None:
    lake = Lake(tmp_path / "not" / "there")
    described = lake.frame(f"describe {table}")
    declared = [(s.name, s.sql_type) for s in columns(TABLES[table])]
    assert list(zip(described["column_name"], described["column_type"], strict=True)) == declared
    assert lake.read(table, TABLES[table]) == []


@pytest.mark.parametrize("table", list(TABLES))
def test_a_table_written_without_rows_keeps_its_columns_and_types(tmp_path: Path, table: str) -> None:
    lake = Lake(tmp_path)
    lake.write(table, [])
    described = lake.frame(f"describe {table}")
    declared = [(s.name, s.sql_type) for s in columns(TABLES[table])]
    assert list(zip(described["column_name"], described["column_type"], strict=True)) == declared
    assert lake.read(table, TABLES[table]) == []


def test_a_write_replaces_its_own_partition_and_no_other(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write("raw_traces", [a_trace(input="old"), a_trace(trace_id="t2", input="old too")], part="2025-06-02")
    lake.write("raw_traces", [a_trace(trace_id="t9", input="other day")], part="2025-06-03")
    lake.write("raw_traces", [a_trace(input="new")], part="2025-06-02")
    assert sorted(_input_of(lake)) == ["new", "other day"]


def test_a_partition_emptied_leaves_the_rows_of_the_others(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write("raw_traces", [a_trace()], part="a")
    lake.write("raw_traces", [a_trace(trace_id="t2", input="kept")], part="b")
    lake.write("raw_traces", [], part="a")
    assert _input_of(lake) == ["kept"]


def test_a_column_of_nulls_in_one_file_and_values_in_another_is_one_column(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write("annotations", [an_annotation(trace_id="t1", labelled_at=None, first_failure_step=None)], part="a")
    lake.write("annotations", [an_annotation(trace_id="t2", labelled_at=NOON, first_failure_step=2)], part="b")
    found = lake.frame("select labelled_at, first_failure_step from annotations order by trace_id")
    assert found["labelled_at"].isna().tolist() == [True, False]
    assert found["labelled_at"][1].to_pydatetime() == NOON
    assert found["first_failure_step"][1] == 2


def test_rows_are_read_in_the_same_order_whatever_order_they_were_written_in(tmp_path: Path) -> None:
    rows = [a_trace(trace_id=f"t{i}") for i in range(5)]
    one, other = Lake(tmp_path / "one"), Lake(tmp_path / "other")
    one.write("raw_traces", rows)
    other.write("raw_traces", rows[3:], part="a")
    other.write("raw_traces", rows[2::-1], part="b")
    assert one.read("raw_traces", RawTrace) == other.read("raw_traces", RawTrace) == rows


def test_rows_are_picked_by_a_condition_with_values_that_cannot_become_sql(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write("raw_traces", [a_trace(trace_id="' or true --"), a_trace(trace_id="t2")])
    found = lake.read("raw_traces", RawTrace, "trace_id = ?", ["' or true --"])
    assert [r.trace_id for r in found] == ["' or true --"]


def test_the_result_of_a_query_becomes_a_partition_and_tells_its_row_count(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write("captured_traces", [a_captured_trace(trace_id=f"t{i}") for i in range(3)])
    query = ("select * from captured_traces where trace_id <> ?", ["t1"])
    with lake.connect() as con:
        n = lake.write_from(con, query, "raw_traces", "2025-06-02", "d1")
    assert n == 2
    assert [r.trace_id for r in lake.read("raw_traces", RawTrace)] == ["t0", "t2"]
    assert lake.inputs("raw_traces") == {"2025-06-02": "d1"}


def test_a_query_may_replace_the_partition_that_it_reads(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write("raw_traces", [a_trace(trace_id="t1"), a_trace(trace_id="t2")], part="all")
    with lake.connect() as con:
        lake.write_from(con, ("select * from raw_traces where trace_id = 't2'", []), "raw_traces", "all", "")
    assert [r.trace_id for r in lake.read("raw_traces", RawTrace)] == ["t2"]


def test_every_partition_tells_what_it_was_made_from(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    assert lake.inputs("raw_traces") == {}
    lake.write("raw_traces", [a_trace()], part="2025-06-02", inputs="abc-2025+1=2")
    lake.write("raw_traces", [], part="2025-06-03")
    assert lake.inputs("raw_traces") == {"2025-06-02": "abc-2025+1=2", "2025-06-03": ""}
    lake.write("raw_traces", [a_trace()], part="2025-06-02", inputs="def")
    assert lake.inputs("raw_traces")["2025-06-02"] == "def"


@pytest.mark.parametrize("broken", [a_trace(n_turns="many"), a_trace(started_at="yesterday")])
def test_a_write_that_fails_leaves_the_old_rows_and_no_other_file(tmp_path: Path, broken: RawTrace) -> None:
    lake = Lake(tmp_path)
    lake.write("raw_traces", [a_trace(input="old")], inputs="old")
    with pytest.raises(ValueError):
        lake.write("raw_traces", [a_trace(input="new"), broken], inputs="new")
    assert _input_of(lake) == ["old"]
    assert lake.inputs("raw_traces") == {"all": "old"}
    assert [p.name for p in (tmp_path / "raw_traces").iterdir()] == ["all.parquet"]


def test_a_query_that_fails_half_way_leaves_the_old_rows_and_no_other_file(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write("raw_traces", [a_trace(input="old")])
    with pytest.raises(duckdb.Error), lake.connect() as con:
        lake.write_from(con, ("select * replace ('x' as n_turns) from raw_traces", []), "raw_traces", "all", "")
    assert _input_of(lake) == ["old"]
    assert [p.name for p in (tmp_path / "raw_traces").iterdir()] == ["all.parquet"]


def test_a_half_written_file_of_a_killed_process_is_not_read(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write("raw_traces", [a_trace()])
    (tmp_path / "raw_traces" / ".all.parquet.0123").write_bytes(b"PAR1 half")
    assert len(lake.read("raw_traces", RawTrace)) == 1
    assert lake.inputs("raw_traces") == {"all": ""}


def test_equal_rows_become_equal_bytes(tmp_path: Path) -> None:
    rows = [a_trace(trace_id=f"t{i}", input=NASTY) for i in range(300)]
    for root in ("one", "other"):
        Lake(tmp_path / root).write("raw_traces", rows, part="p", inputs="d")
    one, other = ((tmp_path / root / "raw_traces" / "p.parquet").read_bytes() for root in ("one", "other"))
    assert one == other


@pytest.mark.parametrize(
    "sql", ["select * from nowhere", "selec 1", "select nothing from raw_traces", "select cast('x' as int)"]
)
def test_a_query_that_does_not_run_says_why_and_names_the_tables(tmp_path: Path, sql: str) -> None:
    with pytest.raises(QueryError, match="Error") as reported:
        Lake(tmp_path).frame(sql)
    assert all(table in str(reported.value) for table in TABLES)


@pytest.mark.parametrize("name", ['it\'s "here"', "a b;c", "[work]", "what?", "50% {x}", "größe-😀"])
def test_a_folder_of_any_name_can_hold_the_lake(tmp_path: Path, name: str) -> None:
    lake = Lake(tmp_path / name)
    lake.write("raw_traces", [a_trace(input="found")], part="a", inputs="d")
    lake.write("raw_traces", [a_trace(trace_id="t2", input="found")], part="b", inputs="e")
    assert _input_of(lake) == ["found", "found"]
    assert lake.inputs("raw_traces") == {"a": "d", "b": "e"}


@pytest.mark.parametrize("part", ["../../outside", "/etc/x", "a/b", ".hidden' --", "..", "2025-06-02"])
def test_a_partition_of_any_name_stays_inside_its_table_and_is_read(tmp_path: Path, part: str) -> None:
    lake = Lake(tmp_path / "lake")
    lake.write("raw_traces", [a_trace(input="found")], part=part, inputs="d")
    assert _input_of(lake) == ["found"]
    assert list(lake.inputs("raw_traces").values()) == ["d"]
    written = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert [p.parent for p in written] == [tmp_path / "lake" / "raw_traces"]


def test_eight_threads_write_and_read_at_once_and_no_read_ever_fails_or_sees_half_a_partition(tmp_path: Path) -> None:
    lake, errors = Lake(tmp_path), []

    def work(mine: int) -> None:
        try:
            for turn in range(3):
                rows = [a_trace(trace_id=f"{mine}-{i}", n_turns=turn) for i in range(50)]
                lake.write("raw_traces", rows, part=f"p{mine}", inputs=str(turn))
                sql = "select count(*) n, count(distinct n_turns) k from raw_traces group by trace_id[1]"
                seen = lake.frame(sql)
                assert set(seen["n"]) == {50}
                assert set(seen["k"]) == {1}
                assert lake.inputs("raw_traces")[f"p{mine}"] == str(turn)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert lake.frame("select count(*) n, min(n_turns) low from raw_traces").iloc[0].tolist() == [400, 2]


WRITER = """
import sys
from pathlib import Path
from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline_tests.builders import a_trace

lake, mine = Lake(Path(sys.argv[1])), sys.argv[2]
for turn in range(8):
    lake.write("raw_traces", [a_trace(trace_id=f"{mine}-{i}", n_turns=turn) for i in range(20)], part=mine)
    counts = lake.frame("select count(*) n from raw_traces group by trace_id[1]")["n"]
    assert set(counts) == {20}, counts
"""


def test_processes_that_write_and_read_at_once_need_no_lock(tmp_path: Path) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), name], stderr=subprocess.PIPE, text=True)
        for name in "abc"
    ]
    reported = [process.communicate()[1] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], reported
    assert Lake(tmp_path).frame("select count(*) n from raw_traces")["n"][0] == 60


def test_leftovers_of_a_killed_process_are_cleared_and_files_being_written_are_not(
    tmp_path: Path,
) -> None:
    table, temporary = tmp_path / "raw_traces", tmp_path / ".tmp"
    paths = {age: [table / f".all.parquet.{age}", temporary / f"duckdb_temp_{age}.tmp"] for age in ("old", "new")}
    for age, two in paths.items():
        for path in two:
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_bytes(b"PAR1")
            if age == "old":
                os.utime(path, (0, 0))
    Lake(tmp_path).write("raw_traces", [a_trace()])
    assert not any(path.exists() for path in paths["old"])
    assert all(path.exists() for path in paths["new"])
    assert (table / "all.parquet").exists()


def test_a_digest_changes_with_the_content_of_a_table_and_with_nothing_else(tmp_path: Path) -> None:
    lake, same = Lake(tmp_path / "a"), Lake(tmp_path / "b")
    for one in (lake, same):
        one.write("raw_traces", [a_trace()], part="2025-06-02")
    before = lake.digest("raw_traces")
    assert before == same.digest("raw_traces") != lake.digest("feedback")
    lake.write("raw_traces", [a_trace()], part="2025-06-02")
    assert lake.digest("raw_traces") == before
    lake.write("raw_traces", [a_trace(input="other")], part="2025-06-02")
    assert lake.digest("raw_traces") != before


def test_queries_at_once_see_what_is_written_between_them(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    found: list[int] = []

    def look() -> None:
        found.extend(n for _ in range(20) for (n,) in lake.rows("select count(*) from RAW_TRACES"))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for i in range(20):
        lake.write("raw_traces", [a_trace(trace_id=f"t{n}") for n in range(i + 1)])
    for thread in threads:
        thread.join()
    assert len(found) == 80 and lake.rows("select count(*) from raw_traces") == [(20,)]


def test_a_query_that_names_no_table_sees_all_of_them(tmp_path: Path) -> None:
    assert set(Lake(tmp_path).frame("show tables")["name"]) == TABLES.keys()
