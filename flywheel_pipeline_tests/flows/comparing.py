"""A home in which the gate holds a promising candidate until the expert has labelled flipped cases."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from flywheel_pipeline.flows.flips import Flip, keep_flip_labels
from flywheel_pipeline.flows.improve import decide_on_labels
from flywheel_pipeline.records import CaseAnswer, EvalResult, GoldenCase, Json, PromptCandidate
from flywheel_pipeline_tests.builders import (
    a_candidate,
    a_case,
    a_conversation,
    a_mode,
    a_prompt,
    an_alignment,
    an_answer,
    an_eval_result,
)
from flywheel_pipeline_tests.homes import Place, a_home

BASE, BETTER = a_prompt("Base prompt."), a_prompt("A better prompt.")
N = 60
SETTINGS = "annotate: {arbiter: mira, annotators: [noor], overlap: 1, repeated: 0}\nautomation: {settle_seconds: 0}\n"


def cases() -> list[GoldenCase]:
    """Test cases of one mode; the base fails two in three of them."""
    documents = Json(json.dumps([{"id": "d1", "title": "Prices", "content": "No discounts."}]))
    return [
        a_case(
            case_id=f"g-{i:02}", input=f"Question {i}?", family=f"f-{i}", context=documents,
            messages=Json(json.dumps(a_conversation(f"Question {i}?"))),
        )
        for i in range(N)
    ]  # fmt: skip


def passes(version: str, i: int) -> bool:
    return version == BETTER.version or i % 3 == 0


def said(version: str, i: int) -> str:
    return f"{'Right' if passes(version, i) else 'Made up'} answer to question {i}."


def a_home_with_flips(path: Path) -> Place:
    """The home; its candidate fixes 40 of 60 cases and the gate asks for the first 20 of them."""
    place = a_home(path)
    (place.root / "flywheel.yaml").write_text(SETTINGS, "utf-8")
    lake, golden = place.lake, cases()
    lake.write("golden_set", golden)
    lake.write("production_prompt", [BASE])
    lake.write("failure_taxonomy", [a_mode()])
    sure = {"n_fail": 60, "n_pass": 60, "production_n_fail": 60.0, "production_n_pass": 60.0}
    lake.write("judge_alignment", [an_alignment(**sure), an_alignment(evaluator="judges:all", mode_id=None, **sure)])
    for version in (BASE.version, BETTER.version):
        answers, rows = outcomes(version, golden)
        lake.write("answers", answers, part=version)
        lake.write("eval_results", rows, part=version)
    first = a_candidate(candidate_id=BETTER.version, base_version=BASE.version, text=BETTER.text, decision="hold",
                        evidence=Json('{"overall": {}, "dev_pass_rate": 0.9}'))  # fmt: skip
    lake.write("prompt_candidate", [first])
    decide_on_labels(place.bench)
    return place


def outcomes(version: str, golden: list[GoldenCase]) -> tuple[list[CaseAnswer], list[EvalResult]]:
    answers, rows = [], []
    for i, case in enumerate(golden):
        about = {"case_id": case.case_id, "prompt_version": version, "answer_id": f"{version}-{i}"}
        answers.append(an_answer(**about, output=said(version, i)))
        label = "pass" if passes(version, i) else "fail"
        rows.append(an_eval_result(**about, label=label, score=float(label == "pass")))
        rows.append(an_eval_result(**about, evaluator="answered", annotator_kind="CODE"))
    return answers, rows


def candidate(place: Place) -> PromptCandidate:
    (found,) = place.lake.read("prompt_candidate", PromptCandidate)
    return found


def label_all(place: Place, flips: list[Flip], before: str = "fail", after: str = "pass") -> None:
    """Put labels of these flipped cases on file, as the page does."""
    rows = [
        {
            "base": f.base, "candidate": f.candidate, "case_id": f.case.case_id, "before": before, "after": after,
            "answers": f.pair.digest, "batch": f.batch, "annotator": "mira", "at": "2025-06-02T12:00:00+00:00",
        }
        for f in flips
    ]  # fmt: skip
    keep_flip_labels(place.bench, rows)


def answer_anew(place: Place, version: str, case_ids: set[str]) -> None:
    """Replace the answers to these cases by others, as a change of the app does."""
    answers = place.lake.read("answers", CaseAnswer, "prompt_version = ?", [version])
    changed = [replace(a, output=f"Now: {a.output}") if a.case_id in case_ids else a for a in answers]
    place.lake.write("answers", changed, part=version)
