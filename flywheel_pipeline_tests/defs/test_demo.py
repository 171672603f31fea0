"""The demo end to end, through Dagster: every table, the gate both ways, and nothing paid for twice."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from flywheel_pipeline.commands.summary import summarize
from flywheel_pipeline.demo.assistant import FIRST_PROMPT
from flywheel_pipeline.demo.record import record_traffic, traffic
from flywheel_pipeline.errors import GateError
from flywheel_pipeline.flows.deploy.promote import Mover, promote_candidate, roll_back
from flywheel_pipeline.flows.evaluate import Evaluator
from flywheel_pipeline.flows.evaluators import read_entries_of, unplaced_evaluators
from flywheel_pipeline.records import (
    EvalResult,
    GoldenCase,
    Json,
    JudgeAlignment,
    PromptCandidate,
    PromptVersion,
    SampledTrace,
)
from flywheel_pipeline.steps.evaluate import case_outcomes, case_scores, deciding, mode_scores
from flywheel_pipeline.steps.improve import Bench, Judgement, ProposedPrompt, Search, decide_again
from flywheel_pipeline_tests.homes import Place
from flywheel_pipeline_tests.steps.improve.gates import a_gate
from flywheel_pipeline_tests.steps.improve.proposing import Given

COVERS = (
    "commands/summary.py",
    "defs/assets/eval_results.py",
    "defs/assets/production_prompt.py",
    "defs/assets/prompt_candidate.py",
    "demo/assistant.py",
    "demo/record.py",
)


def evaluator(place: Place) -> Evaluator:
    return Evaluator(place.bench, place.bench.llm())


def candidate(place: Place) -> PromptCandidate:
    return next(c for c in place.lake.read("prompt_candidate", PromptCandidate) if c.decision)


def trusted(place: Place) -> set[str]:
    return deciding(place.lake.read("judge_alignment", JudgeAlignment))


def test_the_whole_loop_succeeds_and_fills_every_table(demo: Place) -> None:
    assert demo.result is not None and demo.result.success, demo.said
    assert demo.one("select count(*) from raw_traces") == 300
    assert demo.one("select count(distinct started_at::date) from raw_traces") == 7
    assert demo.one("select count(*) from sampled_traces") == 90
    assert 60 <= demo.one("select count(*) from annotations where is_current") <= 100
    assert 5 <= demo.one("select count(*) from failure_taxonomy") <= 10
    assert demo.one("select count(*) from rejects") == 0


def test_every_failure_has_a_mode_and_every_mode_a_case(demo: Place) -> None:
    failures = "annotations where is_current and verdict = 'fail'"
    assert demo.one(f"select count(*) from {failures}") == demo.one("select count(*) from failure_assignments")
    uncovered = "select count(*) from failure_taxonomy anti join golden_set using (mode_id)"
    assert demo.one(uncovered) == 0
    kinds = demo.lake.frame("select distinct kind from golden_set order by kind")["kind"].tolist()
    assert kinds == ["failure", "happy_path", "synthetic"]


def test_the_modes_shares_are_weighted_back_to_traffic(demo: Place) -> None:
    naive = demo.one(
        "select sum(n_failures) / (select count(*) from annotations where is_current) from failure_taxonomy"
    )
    weighted = demo.one("select sum(share) from failure_taxonomy where share_of = 'traffic'")
    assert weighted < naive - 0.05  # failures were sought, so the raw share overstates them


def test_the_recorded_traces_are_what_the_assistant_answers() -> None:
    rows = traffic()[::10]
    recorded = {}
    for path in sorted((Path(__file__).parents[2] / "data" / "traces").glob("*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            trace = json.loads(line)
            recorded[trace["session_id"]] = trace
    for again in record_traffic(rows):
        assert recorded[again["session_id"]] == again


def test_the_candidate_wins_on_test_cases_that_nothing_was_chosen_by(demo: Place) -> None:
    best = candidate(demo)
    evidence = json.loads(best.evidence)
    assert evidence["split"] == "test"
    assert evidence["overall"]["fixed"] > evidence["overall"]["broken"] == 0
    test_ids = {c.case_id for c in demo.lake.read("golden_set", GoldenCase) if c.split == "test"}
    assert evidence["overall"]["n"] == len(test_ids)


def test_the_demo_holds_and_says_what_would_decide_it(demo: Place) -> None:
    """Its candidate is better, but few cases guard its modes and nobody has labelled what flipped."""
    best = candidate(demo)
    evidence = json.loads(best.evidence)
    assert best.decision == "hold"
    assert "promising by the judges" in best.reason and "nothing guards" in best.reason
    ids = {c.case_id for c in demo.lake.read("golden_set", GoldenCase)}
    assert evidence["to_label"] and set(evidence["to_label"]) <= ids
    said = "\n".join(summarize(demo.bench))
    assert "of the golden set; as judged" in said and "of its traffic, by labels" in said
    assert "to decide it: label" in said


def test_the_demos_evaluators_are_of_six_kinds_and_code_decides_where_it_agrees_with_the_expert(demo: Place) -> None:
    entries = read_entries_of(demo.bench)
    assert {"length", "contains", "forbidden", "retrieval", "similarity", "judge"} == {e.kind for e in entries}
    assert unplaced_evaluators(demo.bench) == []
    checks = {a.evaluator: a for a in demo.lake.read("judge_alignment", JudgeAlignment) if "check:" in a.evaluator}
    assert {e: a.status for e, a in checks.items()} == {
        "check:no-wall-of-text": "trusted", "check:claims-nothing-done": "trusted", "check:hands-over": "advisory",
    }  # fmt: skip
    assert all(a.fail_recall == a.pass_recall == 1 for a in checks.values())
    judged = set(demo.lake.frame("select distinct evaluator from eval_results")["evaluator"])
    rejected = {f"judge:{e.mode}" for e in entries if e.status == "rejected"}
    assert len(rejected) == 2 and not rejected & judged
    broken = "eval_results where starts_with(evaluator, 'check:') and label is null and error is not null"
    assert demo.one(f"select count(*) from {broken}") == 0


def test_the_candidate_wins_because_of_its_instructions(demo: Place) -> None:
    """Take out one instruction at a time: failures come back that were gone."""
    best, cases = candidate(demo), demo.lake.read("golden_set", GoldenCase)
    judges, evaluate = trusted(demo), evaluator(demo)
    whole = case_outcomes(evaluate.evaluate(PromptVersion.of("fern", best.text, None, ""), cases), judges)
    needed = []
    for change in json.loads(best.changes):
        without = PromptVersion.of("fern", best.text.replace(f"- {change}", ""), None, "")
        passes = case_outcomes(evaluate.evaluate(without, cases), judges)
        needed.append(sum(whole.values()) - sum(passes.values()))
    assert sum(n > 0 for n in needed) >= len(judges) - 1, needed  # `answered` fails nothing here
    assert min(needed) >= 0


def test_the_gate_refuses_a_candidate_that_regresses(demo: Place) -> None:
    """The improved prompt is the base, the first prompt is proposed again: the gate sees through it."""
    evaluate, cases = evaluator(demo), demo.lake.read("golden_set", GoldenCase)
    base = PromptVersion.of("fern", candidate(demo).text, None, "")
    judges = trusted(demo)
    judgement = Judgement(
        lambda rows: case_scores(rows, judges), mode_scores, tuple(sorted(j for j in judges if ":" in j))
    )
    bench = Bench(base, cases, evaluate.evaluate(base, cases), evaluate, judgement, a_gate())
    worse = ProposedPrompt(FIRST_PROMPT, ("say nothing of documents",))
    (held,) = Search.over(bench, [Given([worse])]).run()
    assert (held.decision, "no better on dev" in held.reason) == ("hold", True)
    judged = replace(held, evidence=Json("{}"))
    after = evaluate.evaluate(PromptVersion.of("fern", FIRST_PROMPT, None, ""), cases)
    refused = decide_again(bench, judged, after)
    assert (refused.decision, "broken" in refused.reason) == ("reject", True)


@pytest.fixture
def copy(demo: Place, tmp_path: Path) -> Place:
    shutil.copytree(demo.root, tmp_path / "home", ignore=shutil.ignore_patterns("dagster"))
    return Place(tmp_path / "home")


def table_bytes(place: Place) -> dict[str, str]:
    files = [p for p in (place.root / "lake").rglob("*.parquet") if p.parent.name != "llm_calls"]
    return {str(p.relative_to(place.root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_a_second_turn_calls_no_model_and_changes_nothing(copy: Place) -> None:
    calls = copy.one("select count(*) from llm_calls")
    reviewed = {p: p.read_bytes() for name in ("taxonomy", "golden", "samples") for p in (copy.root / name).iterdir()}
    # Whether a row came from the cache does change, and, by what other tests have asked in this home, what was paid.
    evaluated = {"answers": "cached", "eval_results": "cached", "flywheel_turns": "n_calls, cost_usd"}
    before = {k: v for k, v in table_bytes(copy).items() if Path(k).parent.name not in evaluated}
    rows = {t: copy.lake.frame(f"select * exclude ({x}) from {t} order by all") for t, x in evaluated.items()}
    assert copy.turn().success
    made = f"select count(*) from (select * from llm_calls order by called_at offset {calls}) where not cached"
    assert copy.one(made) == 0
    assert {p: p.read_bytes() for p in reviewed} == reviewed
    assert {k: v for k, v in table_bytes(copy).items() if Path(k).parent.name not in evaluated} == before
    for table, frame in rows.items():
        assert copy.lake.frame(f"select * exclude ({evaluated[table]}) from {table} order by all").equals(frame)
    anew = "from answers where not cached and prompt_version = (select version from production_prompt)"
    assert copy.one(f"select count(*) {anew}") == 0


def test_a_promoted_candidate_is_what_the_next_turn_evaluates(copy: Place) -> None:
    best = replace(candidate(copy), decision="ship")  # as the gate decides once the expert has labelled enough
    copy.lake.write("prompt_candidate", [best])
    assert promote_candidate(copy.bench, None, Mover()) == best.candidate_id
    assert copy.turn().success
    assert copy.one("select version from production_prompt") == best.candidate_id
    rows = copy.lake.read("eval_results", EvalResult, "prompt_version = ?", [best.candidate_id])
    assert {r.case_id for r in rows} == {c.case_id for c in copy.lake.read("golden_set", GoldenCase)}
    with pytest.raises(GateError):
        promote_candidate(copy.bench, best.candidate_id, Mover())
    assert roll_back(copy.bench, Mover()) == best.base_version


def test_labels_without_the_drawn_batch_cannot_be_weighted_so_the_batch_is_kept(copy: Place) -> None:
    drawn = copy.lake.read("sampled_traces", SampledTrace)
    shutil.rmtree(copy.root / "lake")
    assert copy.turn().success
    assert copy.lake.read("sampled_traces", SampledTrace) == drawn


def test_two_modes_that_a_person_merges_stay_merged_and_nothing_downstream_breaks(copy: Place) -> None:
    path = copy.root / "taxonomy" / "failure_modes.yaml"
    modes = yaml.safe_load(path.read_text("utf-8"))["modes"]
    gone = modes.pop(-1)
    modes[0]["members"] += gone["members"]
    modes[0]["name"] = "Renamed by a person"
    path.write_text(yaml.safe_dump({"modes": modes}, allow_unicode=True), "utf-8")
    golden = (copy.root / "golden" / "golden_set.jsonl").read_bytes()
    assert copy.turn().success, copy.said
    assert copy.one("select count(*) from failure_taxonomy") == len(modes)
    assert copy.one("select count(*) from failure_taxonomy where name = 'Renamed by a person'") == 1
    assert copy.one(f"select count(*) from golden_set where mode_id = '{gone['mode_id']}'") == 0
    assert (copy.root / "golden" / "golden_set.jsonl").read_bytes().startswith(golden)
