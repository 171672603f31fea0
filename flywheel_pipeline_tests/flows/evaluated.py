"""A home in which two prompts were evaluated on the same cases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flywheel_pipeline.adapters.home.files import TAXONOMY_FILE
from flywheel_pipeline.flows.evaluate import judges_of
from flywheel_pipeline.records import Json
from flywheel_pipeline.steps.cluster.history import Reviewed, dump_taxonomy
from flywheel_pipeline.steps.cluster.modes import Member, Mode
from flywheel_pipeline_tests.builders import (
    a_candidate,
    a_case,
    a_mode,
    a_prompt,
    a_sampled_trace,
    a_trace,
    an_alignment,
    an_answer,
    an_eval_result,
)
from flywheel_pipeline_tests.homes import Place, a_home
from flywheel_pipeline_tests.steps.evaluate.comparing import LABELS

BASE, NEW = a_prompt("Be brief.").version, a_prompt("Be kind.").version
RUDE = "judge:rude"
OUTPUTS = {BASE: "We refund within 30 days.", NEW: "We gladly refund within 14 days."}


def put_modes(place: Place, *modes: str) -> dict[str, str]:
    """Write a reviewed taxonomy with these modes; return {mode: the version of its judge}."""
    file = place.bench.home.reviewed(TAXONOMY_FILE)
    made = tuple(
        Mode(m, f"Mode {m}", f"It is {m}.", members=(Member(f"trace-{m}", f"is {m}", "HUMAN", 1.0),)) for m in modes
    )
    file.replace(dump_taxonomy(Reviewed(made)), file.read().version)
    return {m.mode_id: m.version("offline/judge") for m in judges_of(place.bench)}


def judge_version(place: Place) -> str:
    """The version of the judge RUDE in an evaluated home."""
    return str(place.one(f"select evaluator_version from judge_alignment where evaluator = '{RUDE}'"))


def evaluated_home(path: Path, *pairs: str, text: str = "", **changes: Any) -> Place:
    """One case per pair of letters (see `LABELS`): g-0, g-1, …; `text` is in every question, answer and reason."""
    place = a_home(path)
    lake = place.lake
    by = put_modes(place, "rude")["rude"]
    changes = {"evaluator_version": by, **changes}
    names = [f"g-{n}" for n in range(len(pairs))]
    lake.write("failure_taxonomy", [a_mode(mode_id="rude", name=f"Rude {text[:40]}".strip())])
    lake.write("judge_alignment", [
        an_alignment(evaluator=RUDE, mode_id="rude", **changes),
        an_alignment(evaluator="judges:all", mode_id=None, evaluator_version=""),
    ])  # fmt: skip
    lake.write("production_prompt", [a_prompt("Be brief.")])
    lake.write("prompt_candidate", [a_candidate(candidate_id=NEW, base_version=BASE, decision="hold")])
    documents = Json(f'[{{"doc_id": "refunds", "content": "Refunds take 14 days. {text[:0]}"}}]')
    lake.write("golden_set", [
        a_case(case_id=name, input=f"Question {name}? {text}", mode_id="rude", source_trace_id=f"t-{name}",
               family=name, context=documents)
        for name in names
    ])  # fmt: skip
    lake.write("raw_traces", [a_trace(trace_id=f"t-{name}") for name in names])
    lake.write("sampled_traces", [a_sampled_trace(trace_id=f"t-{name}") for name in names])
    for side, version in enumerate((BASE, NEW)):
        answers, results = [], []
        for name, pair in zip(names, pairs, strict=True):
            key = {"case_id": name, "prompt_version": version, "answer_id": f"{version}-{name}"}
            answers.append(an_answer(**key, output=f"{OUTPUTS[version]} {text}".strip()))
            results.append(an_eval_result(**key, evaluator="answered", evaluator_version="1", annotator_kind="CODE"))
            label = LABELS[pair[side]]
            why = {"explanation": f"Because it is so. {text}".strip()} if label else {"error": f"timed out {text}"}
            judged = {"evaluator": RUDE, "evaluator_version": by, "label": label, **why}
            results.append(an_eval_result(**key, **judged))
        lake.write("answers", answers, part=version)
        lake.write("eval_results", results, part=version)
    return place
