"""`answers`, `eval_results`, `judge_alignment`: how the production prompt does, and which judges can be trusted."""

from collections import Counter
from collections.abc import Iterator

import dagster as dg

from flywheel_pipeline.defs.charts import bars
from flywheel_pipeline.defs.factory import multi_asset
from flywheel_pipeline.defs.metadata import table
from flywheel_pipeline.flows.cells import cost_of_verdicts, evaluate_estimated
from flywheel_pipeline.flows.evaluate import Evaluated
from flywheel_pipeline.flows.evaluation_inputs import evaluation_inputs
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import CaseAnswer, FailureMode, JudgeAlignment
from flywheel_pipeline.steps.evaluate import (
    COMPOSITE,
    ModePassRate,
    coverage_of,
    decides,
    deciding,
    does_not_apply,
    evaluator_names,
    find_disagreements,
    golden_rate,
    outcomes_by_case,
    pass_rates,
    report_repeats,
    what_to_label,
)
from flywheel_pipeline.steps.evaluate.report import MIN_COVERAGE

OWNERS = ["team:evals"]
SHOWN = 25
INPUTS = "inputs"
"""A digest of all that the evaluation depended on; the nightly one is skipped while it stays the same."""
NOT_KNOWN = "not known: no judge agrees with the expert yet"


@multi_asset(
    specs=[
        dg.AssetSpec(
            "answers", deps=["golden_set", "production_prompt"], group_name="evaluate",
            owners=OWNERS, kinds={"litellm"},
            description="What the app answered to the golden cases, one row per case, prompt version and repeat, or "
            "why there is no answer. An answer is made once and judged by many.",
        ),
        dg.AssetSpec(
            "eval_results", deps=["golden_set", "failure_taxonomy", "production_prompt"], group_name="evaluate",
            owners=OWNERS, kinds={"litellm"},
            description="The production prompt on the golden set: one row per case and evaluator, with the reason. "
            "Rows of candidates are added by `prompt_candidate`.",
        ),
        dg.AssetSpec(
            "judge_alignment", deps=["golden_set", "failure_taxonomy"], group_name="evaluate",
            owners=OWNERS, kinds={"litellm"},
            description="How far every judge and check of a failure mode agrees with the expert on labelled answers. "
            "Only a trusted one decides.",
        ),
    ],
    name="run_evaluators",
    pool=True,
)  # fmt: skip
def eval_results(bench: dg.ResourceParam[Workbench]) -> Iterator[dg.MaterializeResult]:
    """Runs the app on the golden cases, judges its answers, and judges the judges."""
    inputs, done = evaluation_inputs(bench), evaluate_estimated(bench)
    modes = {m.mode_id: m.name for m in bench.lake.read("failure_taxonomy", FailureMode)}
    names = evaluator_names(done.alignment, modes)
    yield dg.MaterializeResult("answers", metadata=_answer_metadata(done.answers))
    cost = {"cost_usd": dg.MetadataValue.float(round(cost_of_verdicts(bench, done.prompt.version), 6))}
    shown = {**_metadata(done, names), **cost, **_disagreement_metadata(done, names, modes)}
    shown[INPUTS] = dg.MetadataValue.text(inputs)
    yield dg.MaterializeResult("eval_results", metadata=shown)
    yield dg.MaterializeResult("judge_alignment", metadata=_alignment_metadata(done.alignment, names))


def _answer_metadata(answers: list[CaseAnswer]) -> dict[str, dg.MetadataValue]:
    failed = [[a.case_id, a.error] for a in answers if a.error]
    unknown = sum(a.cost_usd is None and not a.error for a in answers)  # a sum without them would be too small
    cost = dg.MetadataValue.float(sum((a.cost_usd or 0.0 for a in answers), 0.0))
    return {
        "dagster/row_count": dg.MetadataValue.int(len(answers)),
        "n_without_answer": dg.MetadataValue.int(len(failed)),
        "n_from_cache": dg.MetadataValue.int(sum(a.cached for a in answers)),
        **({"n_of_unknown_cost": dg.MetadataValue.int(unknown)} if unknown else {"cost_usd": cost}),
        "without_answer": table(("case", "error"), failed[:SHOWN]),
    }


def _metadata(done: Evaluated, names: dict[str, str]) -> dict[str, dg.MetadataValue]:
    prompt, results, alignment = done.prompt, done.results, done.alignment
    outputs = {a.answer_id: a.output for a in done.answers}
    trusted = deciding(alignment)
    repeats = report_repeats(outcomes_by_case(results, trusted)) if any(r.repeat for r in results) else None
    flaky = {"repeats": dg.MetadataValue.text(f"{repeats}: {', '.join(repeats.flaky)}")} if repeats else {}
    overall = golden_rate(results, alignment)
    best = (overall.corrected or overall.judged) if overall and overall.share >= MIN_COVERAGE else None
    plotted = {"pass_rate_of_golden_set": dg.MetadataValue.float(round(float(best.value), 4))} if best else {}
    rates, coverage = pass_rates(results), coverage_of(results, trusted)
    rows = [
        [names.get(r.evaluator, r.evaluator), f"{r.rate.value:.0%}", f"{r.rate.low:.0%} to {r.rate.high:.0%}", r.rate.n,
         r.n_undecided, "yes" if r.evaluator in trusted else "no"]
        for r in rates
    ]  # fmt: skip
    failed = [
        [r.case_id, names.get(r.evaluator, r.evaluator), r.explanation, outputs.get(r.answer_id)]
        for r in results
        if r.label == "fail"
    ]
    return {
        "dagster/row_count": dg.MetadataValue.int(len(results)),
        "prompt_version": dg.MetadataValue.text(prompt.version),
        **plotted,
        **flaky,
        **trends(rates, names, trusted),
        "coverage": dg.MetadataValue.float(round(coverage.share if overall else 0.0, 4)),
        "passed_and_failed": dg.MetadataValue.text(str(coverage) if overall else NOT_KNOWN),
        "pass_rate_interval": dg.MetadataValue.text(str(overall or NOT_KNOWN)),
        "n_broken_evaluations": dg.MetadataValue.int(sum(r.label is None and not does_not_apply(r) for r in results)),
        "pass_rate_per_mode": bars(
            [(names.get(r.evaluator, r.evaluator), r.rate.value) for r in rates],
            [(r.rate.low, r.rate.high) for r in rates],
            percent=True,
        ),
        "evaluators": table(("evaluator", "pass rate", "95% interval", "n", "undecided", "decides"), rows),
        "failures": table(("case", "evaluator", "explanation", "output"), failed[:SHOWN]),
    }


def _disagreement_metadata(
    done: Evaluated, names: dict[str, str], modes: dict[str, str]
) -> dict[str, dg.MetadataValue]:
    """Show the answers on which evaluators of one failure mode disagree."""
    found = find_disagreements(done.results, done.alignment, modes)
    rows = [[d.case_id, d.mode, ", ".join(f"{names[e]}: {label}" for e, label in d.labels)] for d in found[:SHOWN]]
    return {
        "n_disagreements": dg.MetadataValue.int(len(found)),
        "disagreements": table(("case", "failure mode", "labels"), rows, cell=300),
    }


def trends(rates: list[ModePassRate], names: dict[str, str], trusted: set[str]) -> dict[str, dg.MetadataValue]:
    """Return the pass rate by every evaluator as a number, which Dagster plots over the runs.

    Under its failure mode's name, with the id where two share a name; those that may not decide under another key.
    """
    shared = Counter(names.values())
    found: dict[str, dg.MetadataValue] = {}
    for r in rates:
        if r.rate.n:
            name = names.get(r.evaluator, r.evaluator)
            name = f"{name} ({r.evaluator})" if shared[name] > 1 else name
            kind = "pass_rate" if r.evaluator in trusted else "pass_rate_not_counted"
            found[f"{kind}: {name}"] = dg.MetadataValue.float(round(float(r.rate.value), 4))
    return found


def _alignment_metadata(alignment: list[JudgeAlignment], names: dict[str, str]) -> dict[str, dg.MetadataValue]:
    rows = [
        [names[a.evaluator], "" if a.evaluator == COMPOSITE else a.status, a.n_fail,
         _rate(a.fail_recall, a.fail_recall_low), a.n_pass, _rate(a.pass_recall, a.pass_recall_low), a.n_unsure,
         "" if a.kappa is None else round(a.kappa, 2), "" if a.majority is None else f"{a.majority:.0%}"]
        for a in alignment
    ]  # fmt: skip
    judges = [a for a in alignment if a.mode_id]
    wanted = [[what_to_label(a, names[a.evaluator])] for a in judges if not decides(a)]
    titles = ("judge", "status", "fails", "caught", "passes", "recognised", "unsure", "kappa", "majority")
    return {
        "dagster/row_count": dg.MetadataValue.int(len(alignment)),
        "n_trusted": dg.MetadataValue.int(sum(a.status == "trusted" for a in judges)),
        "judges": table(titles, rows),
        "what_to_label": table(("next",), wanted, cell=300),
    }


def _rate(value: float | None, low: float | None) -> str:
    return "none labelled" if value is None or low is None else f"{value:.0%} (at least {low:.0%})"
