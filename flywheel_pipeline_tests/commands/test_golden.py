"""The golden set on the command line: seen, reviewed, retired."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flywheel_pipeline.adapters.home.files import DIMENSIONS_FILE, PENDING_FILE
from flywheel_pipeline.adapters.home.files import GOLDEN_FILE as FILE
from flywheel_pipeline.cli import main
from flywheel_pipeline.records import Json
from flywheel_pipeline.steps.golden import addition, dump_case, dump_proposal, load_cases, load_pending, version_of
from flywheel_pipeline.steps.golden.cases import Draft
from flywheel_pipeline.steps.golden.proposals import ProposedCase
from flywheel_pipeline_tests.builders import a_case, a_conversation, a_mode, a_trace
from flywheel_pipeline_tests.homes import Place, a_home

CASES = [
    a_case(case_id="g-aa1"),
    a_case(case_id="g-bb2", kind="happy_path", mode_id=None, input="How do I pair it?", split="dev"),
]
PROPOSED = [
    ProposedCase(Draft("synthetic", None, tuple(a_conversation(f"Question {i}?")), transform="paraphrase"), 4)
    for i in range(3)
]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = a_home(tmp_path / "home")
    place.append(FILE, addition([], [dump_case(c) for c in CASES]))
    place.append(PENDING_FILE, [dump_proposal(p) for p in PROPOSED])
    place.lake.write("failure_taxonomy", [a_mode()])
    return place


def golden(place: Place, *words: str, typed: str = "") -> Result:
    return CliRunner().invoke(main, ["golden", words[0], "--home", str(place.root), *words[1:]], input=typed)


def test_show_tells_composition_gaps_growth_and_what_waits(place: Place) -> None:
    done = golden(place, "show")
    assert done.exit_code == 0, done.output
    assert f"version {version_of(CASES)}: 2 cases, 0 of them regression; 0 retired" in done.output
    assert "3 proposed cases wait" in done.output
    assert "Made up a feature  failure         0    0     1    1" in done.output
    assert "gap: “Made up a feature” has 1 failures" in done.output
    assert f"{version_of(CASES)}  v1               2        0          0       2" in done.output


def test_show_of_an_empty_home_is_no_error(tmp_path: Path) -> None:
    done = golden(a_home(tmp_path / "empty"), "show")
    assert done.exit_code == 0 and "0 cases" in done.output


def test_retire_takes_a_case_out_and_show_finds_the_old_version_again(place: Place) -> None:
    done = golden(place, "retire", "g-aa", "--reason", "the product is gone")
    assert done.exit_code == 0 and "g-aa1 is retired" in done.output
    assert "1 cases, 0 of them regression; 1 retired" in golden(place, "show").output
    old = golden(place, "show", "--version", version_of(CASES)[:8])
    assert f"version {version_of(CASES)}: 2 cases" in old.output
    assert golden(place, "retire", "g-aa1", "--reason", "again").exit_code == 1
    assert "No golden case begins with 'g-nope'." in golden(place, "retire", "g-nope", "--reason", "gone").output
    assert "2 golden cases begin with 'g-'" in golden(place, "retire", "g-", "--reason", "gone").output
    assert golden(place, "show", "--version", "gv-nothing").exit_code == 1


def test_the_list_decides_nothing(place: Place) -> None:
    done = golden(place, "review", "--list")
    assert all(p.case_id in done.output for p in PROPOSED)
    assert len(load_pending(place.lines(PENDING_FILE)).waiting) == 3


def test_review_by_id_records_who_is_in_and_who_is_out(place: Place) -> None:
    done = golden(
        place, "review", "--accept", PROPOSED[0].case_id, "--reject", PROPOSED[1].case_id, "--reason", "stilted"
    )
    assert done.exit_code == 0 and "1 accepted, 1 rejected" in done.output
    pending = load_pending(place.lines(PENDING_FILE))
    assert [len(pending.waiting), len(pending.accepted), len(pending.rejected)] == [1, 1, 1]
    assert "stilted" in (place.root / PENDING_FILE).read_text()
    assert golden(place, "review", "--accept", "g-unknown").exit_code == 1
    assert golden(place, "review", "--accept", "all").exit_code == 0
    assert golden(place, "review", "--list").output == "No proposed case waits for review.\n"
    assert golden(place, "review").output == "No proposed case waits for review.\n"


def test_review_one_by_one_keeps_every_decision_at_once(place: Place) -> None:
    done = golden(place, "review", typed="a\nmaybe\nskip\nq\n")
    assert done.exit_code == 0, done.output
    pending = load_pending(place.lines(PENDING_FILE))
    assert (pending.accepted, len(pending.waiting)) == ((PROPOSED[0],), 2)


def test_dimensions_are_proposed_from_questions_that_may_be_seen_and_wait_for_a_person(place: Place) -> None:
    held_out = CASES[0].input
    traces = [
        a_trace(trace_id=f"t{i}", input=text, messages=Json(json.dumps(a_conversation(text))))
        for i, text in enumerate((held_out, "Where is my parcel?", "Is the parcel lost?"))
    ]
    place.lake.write("raw_traces", traces, part="2025-06-02")
    assert golden(place, "dimensions").exit_code == 0
    content = place.bench.home.read_yaml(DIMENSIONS_FILE)
    assert content["status"] == "proposed" and len(content["dimensions"]) >= 2
    assert "discount" not in str(content)
    again = golden(place, "dimensions")
    assert again.exit_code == 1 and "exists already" in again.output


def test_dimensions_of_a_home_without_traces_say_what_to_do(place: Place) -> None:
    done = golden(place, "dimensions")
    assert done.exit_code == 1 and "No traces" in done.output


def test_a_file_that_cannot_be_read_is_reported_without_a_traceback(place: Place) -> None:
    (place.root / FILE).write_text('{"entry": "exploded"}\n')
    done = golden(place, "show")
    assert done.exit_code == 1 and "unknown entry" in done.output and "Traceback" not in done.output
    assert load_cases([]) == []


def test_cases_become_critical_and_are_so_no_more(place: Place) -> None:
    done = golden(place, "critical", "g-aa1")
    assert done.exit_code == 0 and "g-aa1 is critical; the set is gv-" in done.output
    assert [c.critical for c in load_cases(place.lines("golden/golden_set.jsonl")) if c.case_id == "g-aa1"] == [True]
    assert "No other case is critical" in golden(place, "critical", "g-aa1").output
    assert "g-aa1 is no longer critical" in golden(place, "critical", "--off", "g-aa").output
    assert golden(place, "critical", "g-nope").exit_code == 1


def test_traces_become_cases_by_their_ids(place: Place) -> None:
    place.lake.write("raw_traces", [a_trace(trace_id="t7", session_id="s7"), a_trace(trace_id="t8", session_id="s8")])
    asked = ("add", "--kind", "failure", "--message", "1", "--criteria", "names no button", "--document", "d1", "t7")
    checked = golden(place, *asked, "--check")
    assert checked.exit_code == 0 and len(load_cases(place.lines(FILE))) == 2
    added = golden(place, *asked)
    assert added.output == checked.output and added.exit_code == 0
    case = load_cases(place.lines(FILE))[-1]
    assert added.output == f"t7: {case.case_id}, failure, {case.split}\n"
    assert (case.source_trace_id, case.criteria, case.expected_doc_ids) == ("t7", "names no button", '["d1"]')
    refused = golden(place, "add", "t8", "t9")
    assert refused.exit_code == 1
    assert "t8: no case: the trace has no verdict" in refused.output and "t9: no case: no captured" in refused.output
