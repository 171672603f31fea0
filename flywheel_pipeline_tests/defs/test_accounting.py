"""Rows in = rows out + duplicates + rejects, and traces resolve across files, whatever arrives in whatever order."""

from __future__ import annotations

import gzip
import json
import os
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flywheel_pipeline.flows.capture import capture_files, due_days, landing_files, remove_originals, write_days
from flywheel_pipeline.records import CaptureLog
from flywheel_pipeline_tests.builders import a_chat_record
from flywheel_pipeline_tests.defs.checks.test_expectations import check
from flywheel_pipeline_tests.homes import Place, a_home, some_traces

COVERS = ("defs/checks/capture.py",)

DAY = 1_748_865_600  # 2025-06-02T12:00:00Z


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return a_home(tmp_path / "home")


def capture(place: Place) -> list[str]:
    capture_files(place.bench)
    days = due_days(place.lake)
    write_days(place.lake, days)
    for row in place.lake.read("capture_log", CaptureLog):
        assert row.n_rows_in == row.n_rows_out + row.n_duplicates + row.n_rejects, row
    return days


def account(place: Place, name: str) -> tuple[int, int, int, int]:
    (row,) = place.lake.read("capture_log", CaptureLog, "source_file = ?", [name])
    return row.n_rows_in, row.n_rows_out, row.n_duplicates, row.n_rejects


def a_span(span: int, at: int, parent: int | None = None, **attributes: Any) -> dict[str, Any]:
    listed = [{"key": k.replace("__", "."), "value": {"stringValue": v}} for k, v in attributes.items()]
    nanos = (DAY + at) * 10**9
    return {
        "traceId": "5b8efff798038103d269b633813fc60c", "spanId": f"{span:016x}", "name": f"step {span}",
        "parentSpanId": f"{parent:016x}" if parent else "", "startTimeUnixNano": str(nanos),
        "endTimeUnixNano": str(nanos + 10**9), "attributes": listed,
    }  # fmt: skip


def otlp(*spans: dict[str, Any]) -> dict[str, Any]:
    return {"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}


ROOT = a_span(1, 0, openinference__span__kind="CHAIN", input__value="Where is it?", output__value="In Kiel.")
CHILD = a_span(2, 1, 1, openinference__span__kind="LLM", llm__model_name="m-1", output__value="In Kiel.")


def test_duplicates_within_and_across_files_are_counted_where_they_lie(place: Place) -> None:
    a, b = some_traces(2)
    place.put_traces("1.jsonl", a, b, a)
    place.put_traces("2.jsonl", {**b, "feedback": {"score": 0}}, b"broken")
    capture(place)
    assert account(place, "1.jsonl") == (3, 1, 2, 0)
    assert account(place, "2.jsonl") == (2, 1, 0, 1)
    assert place.one("select count(*) from raw_traces") == 2


def test_spans_of_one_trace_in_several_files_are_one_trace_on_the_day_of_the_first(place: Place) -> None:
    night = [{**s, "startTimeUnixNano": str((DAY + 43_190 + i * 20) * 10**9)} for i, s in enumerate((ROOT, CHILD))]
    place.put_traces("child.jsonl", otlp(night[1]))
    assert capture(place) == ["2025-06-03"]
    assert place.one("select input from raw_traces") == ""
    place.put_traces("root.jsonl", otlp(night[0]))
    assert capture(place) == ["2025-06-02", "2025-06-03"]
    rows = place.lake.frame(
        "select input, output, model, started_at::date::varchar as day from raw_traces"
    ).values.tolist()
    assert rows == [["Where is it?", "In Kiel.", "m-1", "2025-06-02"]]
    assert account(place, "child.jsonl") == account(place, "root.jsonl") == (1, 1, 0, 0)
    assert due_days(place.lake) == []


def test_the_same_export_twice_is_all_duplicates(place: Place) -> None:
    place.put_traces("1.jsonl", otlp(ROOT, CHILD))
    place.put_traces("2.jsonl", otlp(ROOT, CHILD))
    capture(place)
    assert {account(place, "1.jsonl"), account(place, "2.jsonl")} == {(2, 2, 0, 0), (2, 0, 2, 0)}
    assert place.one("select count(*) from raw_traces") == 1


def test_feedback_joins_its_trace_before_after_and_without_it(place: Place) -> None:
    place.put_traces(
        "early.jsonl", {"trace_id": "2025-06-02-0", "score": 0, "comment": "wrong"}, {"trace_id": "x", "score": 1}
    )
    assert capture(place) == []
    place.put_traces("traces.jsonl", *some_traces(2, "2025-06-02"), *some_traces(1, "2025-06-05"))
    assert capture(place) == ["2025-06-02", "2025-06-05"]
    assert place.one("select feedback_comment from raw_traces where trace_id = '2025-06-02-0'") == "wrong"
    place.put_traces("late.jsonl", {"trace_id": "2025-06-05-0", "score": 1, "at": "2025-07-01T00:00:00Z"})
    assert capture(place) == ["2025-06-05"]
    assert place.one("select feedback_score from raw_traces where trace_id = '2025-06-05-0'") == 1.0
    assert account(place, "early.jsonl") == (2, 2, 0, 0)


def test_every_container_is_accounted_for(place: Place) -> None:
    traces = place.root / "traces"
    (traces / "a.jsonl.gz").write_bytes(gzip.compress(b"".join(json.dumps(t).encode() + b"\n" for t in some_traces(3))))
    (traces / "b.csv").write_text("id,question,answer,time\n1,Q,A,2025-06-02\n2,,A,2025-06-02\n")
    duckdb.default_connection().sql(
        "select 'p' as id, 'Q' as question, 'A' as answer, timestamp '2025-06-02 12:00:00' as time"
    ).write_parquet(str(traces / "c.parquet"))
    (traces / "d.json").write_text(json.dumps([a_chat_record(trace_id="d"), {"no": "trace"}]))
    (traces / "e.bin").write_bytes(bytes(range(256)) * 2)
    capture(place)
    found = {
        x.source_file: (x.n_rows_in, x.n_rows_out, x.n_rejects) for x in place.lake.read("capture_log", CaptureLog)
    }
    assert found == {
        "a.jsonl.gz": (3, 3, 0),
        "b.csv": (2, 1, 1),
        "c.parquet": (1, 1, 0),
        "d.json": (2, 1, 1),
        "e.bin": (1, 0, 1),
    }


def test_blocks_read_in_several_processes_give_what_one_process_gives(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.put_traces("a.jsonl", *some_traces(20))
    place.put_traces("b.jsonl", *some_traces(20, "2025-06-03"), b"broken")
    capture(place)
    alone = (place.root / "lake" / "raw_traces" / "2025-06-02.parquet").read_bytes()
    for path in (place.root / "lake").rglob("*.parquet"):
        path.unlink()
    monkeypatch.setattr(landing_files, "INLINE_BYTES", 0)
    capture(place)
    assert (place.root / "lake" / "raw_traces" / "2025-06-02.parquet").read_bytes() == alone
    assert account(place, "b.jsonl") == (21, 20, 0, 1)


def test_a_file_that_was_not_marked_as_read_is_read_again_after_a_crash(place: Place) -> None:
    place.put_traces("a.jsonl", *some_traces(3))
    capture(place)
    (place.root / "lake" / "captured_files" / "a.jsonl.parquet").unlink()
    assert capture_files(place.bench) == ["a.jsonl"]
    assert place.one("select count(*) from captured_traces") == 3


def test_a_file_that_was_only_touched_is_not_read_again(place: Place) -> None:
    path = place.put_traces("a.jsonl", *some_traces(3))
    capture(place)
    os.utime(path, ns=(10**18, 10**18))
    assert capture_files(place.bench) == []
    assert capture(place) == []


def test_personal_data_is_in_no_table_and_a_changed_setting_reads_again(place: Place) -> None:
    held = a_chat_record(session_id="joe@a.com", messages=[{"role": "user", "content": "I am joe@a.com"}])
    place.put_traces("a.jsonl", held, json.dumps({"oops": "joe@a.com"}).encode())
    capture(place)
    stored = b"".join(p.read_bytes() for p in (place.root / "lake").rglob("*.parquet"))
    assert b"joe@a.com" not in stored
    assert "joe@a.com" not in place.lake.frame("select * from rejects").to_string()
    assert place.one("select input from raw_traces") == "I am <EMAIL_1>"
    assert place.one("select redacted from capture_log") == '{"email": 1}'
    (place.root / "flywheel.yaml").write_text("{capture: {redact: []}, automation: {settle_seconds: 0}}")
    capture(place)
    assert place.one("select input from raw_traces") == "I am joe@a.com"


def test_settings_name_the_format_and_the_columns_of_a_file(place: Place) -> None:
    sources = "[{files: 'crm/*.csv', fields: {trace_id: nr, input: frage, output: antwort, started_at: am}}]"
    (place.root / "flywheel.yaml").write_text(f"{{capture: {{sources: {sources}}}, automation: {{settle_seconds: 0}}}}")
    (place.root / "traces" / "crm").mkdir()
    (place.root / "traces" / "crm" / "a.csv").write_text("nr;frage;antwort;am\n7;Wo?;Kiel.;2025-06-02\n")
    capture(place)
    assert place.lake.frame("select trace_id, input, output from raw_traces").values.tolist() == [["7", "Wo?", "Kiel."]]


def test_originals_are_removed_once_they_were_read_and_are_old_enough(place: Place) -> None:
    (place.root / "flywheel.yaml").write_text("{capture: {retention_days: 30}, automation: {settle_seconds: 0}}")
    old, new = (
        place.put_traces("old.jsonl", *some_traces(1)),
        place.put_traces("new.jsonl", *some_traces(1, "2025-06-03")),
    )
    long_ago = time.time() - 31 * 86_400
    os.utime(old, (long_ago, long_ago))
    assert remove_originals(place.bench) == []  # not read yet
    capture(place)
    assert remove_originals(place.bench) == ["old.jsonl"]
    assert (old.exists(), new.exists()) == (False, True)
    assert capture(place) == []
    assert place.one("select count(*) from raw_traces") == 2


def test_the_check_fails_when_rows_do_not_add_up_and_warns_of_many_rejects(place: Place) -> None:
    place.put_traces("a.jsonl", *some_traces(3), b"broken")
    capture(place)
    log = place.lake.read("capture_log", CaptureLog)
    place.lake.write("capture_log", [CaptureLog(**{**log[0].__dict__, "n_rows_in": 9})])
    assert [check(place, "capture_log", n).passed for n in ("rows_accounted", "few_rejected_traces")] == [False, False]
