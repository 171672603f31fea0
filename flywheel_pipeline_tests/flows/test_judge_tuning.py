"""Tuning a judge of a home: which labels are used, what is proposed, what is refused; and another model beside it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from flywheel_pipeline.adapters.home.files import PROPOSALS_FILE, TAXONOMY_FILE
from flywheel_pipeline.commands.judge import comparison_lines, tuned_lines
from flywheel_pipeline.errors import EditError, EvaluationError
from flywheel_pipeline.flows.cluster.review import Review
from flywheel_pipeline.flows.evaluate import Evaluator, active_cases, judges_of, to_judge
from flywheel_pipeline.flows.judge_tuning import compare_models, tune_mode
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import FailureAssignment, Json
from flywheel_pipeline.settings import load_settings
from flywheel_pipeline.steps.cluster import load_proposals
from flywheel_pipeline.steps.evaluate.evaluators.judge import Verdict
from flywheel_pipeline.steps.evaluate.tune import ProposedCriterion
from flywheel_pipeline_tests.builders import NOON, a_case, a_mode, a_trace, an_annotation
from flywheel_pipeline_tests.fakes import FakeLLM
from flywheel_pipeline_tests.homes import Place, a_home
from flywheel_pipeline_tests.steps.cluster.reviewed import a_mode as a_reviewed_mode
from flywheel_pipeline_tests.steps.cluster.reviewed import known, put_taxonomy

COVERS = ("commands/judge.py", "flows/judge_tuning.py")
THINGS = ("hub", "valve", "probe", "parcel", "refund", "plan", "battery", "wifi", "sensor", "invoice", "garden", "roof")
SPLITS = {"train": 0, "dev": 1, "test": 2}


@dataclass(frozen=True)
class ScriptedBench(Workbench):
    """A home whose models a function plays."""

    fake: FakeLLM

    def llm(self) -> Any:
        return self.fake


def put_labels(place: Place, n_fail: int = 4, n_pass: int = 4) -> None:
    """`n_fail` failures of the mode `rude` and `n_pass` passes in every split, and two failures of another mode."""
    (place.root / "flywheel.yaml").write_text("models: {judge: test/judge, improver: test/improver}")
    labelled = [
        (f"{split}-{verdict}{i}", split, verdict)
        for split in SPLITS for verdict, n in (("fail", n_fail), ("pass", n_pass)) for i in range(n)
    ]  # fmt: skip
    labelled += [(f"late-fail{i}", "", "fail") for i in range(2)]
    traces, cases, notes = [], [], []
    for number, (trace, split, verdict) in enumerate(labelled):
        question = f"Where is the {THINGS[number % 12]} number {number} of my {THINGS[number // 12]} in {split}?"
        question = question if split else f"Please cancel order {number} at once."
        messages = [{"role": "user", "content": question}, {"role": "assistant", "content": f"{verdict} {trace}"}]
        made = {"messages": Json(json.dumps(messages)), "input": question}
        traces.append(a_trace(trace_id=trace, output=f"{verdict} {trace}", **made))
        kind = {"kind": "failure"} if verdict == "fail" else {"kind": "happy_path", "mode_id": None, "criteria": None}
        asked = Json(json.dumps(messages[:1]))
        if split:
            row = {"case_id": f"g-{trace}", "source_trace_id": trace, "split": split, "mode_id": "rude", **kind}
            cases.append(a_case(**{**row, "input": question, "messages": asked, "family": trace}))
        words = {"code": f"rude in {trace}", "comment": None} if verdict == "fail" else {"code": None, "comment": None}
        notes.append(an_annotation(trace_id=trace, verdict=verdict, **words))
    rude = [t for t, split, verdict in labelled if split and verdict == "fail"]
    late = ["late-fail0", "late-fail1"]
    put_taxonomy(place, known(a_reviewed_mode("rude", *rude), a_reviewed_mode("late", *late)))
    lake = place.lake
    lake.write("raw_traces", traces, part=f"{NOON:%Y-%m-%d}")
    lake.write("annotations", notes)
    lake.write("golden_set", cases)
    lake.write("failure_taxonomy", [a_mode(mode_id="rude"), a_mode(mode_id="late")])
    places = [(t, "rude") for t in rude] + [(t, "late") for t in late]
    lake.write("failure_assignments", [FailureAssignment(t, m, "HUMAN", 1.0, "x", "") for t, m in places])


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = a_home(tmp_path / "home")
    put_labels(made)
    return made


def scripted(place: Place, guidance: str = "Look for insults.") -> ScriptedBench:
    """The judge catches fails only with guidance; the improver proposes `guidance`."""

    def reply(data: Any) -> BaseModel | str:
        if "tried" in data:
            return ProposedCriterion(guidance=guidance)
        caught = "fail" in data["answer"] and bool(data["failure_mode"].get("guidance"))
        return Verdict(label="fail" if caught else "pass", explanation="so")

    return ScriptedBench(load_settings(place.root, {}), FakeLLM(reply))


def test_the_best_criterion_becomes_a_proposal_that_a_person_accepts(place: Place) -> None:
    bench = scripted(place)
    found = tune_mode(bench, "RUDE", 1)
    assert found.proposal is not None and found.proposal.guidance == "Look for insults."
    assert "catches 4/4 fails, recognises 4/4 passes (now: catches 0/4 fails" in found.proposal.why
    assert load_proposals(bench.home.reviewed(PROPOSALS_FILE).read().value) == [found.proposal]
    assert judges_of(bench)[0].guidance == ""  # nothing changes before a person has decided
    Review(bench).accept(None, found.proposal.proposal_id)
    (judge, _) = judges_of(bench)
    assert (judge.guidance, judge.is_tuned) == ("Look for insults.", True)


def test_it_says_which_labels_were_used_and_why_others_were_not(place: Place) -> None:
    labels = tune_mode(scripted(place), "rude", 1).labels
    assert str(labels) == (
        "labels used: of dev 4 fails and 4 passes to measure on, 8 of train to show to the model that proposes; "
        "not used: 2 failures of other modes, 8 of the test split"
    )


def test_no_word_of_dev_or_test_reaches_the_model_that_proposes_and_test_is_not_asked_about(place: Place) -> None:
    bench = scripted(place)
    tune_mode(bench, "rude", 2)
    proposing = [a.messages[-1]["content"] for a in bench.fake.asked if a.role == "improver"]
    assert proposing and not any("dev-" in m or "test-" in m for m in proposing)
    assert not any("test-" in a.messages[-1]["content"] for a in bench.fake.asked)


def test_an_accepted_criterion_is_measured_on_test_and_not_on_the_dev_answers_that_chose_it(place: Place) -> None:
    bench = scripted(place)
    before = Evaluator(bench, bench.llm()).align(active_cases(bench))[0]
    found = tune_mode(bench, "rude", 1)
    assert found.proposal is not None
    Review(bench).accept(None, found.proposal.proposal_id)
    after = Evaluator(bench, bench.llm()).align(active_cases(bench))[0]
    assert [(a.n_fail, a.n_pass) for a in (before, after)] == [(8, 8), (4, 4)]
    assert (before.fail_recall, after.fail_recall) == (0.0, 1.0)


def test_a_criterion_that_gives_a_held_out_case_away_is_never_proposed(place: Place) -> None:
    question = next(c.input for c in active_cases(place.bench) if c.split == "test")
    found = tune_mode(scripted(place, f"Fail what answers “{question}”"), "rude", 1)
    assert found.proposal is None and "repeats the held-out case g-test" in "\n".join(tuned_lines(found))


def test_without_a_failure_or_a_pass_in_dev_the_error_names_what_to_label(tmp_path: Path) -> None:
    empty = a_home(tmp_path / "empty")
    put_labels(empty, n_fail=0)
    put_taxonomy(empty, known(a_reviewed_mode("rude", "x1"), a_reviewed_mode("dull")))
    with pytest.raises(EvaluationError, match="no judge of 'DULL': no failure belongs"):
        tune_mode(scripted(empty), "dull", 1)
    with pytest.raises(EvaluationError, match=r"no labelled failures of .RUDE. and no passes in the dev split"):
        tune_mode(scripted(empty), "rude", 1)
    with pytest.raises(EditError, match="No mode is called 'nope'"):
        tune_mode(scripted(empty), "nope", 1)


def test_a_judge_that_a_person_rejected_is_neither_tuned_nor_compared(place: Place) -> None:
    entry = "{name: judge-rude, mode: rude, kind: judge, status: rejected, why: code does it}"
    (place.root / "evaluators.yaml").write_text(f"evaluators: [{entry}]")
    with pytest.raises(EvaluationError, match="a person rejected it"):
        tune_mode(scripted(place), "rude", 1)
    with pytest.raises(EvaluationError, match="a person rejected it"):
        compare_models(scripted(place), "offline/app", None, "rude")


def test_with_the_stand_in_only_examples_are_tried_and_it_says_so(place: Place) -> None:
    (place.root / "flywheel.yaml").write_text("models: {judge: test/judge}")
    bench = scripted(place)
    lines = "\n".join(tuned_lines(tune_mode(bench, "rude", 3)))
    assert "the offline stand-in writes no criteria" in lines and "nothing is proposed" in lines
    assert not any(a.role == "improver" for a in bench.fake.asked)


def test_a_person_edits_the_criterion_meanwhile_and_the_old_proposal_is_refused(place: Place) -> None:
    bench = scripted(place)
    found = tune_mode(bench, "rude", 1)
    assert found.proposal is not None
    Review(bench).edit(None, {"action": "belongs", "mode": "rude", "value": "Irony."})
    with pytest.raises(EditError, match="flywheel judge tune rude"):
        Review(bench).accept(None, found.proposal.proposal_id)
    assert "Irony." in (place.root / TAXONOMY_FILE).read_text()


def test_another_model_is_asked_about_the_same_answers_and_kept_beside(place: Place) -> None:
    (place.root / "flywheel.yaml").write_text("models: {judge: offline/judge}")
    place.bench.lake.write("judge_alignment", [])
    rude, late = compare_models(place.bench, "offline/app", None, None)
    assert (rude.n, late.n) == (16, 10)  # train is held out: 4 + 4 fails, 8 passes
    assert rude.new[1].fails.n == 0 and "does not fit" in rude.problem
    lines = "\n".join(comparison_lines(rude))
    assert "same label: not known" in lines and "offline/app: catches not known (n=0)" in lines
    kept = place.lake.frame("select distinct model, error is null as ok from judge_verdicts").values.tolist()
    assert kept == [["offline/app", False]]
    assert place.lake.frame("select count(*) from judge_alignment").iat[0, 0] == 0  # nothing is decided
    (only,) = compare_models(place.bench, "offline/judge", None, "rude")
    assert only.matrix.agreement.value == 1.0 and only.change.difference == 0


@pytest.mark.parametrize("first", [True, False])
def test_the_judge_asks_in_the_order_of_its_mode(first: bool) -> None:
    assert to_judge(replace(a_reviewed_mode("rude"), judge_verdict_first=first), []).verdict_first is first
