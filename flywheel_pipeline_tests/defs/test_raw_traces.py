"""Daily partitions: idempotent, and re-opened by exactly the files that touch them."""

from __future__ import annotations

from pathlib import Path

import pytest

from flywheel_pipeline.definitions import build_definitions
from flywheel_pipeline.defs.partitions import range_tags
from flywheel_pipeline.flows.capture import capture_files, due_days, group_days, write_days
from flywheel_pipeline_tests.homes import Place, a_home, an_instance, some_traces

COVERS = (
    "defs/assets/raw_traces.py",
    "defs/partitions.py",
    "defs/resources.py",
)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    home = a_home(tmp_path / "home")
    home.put_traces("a.jsonl", *some_traces(3, "2025-06-02"), *some_traces(2, "2025-06-03"))
    home.put_traces("b.jsonl", *some_traces(2, "2025-06-05"))
    return home


def capture(place: Place) -> list[str]:
    capture_files(place.bench)
    days = due_days(place.lake)
    write_days(place.lake, days)
    return days


def test_only_days_with_traces_are_due_and_a_second_look_finds_none(place: Place) -> None:
    assert capture(place) == ["2025-06-02", "2025-06-03", "2025-06-05"]
    assert capture_files(place.bench) == []
    assert due_days(place.lake) == []


def test_writing_a_day_twice_gives_the_same_bytes(place: Place) -> None:
    capture(place)
    path = place.root / "lake" / "raw_traces" / "2025-06-02.parquet"
    before = path.read_bytes()
    write_days(place.lake, ["2025-06-02"])
    assert path.read_bytes() == before


def test_a_late_file_reopens_exactly_its_days(place: Place) -> None:
    capture(place)
    place.put_traces("late.jsonl", *[{**t, "trace_id": "late"} for t in some_traces(1, "2025-06-03")])
    assert capture(place) == ["2025-06-03"]
    assert place.one("select count(*) from raw_traces where started_at::date = '2025-06-03'") == 3


def test_a_corrected_file_takes_its_old_rows_with_it(place: Place) -> None:
    capture(place)
    place.put_traces("a.jsonl", *some_traces(1, "2025-06-04"))
    assert capture(place) == ["2025-06-02", "2025-06-03", "2025-06-04"]
    assert place.one("select count(*) from raw_traces") == 3
    assert due_days(place.lake) == []


def test_a_trace_seen_twice_keeps_its_fullest_row(place: Place) -> None:
    full = {**some_traces(1, "2025-06-02")[0], "feedback": {"score": 0, "comment": "wrong"}}
    place.put_traces("again.jsonl", full)
    capture(place)
    assert place.one("select count(*) from raw_traces where trace_id = '2025-06-02-0'") == 1
    assert place.one("select feedback_comment from raw_traces where trace_id = '2025-06-02-0'") == "wrong"


def test_a_changed_setting_reads_the_files_again(place: Place) -> None:
    capture(place)
    (place.root / "flywheel.yaml").write_text("{capture: {start_date: 2025-06-03}, automation: {settle_seconds: 0}}")
    assert capture_files(place.bench) == ["a.jsonl", "b.jsonl"]
    assert place.one("select count(*) from rejects where reason like '%capture.start_date%'") == 3


def test_a_backfill_of_a_month_is_one_run_and_days_without_traces_have_no_file(place: Place) -> None:
    defs = build_definitions(place.bench.settings)
    with an_instance() as instance:
        defs.resolve_job_def("read_trace_files").execute_in_process(instance=instance)
        done = defs.resolve_job_def("capture").execute_in_process(
            instance=instance, tags=range_tags(["2025-06-01", "2025-06-30"])
        )
        events = done.asset_materializations_for_node("raw_traces")
    assert [e.partition for e in events] == [f"2025-06-{d:02}" for d in range(1, 31)]
    assert sorted(place.lake.inputs("raw_traces")) == ["2025-06-02", "2025-06-03", "2025-06-05"]
    assert place.one("select count(*) from raw_traces") == 7


def test_days_with_long_gaps_become_several_runs() -> None:
    assert group_days(["2023-05-01", "2025-06-02", "2025-06-04"]) == [["2023-05-01"], ["2025-06-02", "2025-06-04"]]


def test_of_equally_full_rows_the_longer_and_then_the_newer_counts(place: Place) -> None:
    first = {**some_traces(1, "2025-06-02")[0], "session_id": "short and old"}
    newer = {**first, "started_at": "2025-06-02T23:00:00Z", "session_id": "short and new"}
    more = [{"role": "user", "content": "More?"}, {"role": "assistant", "content": "Yes."}]
    longer = {**first, "messages": [*first["messages"], *more], "session_id": "long"}
    who = "select session_id from raw_traces where trace_id = '2025-06-02-0'"
    place.put_traces("0.jsonl", newer)
    place.put_traces("z.jsonl", first)  # the last file, but not the newest row
    capture(place)
    assert place.one(who) == "short and new"
    place.put_traces("0.jsonl", longer)
    place.put_traces("z.jsonl", newer)
    capture(place)
    assert place.one(who) == "long"
