"""`flywheel erase`: one person's data is gone from every file of a home, and what others said stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from flywheel_pipeline.adapters.home.files import GOLDEN_FILE, TAXONOMY_FILE
from flywheel_pipeline.adapters.home.forget import holding
from flywheel_pipeline.cli import main
from flywheel_pipeline.errors import HomeError
from flywheel_pipeline.flows.annotate import collect_labels
from flywheel_pipeline.flows.capture import capture_traces
from flywheel_pipeline.flows.erase import erase, find_person
from flywheel_pipeline.steps.golden.ledger import addition, dump_case, list_versions, load_cases
from flywheel_pipeline_tests.builders import a_case, a_chat_record
from flywheel_pipeline_tests.homes import Place, a_home

COVERS = ("flows/erase.py", "commands/erase.py")
SAID = "My name is Wilhelmina Quatermain and I would like to know where the parcel has gone."


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """t1 and t3 are of one session; t1 has feedback, a label, a golden case with a child, and a failure mode."""
    place = a_home(tmp_path / "home")
    (place.root / "flywheel.yaml").write_text("automation: {settle_seconds: 0}")
    asked = {"role": "user", "content": SAID}
    first = a_chat_record(trace_id="t1", messages=[asked, {"role": "assistant", "content": "It is in Ghent."}])
    others = [a_chat_record(trace_id=i) for i in ("t2", "t4")]
    third = a_chat_record(trace_id="t3", session_id="s1", user_id="u7")
    place.put_traces(
        "a.jsonl", {**first, "session_id": "s1"}, others[0], {"trace_id": "t1", "score": 0, "comment": "no"}
    )
    place.put_traces("b.jsonl", third, others[1])
    place.put_labels("x.csv", f"trace_id,verdict,comment\nt1,fail,{SAID}\nt2,fail,Late.\n")
    capture_traces(place.bench)
    collect_labels(place.bench)
    case = a_case(case_id="g-1", source_trace_id="t1", input=SAID)
    child = a_case(case_id="g-2", source_trace_id=None, parent_case_id="g-1", input="Where is Wilhelmina's parcel?")
    rows = addition([], [dump_case(c) for c in (case, child, a_case(case_id="g-3", source_trace_id="t2"))])
    place.append(GOLDEN_FILE, rows)
    members = [{"trace_id": i, "text": "x"} for i in ("t1", "t2")]
    place.bench.home.write_yaml(TAXONOMY_FILE, {"modes": [{"mode_id": "m1", "members": members}]})
    return place


def test_all_that_is_of_a_trace_is_gone_and_all_else_stays(place: Place) -> None:
    found = find_person(place.bench, ["t1"])
    assert (found.trace_ids, found.case_ids, found.landing) == (["t1"], ["g-1", "g-2"], ["a.jsonl"])
    said = erase(place.bench, found)
    assert not [line for line in said if line.startswith(("STILL", "NOT"))], said
    assert list(holding(place.root, ["Wilhelmina", '"t1"'])) == []
    assert place.lake.frame("select trace_id from raw_traces order by 1")["trace_id"].tolist() == ["t2", "t3", "t4"]
    assert (place.root / "labels" / "x.csv").read_text() == "trace_id,verdict,comment\nt2,fail,Late.\n"
    assert [m["trace_id"] for m in place.bench.home.read_yaml(TAXONOMY_FILE)["modes"][0]["members"]] == ["t2"]
    with pytest.raises(HomeError, match="Nothing of them"):
        find_person(place.bench, ["t1"])


def test_the_account_of_every_file_still_adds_up_and_labels_are_read_as_before(place: Place) -> None:
    erase(place.bench, find_person(place.bench, ["t1"]))
    log = place.lake.rows("select source_file, n_rows_in, n_rows_out, n_feedback from capture_log order by 1")
    assert log == [("a.jsonl", 1, 1, 0), ("b.jsonl", 2, 2, 0)]
    assert capture_traces(place.bench) == {}
    labels, _ = collect_labels(place.bench)
    assert [(a.trace_id, a.comment) for a in labels.annotations] == [("t2", "Late.")]
    assert len(list((place.root / "labels" / ".history" / "x.csv").iterdir())) == 1, "no new version was read"


def test_erased_cases_are_no_cases_and_the_versions_that_held_them_are_gone(place: Place) -> None:
    before = list_versions(place.lines(GOLDEN_FILE))[-1].version
    erase(place.bench, find_person(place.bench, ["t1"]))
    rows = place.lines(GOLDEN_FILE)
    assert [c.case_id for c in load_cases(rows)] == ["g-3"]
    assert [len(r["hash"]) for r in rows if r.get("entry") == "erased"] == [64, 64]
    with pytest.raises(HomeError, match="held cases that were erased"):
        load_cases(rows, before)
    assert list_versions(rows)[-1].intact


def test_a_session_and_a_user_are_found(place: Place) -> None:
    assert find_person(place.bench, session="s1").trace_ids == ["t1", "t3"]
    assert find_person(place.bench, user="u7").trace_ids == ["t3"]
    with pytest.raises(HomeError, match="placeholder"):
        find_person(place.bench, user="joe@a.com")
    with pytest.raises(HomeError, match="Name what"):
        find_person(place.bench)


def test_a_workbook_that_names_the_trace_is_reported(place: Place) -> None:
    (place.root / "labels" / "y.xlsx").write_bytes(b"PK t1")
    said = erase(place.bench, find_person(place.bench, ["t1"]))
    assert any(line.startswith("NOT erased from labels/y.xlsx") for line in said)
    assert any(line.startswith("STILL in labels/y.xlsx") for line in said)


def test_nothing_is_erased_without_a_yes(place: Place) -> None:
    command = ["erase", "--home", str(place.root), "--trace", "t1"]
    assert CliRunner().invoke(main, command, input="n\n").exit_code == 1
    assert place.one("select count(*) from raw_traces where trace_id = 't1'") == 1
    done = CliRunner().invoke(main, [*command, "--yes"])
    assert done.exit_code == 0 and "Erased 1 trace (2 rows)" in done.output


def test_a_trace_is_gone_from_a_file_that_another_one_of_the_same_name_has_replaced(tmp_path: Path) -> None:
    place = a_home(tmp_path / "home")
    name = "not every letter is plain.jsonl"
    for ids in (["t1", "t2"], [], ["t3"]):
        path = place.put_traces(name, *(a_chat_record(trace_id=i) for i in ids))
        if not ids:
            path.unlink()
        capture_traces(place.bench)
    found = find_person(place.bench, ["t1"])
    assert found.landing[0].startswith(f"{name}~")
    assert erase(place.bench, found)[0].startswith("Erased 1 trace (1 row)")
    assert place.lake.rows("select trace_id from raw_traces order by 1") == [("t2",), ("t3",)]


def test_a_landing_file_that_has_grown_since_it_was_read_is_not_removed(place: Place) -> None:
    found, path = find_person(place.bench, ["t1"]), place.root / "traces" / "a.jsonl"
    with path.open("a") as file:
        file.write(json.dumps(a_chat_record(trace_id="t9")) + "\n")
    with pytest.raises(HomeError, match=r"Nothing was erased: a\.jsonl"):
        erase(place.bench, found)
    assert place.one("select count(*) from raw_traces where trace_id = 't1'") == 1
    erase(place.bench, find_person(place.bench, ["t1"]))
    assert place.lake.rows("select trace_id from raw_traces order by 1") == [("t2",), ("t3",), ("t4",), ("t9",)]


def test_what_a_kill_has_left_is_found_and_erased_by_the_next_one(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*_: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("flywheel_pipeline.flows.erase.forget", kill)
        erase(place.bench, find_person(place.bench, ["t1"]))
    (place.root / "lake" / ".damaged").mkdir()
    (place.root / "flywheel.yaml").write_text("automation: {settle_seconds: 0}\ncapture: {pull: [{kind: langfuse}]}")
    said = erase(place.bench, find_person(place.bench, ["t1"]))
    assert list(holding(place.root, ["Wilhelmina", '"t1"'])) == []
    for beginning in ("NOT looked into: lake/.damaged/", "Erase them at langfuse as well"):
        assert any(line.startswith(beginning) for line in said)
