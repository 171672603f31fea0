"""The evaluators of a home: read from its file, made ready, tried, proposed and decided by people."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from flywheel_pipeline.adapters.home.files import EVALUATORS_FILE
from flywheel_pipeline.errors import ConflictError, CorruptFileError, EditError, HomeError, SettingsError
from flywheel_pipeline.flows.evaluate import Evaluator, mode_disagreements
from flywheel_pipeline.flows.evaluator_proposals import agreement_line, propose_evaluators, set_status
from flywheel_pipeline.flows.evaluator_trials import new_evaluator, try_evaluator
from flywheel_pipeline.flows.evaluators import (
    accepted_checks,
    evaluators_by_mode,
    read_entries_of,
    unplaced_evaluators,
)
from flywheel_pipeline.ports import Answer
from flywheel_pipeline.records import JudgeAlignment
from flywheel_pipeline.steps.evaluate.evaluators.configured import judge_answer
from flywheel_pipeline_tests.builders import a_case, a_mode, a_prompt, an_alignment, an_eval_result
from flywheel_pipeline_tests.homes import Place, a_labelled_home

COVERS = ("flows/evaluator_proposals.py", "flows/evaluator_trials.py")

CLAIMS = "{name: no-claims, mode: fm-1, kind: forbidden, settings: {texts: [I have cancelled]}}"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return a_labelled_home(tmp_path / "home")


def write(place: Place, *entries: str) -> None:
    (place.root / EVALUATORS_FILE).write_text("evaluators:\n" + "".join(f"- {e}\n" for e in entries))


def test_a_home_without_the_file_has_judges_alone(place: Place) -> None:
    assert not read_entries_of(place.bench) and not accepted_checks(place.bench)
    assert [m.mode_id for m in Evaluator(place.bench, place.bench.llm()).judges()] == ["fm-1"]


def test_only_accepted_entries_run(place: Place) -> None:
    write(place, CLAIMS, CLAIMS.replace("no-claims", "other").replace("}}", "}, status: proposed}"))
    assert [c.row_name for c in accepted_checks(place.bench)] == ["check:no-claims"]


@pytest.mark.parametrize("mode", ["fm-1", "Claims it is done", "claims it is done"])
def test_a_mode_is_named_by_id_or_name(place: Place, mode: str) -> None:
    write(place, CLAIMS.replace("fm-1", mode))
    assert [c.mode_id for c in accepted_checks(place.bench)] == ["fm-1"]
    assert unplaced_evaluators(place.bench) == []


def test_an_entry_of_a_mode_that_is_not_there_does_not_run_and_is_reported(place: Place) -> None:
    write(place, CLAIMS.replace("fm-1", "fm-9"))
    assert accepted_checks(place.bench) == []
    (problem,) = unplaced_evaluators(place.bench)
    assert "line 2: no-claims: no failure mode is called 'fm-9'; there are: fm-1 (Claims it is done)" in problem
    with pytest.raises(EditError, match="fm-9"):
        try_evaluator(place.bench, "no-claims")


def test_a_rejected_judge_is_off_and_every_other_stays(place: Place) -> None:
    write(place, "{name: j, mode: fm-1, kind: judge, status: rejected}")
    assert Evaluator(place.bench, place.bench.llm()).judges() == []
    write(place, "{name: j, mode: fm-1, kind: judge, status: proposed}")
    assert len(Evaluator(place.bench, place.bench.llm()).judges()) == 1


def test_a_file_that_is_not_understood_stops_the_evaluation(place: Place) -> None:
    write(place, CLAIMS.replace("forbidden", "forbid"))
    with pytest.raises(CorruptFileError, match="line 2: no-claims: there is no kind 'forbid'"):
        Evaluator(place.bench, place.bench.llm()).plan()


def test_a_check_is_measured_with_the_judges_and_decides(place: Place) -> None:
    write(place, CLAIMS)
    rows = {r.evaluator: r for r in Evaluator(place.bench, place.bench.llm()).align([])}
    assert (rows["check:no-claims"].n_fail, rows["check:no-claims"].n_pass) == (12, 24)
    assert rows["check:no-claims"].status == "trusted"
    assert "judges:all" in rows
    assert {r.evaluator for r in place.lake.read("judge_alignment", JudgeAlignment)} == set(rows)


def test_an_evaluator_is_tried_before_it_is_accepted(place: Place) -> None:
    write(place, CLAIMS.replace("}}", "}, status: proposed}"))
    entry, tried = try_evaluator(place.bench, "no-claims")
    assert entry.status == "proposed"
    assert agreement_line(tried) == (
        "12 of 12 fails caught (76% to 100%); 24 of 24 passes recognised (86% to 100%)"
    )  # fmt: skip
    assert tried.trial.cost_per_thousand == 0


def test_trying_says_what_there_is(place: Place) -> None:
    with pytest.raises(HomeError, match="it has: none yet"):
        try_evaluator(place.bench, "x")
    write(place, CLAIMS, "{name: j, mode: fm-1, kind: judge}")
    with pytest.raises(HomeError, match="it has: no-claims, j"):
        try_evaluator(place.bench, "x")
    with pytest.raises(HomeError, match="judge_alignment"):
        try_evaluator(place.bench, "j")


def test_proposals_are_measured_and_written_for_review_and_nothing_runs(place: Place) -> None:
    found = propose_evaluators(place.bench)
    assert [(p.entry.kind, p.entry.status) for p in found.written] == [("forbidden", "proposed")]
    (entry,) = read_entries_of(place.bench)
    assert "12 of 12 fails caught" in entry.why
    assert accepted_checks(place.bench) == []


def test_what_the_file_has_is_not_proposed_again_and_stays_as_it_is(place: Place) -> None:
    write(place, CLAIMS.replace("}}", "}, status: rejected}  # not this one"))
    before = (place.root / EVALUATORS_FILE).read_text()
    assert propose_evaluators(place.bench).written == ()
    assert (place.root / EVALUATORS_FILE).read_text() == before
    set_status(place.bench, "no-claims", "accepted")
    assert (place.root / EVALUATORS_FILE).read_text() == before.replace("rejected", "accepted")


def test_a_proposal_that_disagrees_with_the_expert_is_set_aside_and_a_judge_proposed_instead(place: Place) -> None:
    taxonomy = place.root / "taxonomy" / "failure_modes.yaml"
    taxonomy.write_text(taxonomy.read_text().replace("Says what it cannot do.", "Broken links.").replace(
        "Claims it is done", "Bad").replace("claims it is done", "bad"))  # fmt: skip
    found = propose_evaluators(place.bench)
    assert [p.entry.kind for p in found.set_aside] == ["links"]
    assert [e.kind for e in read_entries_of(place.bench)] == ["judge"]


def test_similarity_is_proposed_with_thresholds_from_labels_that_have_a_reference(place: Place) -> None:
    place.lake.write("golden_set", [a_case(split="test", source_trace_id="elsewhere", reference="Our team can help.")])
    (found,) = [p.entry for p in propose_evaluators(place.bench).written if p.entry.kind == "similarity"]
    assert (found.mode, set(found.settings)) == ("all", {"embedder"})
    assert "no thresholds yet (no pass_above: 0 labelled passes" in found.why


def test_without_failure_modes_there_is_nothing_to_propose(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    with pytest.raises(HomeError, match="no failure modes"):
        propose_evaluators(Place(tmp_path / "home").bench)


def test_an_unknown_evaluator_cannot_be_accepted(place: Place) -> None:
    with pytest.raises(HomeError, match="'x'"):
        set_status(place.bench, "x", "accepted")


def test_a_file_that_changed_meanwhile_is_not_overwritten(place: Place) -> None:
    file = place.bench.home.reviewed(EVALUATORS_FILE)
    seen = file.text().version
    write(place, CLAIMS)
    with pytest.raises(ConflictError):
        file.replace_text("evaluators: []\n", seen)


def test_a_new_function_is_written_with_its_test_and_can_be_tried(place: Place) -> None:
    assert new_evaluator(place.bench, "polite", "fm-1") == ["evaluators/polite.py", "evaluators/test_polite.py"]
    entry, tried = try_evaluator(place.bench, "polite")
    assert (entry.kind, entry.status, tried.alignment.n_fail) == ("python", "proposed", 12)
    assert tried.trial.cost_per_thousand is None
    test = (place.root / "evaluators" / "test_polite.py").read_text()
    scope = {"__file__": str(place.root / "evaluators" / "test_polite.py")}
    exec(compile(test, "test_polite.py", "exec"), scope)
    for name in [n for n in scope if n.startswith("test_")]:
        scope[name]()  # type: ignore[operator]


def test_a_new_function_overwrites_nothing(place: Place) -> None:
    new_evaluator(place.bench, "polite")
    with pytest.raises(HomeError, match="exists; nothing was overwritten"):
        new_evaluator(place.bench, "polite")
    for name in ("Polite", "9lives", "_x", "a-b", "../up"):
        with pytest.raises(HomeError, match="name of a Python file"):
            new_evaluator(place.bench, name)
    write(place, CLAIMS.replace("no-claims", "taken"))
    with pytest.raises(HomeError, match="an evaluator 'taken' already"):
        new_evaluator(place.bench, "taken")
    with pytest.raises(EditError, match="no failure mode is called 'nowhere'"):
        new_evaluator(place.bench, "other", "nowhere")
    assert not (place.root / "evaluators" / "other.py").exists()


def test_a_function_that_cannot_be_imported_stops_the_evaluation(place: Place) -> None:
    write(place, "{name: f, mode: all, kind: python, settings: {function: 'evaluators/f.py:evaluate'}}")
    with pytest.raises(SettingsError, match="cannot be imported"):
        accepted_checks(place.bench)


def test_a_learned_judge_learns_from_labels_outside_dev_and_test(place: Place) -> None:
    write(place, "{name: learned, mode: fm-1, kind: learned}")
    (check,) = accepted_checks(place.bench)
    engine = place.bench.llm()
    said = Answer("I have cancelled your zzzz.")
    assert asyncio.run(judge_answer(check, a_case(), said, "demo", engine)).judgement.label == "fail"
    kept_back = [a_case(case_id=f"g-{i}", source_trace_id=f"t{i:02}", input=f"Kept {i}", split="test")
                 for i in range(6)]  # fmt: skip
    place.lake.write("golden_set", kept_back)
    (check,) = accepted_checks(place.bench)
    found = asyncio.run(judge_answer(check, a_case(), said, "demo", engine)).judgement
    assert (found.label, found.broken) == (None, False)
    assert "label 4 more fails outside the dev and test splits" in found.explanation


def test_the_page_shows_what_judges_every_mode(place: Place) -> None:
    write(place, CLAIMS, "{name: j, mode: fm-1, kind: judge, status: rejected, why: words decide}",
          "{name: all, mode: all, kind: length, settings: {at_most: 9}}")  # fmt: skip
    place.lake.write("judge_alignment", [an_alignment(evaluator="check:no-claims", status="advisory")])
    assert evaluators_by_mode(place.bench) == {
        "fm-1": ["no-claims: forbidden (accepted, advisory)", "j: judge (no judge): words decide"]
    }


def test_evaluators_of_a_mode_that_disagree_are_listed(place: Place) -> None:
    assert mode_disagreements(place.bench) == []
    prompt = a_prompt()
    place.lake.write("production_prompt", [prompt])
    place.lake.write("failure_taxonomy", [a_mode(name="Claims")])
    place.lake.write("judge_alignment", [an_alignment(), an_alignment(evaluator="check:no-claims")])
    place.lake.write("eval_results", [
        an_eval_result(prompt_version=prompt.version),
        an_eval_result(prompt_version=prompt.version, evaluator="check:no-claims", label="fail", score=0.0),
    ], part=prompt.version)  # fmt: skip
    (found,) = mode_disagreements(place.bench)
    assert (found.case_id, found.mode) == ("g-1", "Claims")


def test_a_model_that_proposes_nothing_usable_is_reported_and_the_rules_still_propose(place: Place) -> None:
    (place.root / "flywheel.yaml").write_text(
        "automation: {settle_seconds: 0}\nmodels: {taxonomy: offline/judge}\nllm: {budget_usd: 0}\n"
    )
    found = propose_evaluators(place.bench)
    assert [p.entry.kind for p in found.written] == ["forbidden"]
    assert found.problems and found.problems[0].startswith("Claims it is done: ")
