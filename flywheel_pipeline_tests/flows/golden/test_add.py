"""Cases that a person makes of traces: checked at once, in the table at once, never left out by a quota."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flywheel_pipeline.flows.golden.add import add_cases, check_cases, describe
from flywheel_pipeline.flows.golden.grow import grow
from flywheel_pipeline.records import TABLES, FailureAssignment, GoldenCase, Json
from flywheel_pipeline.steps.golden.pick import Wanted
from flywheel_pipeline_tests.builders import a_conversation, a_mode, a_prompt, a_trace, an_annotation
from flywheel_pipeline_tests.homes import Place, a_home

SUBJECTS = ("hub", "lamp", "door", "camera", "socket", "siren", "garden tap", "thermostat")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Eight failures of one mode, of which the quota lets two in, and a trace that nobody has judged."""
    made = a_home(tmp_path / "home")
    (made.root / "flywheel.yaml").write_text("golden: {max_per_mode: 2, synthetic_per_mode: 0}")
    asked = {f"t{n}": f"What does repairing a broken {s} cost?" for n, s in enumerate(SUBJECTS)}
    asked["new"] = "Please write to eve@example.com about my invoice number seven"
    made.lake.write(
        "raw_traces",
        [a_trace(trace_id=i, session_id=None, input=q, output="100 euros.",
                 messages=Json(json.dumps(a_conversation(q, "100 euros.")))) for i, q in asked.items()],
    )  # fmt: skip
    made.lake.write(
        "annotations", [an_annotation(trace_id=i, comment="No price list says so.") for i in list(asked)[:-1]]
    )
    made.lake.write("failure_taxonomy", [a_mode()])
    assigned = [FailureAssignment(i, "fm-1", "HUMAN", 1.0, "x", "") for i in list(asked)[:-1]]
    made.lake.write("failure_assignments", assigned)
    return made


def sources(place: Place) -> set[str | None]:
    return {c.source_trace_id for c in place.lake.read("golden_set", GoldenCase) if c.status == "active"}


def test_no_quota_leaves_out_what_a_person_picks(place: Place) -> None:
    place.lake.write("golden_set", grow(place.bench).cases)
    assert len(sources(place)) == 2
    picked = {f"t{n}": Wanted() for n in range(8)}
    made = add_cases(place.bench, picked)
    assert sources(place) == set(picked) and sum(m.placed.is_new for m in made if m.placed) == 6
    assert {c.added_in for c in grow(place.bench).cases} == {"v1", "picked"}
    assert {c.source_trace_id for c in grow(place.bench).cases} == set(picked)


def test_checking_writes_nothing_and_says_what_adding_does(place: Place) -> None:
    wanted = {"t0": Wanted(), "new": Wanted(), "gone": Wanted(), "t1": Wanted(mode_id="fm-9")}
    checked = check_cases(place.bench, wanted)
    assert place.lines("golden/golden_set.jsonl") == []
    assert [describe(m) for m in add_cases(place.bench, wanted)] == [describe(m) for m in checked]
    case = place.lake.read("golden_set", GoldenCase)[0]
    lines = [describe(m)[0] for m in checked]
    assert lines[0] == f"t0: {case.case_id}, failure, {case.split}"
    assert "new: no case: the trace has no verdict" in lines[1]
    assert lines[2] == "gone: no case: no captured trace has the id 'gone'"
    assert lines[3] == "t1: no case: there is no failure mode 'fm-9'"
    place.lake.write("failure_taxonomy", [a_mode(), a_mode(mode_id="fm-2", rank=2)])
    other = Wanted(kind="failure", mode_id="fm-2", criteria="x")
    moved, free = (describe(m)[0] for m in check_cases(place.bench, {"t1": other, "new": other}))
    assert moved == "t1: no case: the trace is assigned to fm-1: move it on the page Failure modes"
    assert "g-" in free
    assert describe(add_cases(place.bench, {"t0": Wanted()})[0]) == [
        f"t0: {case.case_id} is there already (failure, {case.split})"
    ]


def test_what_a_person_writes_is_redacted(place: Place) -> None:
    (place.root / "flywheel.yaml").write_text("capture: {redact: [email]}")
    wanted = Wanted(kind="failure", criteria="must not name eve@example.com", reference="Write to bob@example.com.")
    add_cases(place.bench, {"new": wanted})
    (case,) = place.lake.read("golden_set", GoldenCase)
    assert (
        "@example.com" not in f"{case.criteria} {case.reference}" and case.criteria and "must not name" in case.criteria
    )


def test_a_test_case_whose_text_is_in_the_production_prompt_is_reported(place: Place) -> None:
    made = add_cases(place.bench, {f"t{n}": Wanted() for n in range(8)})
    assert not any(m.warnings for m in made)
    test = next(c for c in place.lake.read("golden_set", GoldenCase) if c.split == "test")
    other = a_home(place.root.parent / "other")
    for table in ("raw_traces", "annotations", "failure_taxonomy", "failure_assignments"):
        other.lake.write(table, place.lake.read(table, TABLES[table]))
    base, leaky = a_prompt("Be kind."), a_prompt(f"Be kind. Example: {test.input} {test.observed_output}")
    for prompt in (base, leaky):
        other.bench.registry.add(prompt)
        other.bench.registry.promote(prompt.version)
    (found,) = add_cases(other.bench, {str(test.source_trace_id): Wanted()})
    assert "its text is in the production prompt" in describe(found)[1]


def test_a_pinned_set_keeps_its_version_and_marks_the_new_case(place: Place) -> None:
    add_cases(place.bench, {"t0": Wanted()})
    version = place.lines("golden/golden_set.jsonl")[-1]["version"]
    (place.root / "flywheel.yaml").write_text(f"golden: {{version: {version}}}")
    (made,) = add_cases(place.bench, {"t1": Wanted()})
    assert (
        describe(made)[1]
        == f"  warning: golden.version pins {version}: the case is not evaluated until that setting is removed"
    )
    status = {c.source_trace_id: c.status for c in place.lake.read("golden_set", GoldenCase)}
    assert status == {"t0": "active", "t1": "other version"}
