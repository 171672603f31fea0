"""The golden set of a home, run after run: labels in, review in between, old versions again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
import yaml

from flywheel_pipeline.adapters.embed import TfidfEmbed
from flywheel_pipeline.adapters.home.files import DIMENSIONS_FILE, PENDING_FILE
from flywheel_pipeline.adapters.home.files import GOLDEN_FILE as FILE
from flywheel_pipeline.defs.assets.golden_set import _metadata
from flywheel_pipeline.defs.checks.golden import golden_file_only_grew
from flywheel_pipeline.errors import CorruptFileError, HomeError
from flywheel_pipeline.flows.evaluate import Evaluator, active_cases, n_looks, reads_of_test
from flywheel_pipeline.flows.golden.grow import Grown, dimensions, grow, propose
from flywheel_pipeline.flows.golden.review import retire
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import Annotation, EvalResult, FailureAssignment, GoldenCase, Json, RawTrace
from flywheel_pipeline.settings import Settings
from flywheel_pipeline.steps.golden import list_versions, load_pending, version_of
from flywheel_pipeline_tests.builders import (
    a_case,
    a_conversation,
    a_mode,
    a_prompt,
    a_trace,
    an_alignment,
    an_annotation,
    an_eval_result,
)
from flywheel_pipeline_tests.homes import Place, a_home

COVERS = ("flows/golden/review.py",)

SUBJECTS = ("hub", "lamp", "door", "camera", "socket", "siren")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = a_home(tmp_path / "home")
    label(place, len(SUBJECTS))
    return place


def label(place: Place, n: int) -> None:
    """Traces, one failure and one pass a subject, the verdicts on them, and one failure mode."""
    traces: list[RawTrace] = []
    labels: list[Annotation] = []
    for i, subject in enumerate(SUBJECTS[:n]):
        for verdict, asked in (
            ("fail", f"Is there a discount on a {subject}"),
            ("pass", f"How do I pair one {subject}"),
        ):
            trace_id = f"{verdict}-{i}"
            messages = Json(json.dumps(a_conversation(asked, f"An answer on the {subject}.")))
            traces.append(a_trace(trace_id=trace_id, session_id=trace_id, input=asked, messages=messages))
            labels.append(an_annotation(trace_id=trace_id, verdict=verdict))
    place.lake.write("raw_traces", traces, part="2025-06-02")
    place.lake.write("annotations", labels)
    place.lake.write("failure_taxonomy", [a_mode()])
    failed = [a.trace_id for a in labels if a.verdict == "fail"]
    place.lake.write("failure_assignments", [FailureAssignment(t, "fm-1", "HUMAN", 1.0, "made up", "") for t in failed])


def turn(place: Place) -> Grown:
    """What the asset does."""
    grown = grow(place.bench)
    place.lake.write("golden_set", grown.cases)
    return propose(place.bench, grown)


def lines(place: Place, name: str = FILE) -> list[dict[str, object]]:
    return place.lines(name)


def settings(place: Place, **golden: object) -> None:
    place.root.joinpath("flywheel.yaml").write_text(yaml.safe_dump({"golden": golden}))


def test_every_addition_ends_with_its_version_and_a_second_run_writes_nothing(place: Place) -> None:
    grown = turn(place)
    assert lines(place)[-1] == {"entry": "version", "version": version_of(grown.cases), "n_cases": len(grown.cases)}
    before = {p: p.read_bytes() for p in (place.root / "golden").iterdir()}
    assert turn(place).cases == grown.cases
    assert {p: p.read_bytes() for p in (place.root / "golden").iterdir()} == before


def test_proposed_cases_wait_and_join_once_they_are_accepted(place: Place) -> None:
    turn(place)
    waiting = load_pending(lines(place, PENDING_FILE)).waiting
    assert {p.draft.kind for p in waiting} == {"synthetic", "adversarial"}
    assert not any(c.kind == "adversarial" for c in active_cases(place.bench))
    one = next(p for p in waiting if p.draft.kind == "adversarial")
    place.append(PENDING_FILE, [{"entry": "accepted", "case_id": one.case_id, "at": ""}])
    assert [c.case_id for c in turn(place).growth.added] == [one.case_id]
    assert one.case_id in {c.case_id for c in active_cases(place.bench)}
    assert len(load_pending(lines(place, PENDING_FILE)).all) == len(waiting)


def test_a_pinned_version_is_evaluated_exactly_and_nothing_is_added(place: Place) -> None:
    label(place, 3)
    first = [c for c in turn(place).cases if c.status == "active"]
    label(place, 6)
    assert len(turn(place).cases) > len(first)
    before = lines(place)
    settings(place, version=version_of(first))
    pinned = turn(place)
    assert sorted(c.case_id for c in active_cases(place.bench)) == sorted(c.case_id for c in first)
    assert version_of(pinned.cases) == version_of(active_cases(place.bench)) == version_of(first)
    assert {c.status for c in pinned.cases} == {"active", "other version"}
    assert lines(place) == before
    assert "pinned" in str(_metadata(place.bench, pinned)["version"].value)
    settings(place, version="gv-nothing")
    with pytest.raises(HomeError, match=r"gv-nothing.*gv-"):
        turn(place)


def test_a_case_that_was_retired_since_is_in_the_pinned_version_and_in_no_newer_one(place: Place) -> None:
    case = turn(place).cases[0]
    old = version_of(active_cases(place.bench))
    place.append(FILE, [{"entry": "retired", "case_id": case.case_id, "reason": "gone", "at": ""}])
    assert case.case_id not in {c.case_id for c in turn(place).cases if c.status == "active"}
    settings(place, version=old)
    turn(place)
    assert case.case_id in {c.case_id for c in active_cases(place.bench)}


PROMPTS = [a_prompt(f"Prompt {i}.") for i in range(3)]


def evaluated(place: Place, cases: list[GoldenCase], fails: str = "") -> None:
    """Three prompts that were in production, under which everything passes but the case `fails` under the last."""
    for prompt in PROMPTS:
        place.bench.registry.add(prompt)
        place.bench.registry.promote(prompt.version)
        rows = [
            an_eval_result(case_id=c.case_id, prompt_version=prompt.version, evaluator=e,
                           label="fail" if c.case_id == fails and prompt is PROMPTS[-1] else "pass")
            for c in cases for e in ("answered", "judge:fm-1")
        ]  # fmt: skip
        place.lake.write("eval_results", rows, part=prompt.version)


def test_cases_that_passed_under_the_last_production_prompts_guard_only(place: Place) -> None:
    cases = turn(place).cases
    place.lake.write("judge_alignment", [an_alignment()])
    evaluated(place, cases, fails=cases[0].case_id)
    grown = turn(place)
    stages = {c.case_id: c.stage for c in grown.cases}
    assert stages.pop(cases[0].case_id) == "capability"
    assert set(stages.values()) == {"regression"}
    assert grown.n_graduated == len(stages)
    assert list_versions(lines(place))[-1].n_graduated == len(stages)


def test_a_failure_that_fits_no_mode_is_never_taken_for_reached(place: Place) -> None:
    place.lake.write("failure_assignments", [])
    cases = turn(place).cases
    assert {c.mode_id for c in cases} == {None}
    place.lake.write("judge_alignment", [an_alignment()])
    evaluated(place, cases)
    assert {c.kind for c in turn(place).cases if c.stage == "regression"} == {"happy_path"}


def test_verdicts_by_a_judge_that_has_changed_since_do_not_count(place: Place) -> None:
    cases = turn(place).cases
    place.lake.write("judge_alignment", [an_alignment(evaluator_version="another")])
    evaluated(place, cases)
    assert {c.kind for c in turn(place).cases if c.stage == "regression"} <= {"happy_path"}


def test_without_a_judge_that_may_decide_nothing_is_taken_for_reached(place: Place) -> None:
    cases = turn(place).cases
    place.lake.write("judge_alignment", [an_alignment(status="advisory")])
    evaluated(place, cases)
    assert turn(place).n_graduated == 0


def test_dimensions_come_from_the_settings_or_from_a_reviewed_proposal(place: Place) -> None:
    assert dimensions(place.bench) == {}
    proposed = {"status": "proposed", "dimensions": {"feature": ["a", "b"]}}
    place.bench.home.write_yaml(DIMENSIONS_FILE, proposed)
    assert dimensions(place.bench) == {}
    place.bench.home.write_yaml(DIMENSIONS_FILE, {**proposed, "status": "accepted"})
    assert dimensions(place.bench) == {"feature": ["a", "b"]}
    settings(place, dimensions={"feature": ["c"]})
    assert dimensions(place.bench) == {"feature": ("c",)}
    place.bench.home.write_yaml(DIMENSIONS_FILE, ["feature"])
    with pytest.raises(CorruptFileError, match=DIMENSIONS_FILE):
        dimensions(place.bench)


def test_dimensions_of_the_settings_count_before_a_proposal(place: Place) -> None:
    place.bench.home.write_yaml(DIMENSIONS_FILE, {"status": "accepted", "dimensions": {"feature": ["a", "b"]}})
    settings(place, dimensions={"feature": ["c"]})
    assert dimensions(place.bench) == {"feature": ("c",)}


def test_questions_for_tuples_are_proposed_and_marked(place: Place) -> None:
    settings(place, adversarial=0, paraphrases_per_mode=0,
             dimensions={"feature": ["warranty", "invoice"], "persona": ["landlord"]})  # fmt: skip
    found = turn(place).proposed
    assert sorted(p.draft.transform or "" for p in found.new) == [
        "tuple: feature=invoice, persona=landlord", "tuple: feature=warranty, persona=landlord",
    ]  # fmt: skip


def test_the_metadata_tells_composition_gaps_growth_and_what_waits(place: Place) -> None:
    reported = _metadata(place.bench, turn(place))
    assert reported["n_pending"].value == len(load_pending(lines(place, PENDING_FILE)).waiting) > 0
    assert reported["n_failure"].value == reported["n_happy_path"].value == 6
    assert {"composition", "gaps", "growth", "test_reads", "cases_per_mode", "version"} <= set(reported)


def evaluator(place: Place, reader: str) -> Evaluator:
    return Evaluator(place.bench, place.bench.llm(), reader)


def test_every_read_of_the_test_split_is_logged_once(place: Place) -> None:
    turn(place)
    cases = active_cases(place.bench)
    test = [c for c in cases if c.split == "test"]
    assert test
    evaluator(place, "prompt_candidate").evaluate(PROMPTS[0], [c for c in cases if c.split == "dev"])
    assert reads_of_test(place.bench) == []
    for reader, prompt in (
        ("eval_results", 0),
        ("prompt_candidate", 1),
        ("prompt_candidate", 1),
        ("prompt_candidate", 2),
    ):
        evaluator(place, reader).evaluate(PROMPTS[prompt], cases)
    reported = [(r["by"], r["prompt_version"], r["golden_version"], r["n_cases"]) for r in reads_of_test(place.bench)]
    version = version_of(cases)
    assert reported == [
        (by, PROMPTS[i].version, version, len(test))
        for by, i in (("eval_results", 0), ("prompt_candidate", 1), ("prompt_candidate", 2))
    ]
    assert all(r["at"] for r in reads_of_test(place.bench))
    assert n_looks(place.bench) == 2
    rows = place.lake.read("eval_results", EvalResult)
    assert {r.golden_version for r in rows} == {version}


def test_a_judge_learns_nothing_from_held_out_cases(place: Place) -> None:
    members = [
        {"trace_id": t, "text": f"remark on {t}", "assigned_by": "HUMAN", "confidence": 1.0}
        for t in ("in", "out", "new")
    ]
    modes = [{"mode_id": "fm-1", "name": "Made up", "definition": "d", "status": "accepted", "members": members}]
    place.bench.home.write_yaml("taxonomy/failure_modes.yaml", {"modes": modes})
    place.lake.write(
        "golden_set",
        [a_case(case_id="g-1", source_trace_id="in", split="train"), a_case(case_id="g-2", source_trace_id="out")],
    )
    (judge,) = evaluator(place, "x").judges()
    assert judge.examples == ("remark on in",)  # a judge is measured on every labelled trace but those of train


class Interrupted(Workbench):
    """A workbench whose owner does something in another terminal the first time the run compares cases."""

    def __init__(self, settings: Settings, act: Callable[[], object]) -> None:
        super().__init__(settings)
        self.__dict__["act"] = act

    @property
    def embed(self) -> TfidfEmbed:
        act = self.__dict__.pop("act", None)
        if act:
            act()
        return super().embed


def test_a_case_that_is_retired_while_a_run_grows_the_set_stays_retired_and_every_version_is_intact(
    place: Place,
) -> None:
    label(place, 3)
    first = turn(place).cases[0].case_id
    label(place, 6)
    bench = Interrupted(place.bench.settings, lambda: retire(place.bench, first, "the product is gone"))
    grown = grow(bench)
    assert {c.case_id: c.status for c in grown.cases}[first] == "retired"
    assert grown.growth.added, "the run's own cases are there, too"
    assert all(version.intact for version in list_versions(lines(place)))
    checked = golden_file_only_grew(place.bench)
    assert isinstance(checked, dg.AssetCheckResult) and checked.passed
