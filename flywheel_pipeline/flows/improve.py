"""Propose better prompts from the failures, choose on dev, and let the gate decide once on test."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from flywheel_pipeline.adapters.home.files import FLIP_LABELS_FILE
from flywheel_pipeline.errors import CorruptFileError
from flywheel_pipeline.flows.deploy.promote import promote_automatically
from flywheel_pipeline.flows.evaluate import Evaluator, active_cases, read_verdicts, reads_of_test
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
from flywheel_pipeline.steps.evaluate import (
    COMPOSITE,
    case_scores,
    deciding,
    judge_errors,
    mode_scores,
    without_stale,
)
from flywheel_pipeline.steps.evaluate.evaluators import answered, resisted
from flywheel_pipeline.steps.improve import (
    OVERALL,
    READER,
    Bench,
    Gate,
    Judgement,
    ModeEvidence,
    improve_prompt,
    propose_prompts,
)


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
    promote_automatically(bench)
    return base, candidates


def _improve(bench: Workbench, base: PromptVersion) -> list[PromptCandidate]:
    cases = active_cases(bench)
    alignment = bench.lake.read("judge_alignment", JudgeAlignment)
    baseline = read_verdicts(bench, base.version)
    evidence = _evidence(bench, cases, baseline)
    if not evidence:
        return []
    settings, llm = bench.settings, bench.llm()
    good = [c for c in cases if c.kind == "happy_path" and c.split == "train"][: settings.improve.few_shot_examples]
    proposals = propose_prompts(base.text, evidence, good, llm, settings.app.name)
    names = {m.mode_id: m.name for m in bench.lake.read("failure_taxonomy", FailureMode) if m.status != "retired"}
    return improve_prompt(
        Bench(
            base, cases, baseline, Evaluator(bench, llm, READER), _judgement(alignment, names),
            gate_of(bench), reads_of_test(bench), flip_labels(bench, base),
            lambda version: bench.lake.read("answers", CaseAnswer, "prompt_version = ?", [version]),
        ),
        proposals,
    )  # fmt: skip


def gate_of(bench: Workbench) -> Gate:
    """Return the gate as the settings have it; the modes that a person consents to are given by name or id."""
    names = {m.mode_id: m.name for m in bench.lake.read("failure_taxonomy", FailureMode)}
    settings = bench.settings.gate
    return build_gate(settings.model_copy(update={"consent": tuple(names.get(m, m) for m in settings.consent)}))


def build_gate(settings: GateSettings) -> Gate:
    """Return the gate with these settings."""
    return Gate(**settings.model_dump())


def _judgement(alignment: Sequence[JudgeAlignment], names: Mapping[str, str]) -> Judgement:
    """Return how rows are read: by the judges that agree with the expert, with their known errors."""
    trusted = deciding(alignment)
    errors = {e: error.youden for e, error in judge_errors(alignment).items()}
    return Judgement(
        lambda rows: case_scores(without_stale(rows, alignment), trusted),
        lambda rows, evaluator: mode_scores(without_stale(rows, alignment), evaluator),
        tuple(sorted(e for e in trusted if e.startswith("judge:"))),
        (answered.NAME, resisted.NAME),
        {OVERALL if e == COMPOSITE else e: j for e, j in errors.items()},
        names,
    )


def flip_labels(bench: Workbench, base: PromptVersion) -> dict[str, dict[str, tuple[bool, bool]]]:
    """Return the expert's verdicts on cases that flip between `base` and a candidate, by candidate; the last counts.

    Raises:
        CorruptFileError: a line of the file lacks a field, or has a verdict that is neither pass nor fail.
    """
    found: dict[str, dict[str, tuple[bool, bool]]] = {}
    for number, row in enumerate(bench.home.append_only(FLIP_LABELS_FILE).read().rows, 1):
        known = all(isinstance(row.get(k), str) for k in ("base", "candidate", "case_id"))
        if not known or not {row.get("before"), row.get("after")} <= {"pass", "fail"}:
            raise CorruptFileError(
                f"{FLIP_LABELS_FILE}, line {number}: expected base, candidate, case_id, and `pass` or `fail` as before "
                "and after"
            )
        if row["base"] == base.version:
            verdicts = row["before"] == "pass", row["after"] == "pass"
            found.setdefault(row["candidate"], {})[row["case_id"]] = verdicts
    return found


def _evidence(bench: Workbench, cases: list[GoldenCase], baseline: list[EvalResult]) -> list[ModeEvidence]:
    """Return the modes that still fail, most frequent first, with what the improver may see of them.

    That is the train split; that a mode fails may show on dev too, never on test.
    """
    seen = {c.case_id for c in cases if c.split != "test"}
    failing = {r.evaluator for r in baseline if r.label == "fail" and r.case_id in seen}
    modes = [m for m in bench.lake.read("failure_taxonomy", FailureMode) if f"judge:{m.mode_id}" in failing]
    ranked = sorted(modes, key=lambda m: m.rank)[: bench.settings.improve.max_modes]
    own = {
        m.mode_id: [c for c in cases if c.mode_id == m.mode_id and c.split == "train" and c.kind == "failure"]
        for m in ranked
    }
    return [
        ModeEvidence(
            m.name, m.definition, m.n_failures, tuple(c.criteria or "" for c in own[m.mode_id]), tuple(own[m.mode_id])
        )
        for m in ranked
    ]
