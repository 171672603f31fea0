"""Propose better prompts from the failures, choose on dev, and let the gate decide once on test."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from flywheel_pipeline.adapters.llm import ModelClient
from flywheel_pipeline.errors import HomeError
from flywheel_pipeline.flows.afresh import outcomes_vary
from flywheel_pipeline.flows.compare import known_failures_of
from flywheel_pipeline.flows.deploy.promote import promote_automatically
from flywheel_pipeline.flows.deploy.turns import note_turn
from flywheel_pipeline.flows.deploy.why import keep_reasons
from flywheel_pipeline.flows.evaluate import (
    Evaluator,
    active_cases,
    production_rate,
    read_verdicts,
    reads_of_test,
)
from flywheel_pipeline.flows.flips import baseline_of, flip_labels, waiting_candidate
from flywheel_pipeline.flows.foreign import unread_parts
from flywheel_pipeline.flows.prompt_search import search_prompt
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import (
    CaseAnswer,
    EvalResult,
    FailureMode,
    GoldenCase,
    Json,
    JudgeAlignment,
    PromptCandidate,
    PromptVersion,
)
from flywheel_pipeline.settings import GateSettings
from flywheel_pipeline.stats import Rate
from flywheel_pipeline.steps.evaluate import (
    COMPOSITE,
    case_scores,
    decides,
    deciding,
    judge_errors,
    mode_scores,
    requirements,
    without_stale,
)
from flywheel_pipeline.steps.evaluate.evaluators import answered, resisted
from flywheel_pipeline.steps.evaluate.known import approvals
from flywheel_pipeline.steps.improve import (
    OVERALL,
    READER,
    Bench,
    Gate,
    Judgement,
    decide_again,
)
from flywheel_pipeline.steps.improve.traffic import Traffic


def find_candidate(bench: Workbench) -> tuple[PromptVersion, list[PromptCandidate]]:
    """Return the production prompt and the candidates against it, the best first; both tables are written.

    There are no candidates when no failure mode fails. Where `deploy.automatic` says so, one that the gate lets ship is
    put into production.
    """
    base = bench.lake.read("production_prompt", PromptVersion)[0]
    candidates = _improve(bench, base)
    bench.lake.write("prompt_candidate", candidates)
    app = bench.settings.models.app
    used = Json(json.dumps({"temperature": app.temperature, **app.parameters}, sort_keys=True))
    for c in candidates:
        note = f"{c.decision or c.status}: {c.reason}"
        author, model = bench.model_name("improver"), bench.model_name("app")
        bench.registry.add(PromptVersion(c.candidate_id, base.name, c.text, base.version, note, author, model, used))
    note_turn(bench, base.version, candidates)
    keep_reasons(bench, candidates)
    promote_automatically(bench)
    return base, candidates


def _improve(bench: Workbench, base: PromptVersion) -> list[PromptCandidate]:
    llm = bench.llm()
    return search_prompt(bench, _bench(bench, base, llm, read_verdicts(bench, base.version)), llm)


def _bench(bench: Workbench, base: PromptVersion, llm: ModelClient, baseline: Sequence[EvalResult]) -> Bench:
    return Bench(
        base, active_cases(bench), baseline, Evaluator(bench, llm, READER), judgement_of(bench),
        gate_of(bench), reads_of_test(bench), flip_labels(bench, base.version),
        lambda version: bench.lake.read("answers", CaseAnswer, "prompt_version = ?", [version]),
        approvals(known_failures_of(bench)),
        partial(evaluate_baseline_afresh, bench, base, llm) if is_fresh(bench) else None,
        _traffic(bench),
        lambda text: unread_parts(bench, text, base.text),
        lambda text: unread_parts(bench, text, base.text, quick=True),
        Evaluator(bench, llm, READER, keep=False),
    )  # fmt: skip


def _traffic(bench: Workbench) -> Traffic | None:
    """Return the modes' shares of production traffic; None where the labels are not of our sample."""
    passing, modes = production_rate(bench), bench.lake.read("failure_taxonomy", FailureMode, "status <> 'retired'")
    if passing is None or any(m.share_of != "traffic" for m in modes):
        return None
    return Traffic({m.name: Rate(m.share, m.share_low, m.share_high, m.n_failures) for m in modes}, passing)


def is_fresh(bench: Workbench) -> bool:
    """Return whether the production prompt is evaluated afresh beside a candidate."""
    return bench.settings.improve.fresh_baseline and outcomes_vary(bench)


def evaluate_baseline_afresh(
    bench: Workbench, base: PromptVersion, llm: ModelClient, candidate: str, cases: Sequence[GoldenCase]
) -> tuple[str, list[EvalResult]]:
    """Evaluate the production prompt once more, as rows of their own; the same candidate again finds them cached."""
    beside = replace(base, version=f"{base.version}~{candidate}")
    return beside.version, Evaluator(bench, llm, "baseline", beside.version).evaluate(beside, cases)


def decide_on_labels(bench: Workbench) -> tuple[PromptVersion, list[PromptCandidate]]:
    """Let the gate decide again on its last candidate, with the labels of flipped cases given since.

    Answers and verdicts are those in the tables: nothing is evaluated, and no model is called. Returns the production
    prompt and the candidates, and puts one into production where the settings say so, as `find_candidate` does.

    Raises:
        HomeError: there is no candidate against the present production prompt.
    """
    waiting = waiting_candidate(bench)
    if waiting is None:
        raise HomeError(_nothing_to_decide(bench))
    base = bench.lake.read("production_prompt", PromptVersion)[0]
    compared = _bench(bench, base, bench.llm(), read_verdicts(bench, baseline_of(waiting)))
    decided = decide_again(compared, waiting, read_verdicts(bench, waiting.candidate_id))
    others = [c for c in bench.lake.read("prompt_candidate", PromptCandidate) if c.candidate_id != waiting.candidate_id]
    bench.lake.write("prompt_candidate", [decided, *others])
    note_turn(bench, base.version, [decided])
    promote_automatically(bench)
    return base, [decided, *others]


def _nothing_to_decide(bench: Workbench) -> str:
    found = bench.lake.read("prompt_candidate", PromptCandidate, "decision = 'hold'")
    if found and any(p.version == found[0].base_version for p in bench.lake.read("production_prompt", PromptVersion)):
        return (
            f"The candidate {found[0].candidate_id} is held and was not evaluated on the test split, so that labels of "
            f"flipped cases cannot decide it: {found[0].reason}. A later `flywheel run` may evaluate it."
        )
    return "There is no candidate against the present production prompt: `flywheel run` proposes one."


def gate_of(bench: Workbench) -> Gate:
    """Return the gate as the settings have it; the modes that a person consents to are given by name or id."""
    names = {m.mode_id: m.name for m in bench.lake.read("failure_taxonomy", FailureMode)}
    settings = bench.settings.gate
    return build_gate(settings.model_copy(update={"consent": tuple(names.get(m, m) for m in settings.consent)}))


def build_gate(settings: GateSettings) -> Gate:
    """Return the gate with these settings."""
    return Gate(**settings.model_dump())


def judgement_of(bench: Workbench) -> Judgement:
    """Return how rows of this home are read."""
    names = {m.mode_id: m.name for m in bench.lake.read("failure_taxonomy", FailureMode) if m.status != "retired"}
    return _judgement(bench.lake.read("judge_alignment", JudgeAlignment), names)


def _judgement(alignment: Sequence[JudgeAlignment], names: Mapping[str, str]) -> Judgement:
    """Return how rows are read: by all that may decide, with the known errors of those that agree with the expert."""
    trusted = deciding(alignment)
    votes = {a.evaluator for a in alignment if decides(a) and a.mode_id}
    mode_of = {a.evaluator: a.mode_id for a in alignment if a.mode_id}
    errors = {e: error.youden for e, error in judge_errors(alignment).items()}
    return Judgement(
        lambda rows: case_scores(without_stale(rows, alignment), trusted),
        lambda rows, evaluator: mode_scores(without_stale(rows, alignment), evaluator),
        tuple(sorted(votes)),
        (answered.NAME, resisted.NAME, *sorted(requirements(alignment))),
        {OVERALL if e == COMPOSITE else e: j for e, j in errors.items()},
        names,
        _wanted_by_mode(alignment),
        mode_of,
    )


def _wanted_by_mode(alignment: Sequence[JudgeAlignment]) -> dict[str, tuple[int, int]]:
    """Return what to label for every mode: what the evaluator of it lacks that lacks least."""
    wanted: dict[str, tuple[int, int]] = {}
    for a in alignment:
        if a.mode_id:
            found = [_wanted(a), *([wanted[a.mode_id]] if a.mode_id in wanted else [])]
            wanted[a.mode_id] = min(found, key=lambda w: (-1 in w, sum(w)))
    return wanted


def _wanted(alignment: JudgeAlignment) -> tuple[int, int]:
    """Return the fails and passes to label before a judge may decide; -1 where labels would not help."""
    unusable = alignment.status == "unusable"
    return (-1, -1) if unusable else (alignment.need_fails, alignment.need_passes)
