"""Bad input through a whole turn: every row that cannot be used is reported with file, line and reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from flywheel_pipeline.records import Reject
from flywheel_pipeline_tests.builders import a_chat_record
from flywheel_pipeline_tests.homes import Place, a_home, some_traces

COVERS = ("defs/assets/trace_files.py",)

LABELS = """trace_id,verdict,comment
2025-06-02-0,fail,made up an answer
2025-06-02-1,pass,
nobody-knows-me,fail,what is this
2025-06-02-2,fail,
2025-06-02-3,pass,
2025-06-02-3,,
2025-06-02-4,perhaps,hm
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    home = a_home(tmp_path_factory.mktemp("bad") / "home")
    good = some_traces(12)
    home.put_traces("mixed.jsonl", good[0], b"{not json", *good[1:6], b'{"foo": 1}', b'{"messages": "\xff\xfe"}')
    home.put_traces("rest.jsonl", *good[6:], a_chat_record(trace_id="late", started_at="2999-01-01T00:00:00Z"))
    home.put_traces("empty.jsonl")
    home.put_labels("a.csv", LABELS)
    home.put_labels("no_verdict.csv", "trace_id,comment\n2025-06-02-5,hello\n")
    home.put_labels("broken.jsonl", b'{"trace_id": "2025-06-02-6", "verdict": "pass"}\n{"verdict": "\xff"}\n')
    home.put_labels("empty.csv", "")
    home.put_labels("table.pdf", "%PDF")
    home.turn()
    return home


def rejects(place: Place, source: str) -> dict[tuple[str, int], str]:
    return {(r.file, r.line): r.reason for r in place.lake.read("rejects", Reject, "source = ?", [source])}


def test_the_turn_goes_on(place: Place) -> None:
    assert place.result is not None and place.result.success, place.said
    assert place.one("select count(*) from raw_traces") == 12
    assert place.one("select count(*) from annotations where is_current") == 3
    assert place.one("select n_unlabelled from label_log where source_file = 'a.csv'") == 1
    assert place.one("select count(*) from failure_assignments where mode_id is null") == 1  # one failure is no group


def test_trace_rows_are_rejected_with_line_and_reason(place: Place) -> None:
    reported = rejects(place, "traces")
    assert "not valid JSON" in reported["mixed.jsonl", 2]
    assert "unknown format" in reported["mixed.jsonl", 8]
    assert "not valid UTF-8" in reported["mixed.jsonl", 9]
    assert "future" in reported["rest.jsonl", 7]
    assert "empty" in reported["empty.jsonl", 0]
    assert len(reported) == 5


def test_label_rows_are_rejected_with_line_and_reason(place: Place) -> None:
    reported = rejects(place, "labels")
    assert "unknown trace_id" in reported["a.csv", 4]
    assert "needs a comment" in reported["a.csv", 5]
    assert "'perhaps'" in reported["a.csv", 8]
    assert "missing column verdict" in reported["no_verdict.csv", 2]
    assert "save the file as UTF-8" in reported["broken.jsonl", 0]
    assert "empty" in reported["empty.csv", 0]
    assert "unknown kind of label file" in reported["table.pdf", 0]
    assert len(reported) == 7


def test_the_checks_say_so(place: Place) -> None:
    said = "\n".join(place.said)
    assert (
        "warning: check few_rejected_traces of capture_log failed: Files with more than 1.0% of their rows rejected: 3"
        in said
    )
    assert "warning: check no_rejected_labels of annotations failed: 7 rows of labels rejected" in said
    assert said.count("few_rejected_traces") == 1
    assert "error" not in said


def test_a_corrected_file_is_read_again_and_its_rejects_go(place: Place, tmp_path: Path) -> None:
    place.put_labels("no_verdict.csv", "trace_id,verdict\n2025-06-02-5,pass\n")
    place.put_traces("empty.jsonl", a_chat_record(trace_id="new", started_at="2025-06-03T01:00:00Z"))
    assert place.turn().success
    assert ("no_verdict.csv", 2) not in rejects(place, "labels")
    assert ("empty.jsonl", 0) not in rejects(place, "traces")
    assert place.one("select count(*) from raw_traces") == 13


def test_a_contradiction_stops_what_follows_and_is_kept_until_somebody_decides(place: Place) -> None:
    before = place.lake.frame("select * from golden_set").to_string()
    place.put_labels("noor.csv", "trace_id,verdict,comment,annotator\n2025-06-02-1,fail,it made that up,noor\n")
    place.put_labels("ada.csv", "trace_id,verdict,comment,annotator\n2025-06-02-1,pass,,ada\n")
    (place.root / "labels" / "a.csv").write_text(LABELS.replace("2025-06-02-1,pass,\n", ""))
    result = place.turn()
    assert not result.success and "a blocking check" in result.stopped_by[0]
    reported = next(x for x in place.said if "no_unresolved_contradictions" in x)
    assert (
        reported.startswith("error")
        and "fail by noor (noor.csv, line 2)" in reported
        and "expert (the arbiter)" in reported
    )
    kept = "select count(*) from annotations where trace_id = '2025-06-02-1' and not is_current and"
    assert place.one(f"{kept} not is_superseded") == 2  # and, beside them, what was taken out of a.csv
    assert place.one(f"{kept} is_superseded") == 1
    assert place.lake.frame("select * from golden_set").to_string() == before
    place.put_labels("decided.csv", "trace_id,verdict,comment\n2025-06-02-1,fail,noor is right about it\n")
    assert place.turn().success
    assert place.one("select verdict from annotations where trace_id = '2025-06-02-1' and is_current") == "fail"


def test_a_home_without_traces_says_what_to_do(tmp_path: Path) -> None:
    from flywheel_pipeline.errors import HomeError

    with pytest.raises(HomeError, match="put export files into"):
        a_home(tmp_path / "home").turn()
