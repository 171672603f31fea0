"""Try a prompt, or another model, on a few cases of a failure mode: both answers, the verdicts, the price.

Nothing is kept in the tables, and no case of the test split is read. Answers and verdicts that were asked for before,
by a trial or a run, come from the cache.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from flywheel_pipeline.adapters.home.files import TAXONOMY_FILE
from flywheel_pipeline.errors import EditError, HomeError
from flywheel_pipeline.flows.case_details import CaseDetails, Side
from flywheel_pipeline.flows.compare import Compared, Evaluated
from flywheel_pipeline.flows.evaluate import Evaluator, active_cases, standing_judges
from flywheel_pipeline.flows.evaluators import modes_of
from flywheel_pipeline.flows.other_model import refuse_if_own, with_model
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import EvalResult, FailureMode, GoldenCase, JudgeAlignment, PromptVersion
from flywheel_pipeline.steps.cluster import Mode, load_taxonomy
from flywheel_pipeline.steps.cluster.edit import find_mode
from flywheel_pipeline.steps.evaluate import (
    CaseChange,
    Evaluation,
    Plan,
    compare_versions,
    evaluator_names,
    majority,
    run_evals,
)
from flywheel_pipeline.steps.evaluate.case_change import judge_case
from flywheel_pipeline.steps.evaluate.usage import Usage, usage_of
from flywheel_pipeline.steps.improve.foreign import lost_variables

SHOWN = 10
"""Cases that a trial asks."""
SPLITS = ("dev", "train")
"""Splits that a trial may read, in the order in which their cases are taken."""


@dataclass(frozen=True)
class TryRequest:
    """What is tried: a prompt's text, another model, or both; `mode` is the id or name of a failure mode."""

    mode: str
    text: str = ""
    model: str = ""
    n: int = SHOWN


@dataclass(frozen=True)
class Tried:
    """A trial's comparison, its cases whole, and what an answer took before and after.

    `evaluators` are those of the failure mode, whether or not they may decide.
    """

    mode: str
    evaluators: tuple[str, ...]
    compared: Compared
    details: Mapping[str, CaseDetails]
    before: Usage
    after: Usage


def try_prompt(bench: Workbench, trial: TryRequest) -> Tried:
    """Ask the app the cases of a mode under the production prompt and under the trial's, and judge both.

    The evaluators are those of the mode; which of them may decide is as in the last run.

    Raises:
        EditError: there is no such mode, nothing differs, the prompt drops or invents a variable, or the app does not
            depend on what is tried.
        HomeError: there is no production prompt, or the mode has no case that may be read.
        ModelError: the app answered no case.
        BudgetError: the spending limit is reached; what was answered is cached.
    """
    base, mode = (
        _production(bench),
        find_mode(load_taxonomy(bench.home.reviewed(TAXONOMY_FILE).read().value), trial.mode),
    )
    draft = _draft(bench, base, trial)
    cases = _cases(bench, mode, trial.n)
    other = with_model(bench, trial.model) if trial.model else bench
    old, plan = _ask(bench, base, cases, mode)
    new, _ = _ask(other, draft, cases, mode)
    old.check()
    new.check()
    names = (f"{base.version} (production)", _name(bench, base, draft, trial))
    evaluators = (*(m.evaluator for m in plan.modes), *(c.row_name for c in plan.checks if c.mode_id))
    compared = _compared(bench, plan, cases, names, (old.results, new.results))
    if len(cases) < trial.n:
        note = f"the mode has {len(cases)} case{'s' * (len(cases) > 1)} of the train and dev splits"
        compared = replace(compared, notes=(note, *compared.notes))
    details = {c.case_id: CaseDetails(c, _side(old, c), _side(new, c)) for c in cases}
    return Tried(
        mode_names(bench).get(mode.mode_id, mode.title),
        evaluators,
        compared,
        details,
        usage_of(old.answers),
        usage_of(new.answers),
    )


def modes_to_try(bench: Workbench) -> list[tuple[str, str, int]]:
    """Return (id, name, cases that may be read) of each failure mode that has some, most cases first."""
    names, cases = mode_names(bench), Counter(c.mode_id for c in _open_cases(bench))
    counted = [
        (m.mode_id, names.get(m.mode_id, m.title), cases[m.mode_id]) for m in modes_of(bench) if not m.merged_into
    ]
    return sorted((c for c in counted if c[2]), key=lambda c: (-c[2], c[1]))


def mode_names(bench: Workbench) -> dict[str, str]:
    """Return {mode_id: name} of the table `failure_taxonomy`."""
    return {m.mode_id: m.name for m in bench.lake.read("failure_taxonomy", FailureMode)}


def _production(bench: Workbench) -> PromptVersion:
    found = bench.registry.production()
    if found is None:
        raise HomeError("There is no production prompt yet: `flywheel run` takes it from the traces.")
    return found


def _draft(bench: Workbench, base: PromptVersion, trial: TryRequest) -> PromptVersion:
    if trial.text and bench.settings.app.recorded:
        raise EditError("The app's answers are recorded (app.recorded): they do not depend on the prompt.")
    if trial.model:
        refuse_if_own(bench)
    draft = PromptVersion.of(base.name, trial.text or base.text, base.version, "tried by a person")
    if draft.text == base.text and not trial.model:
        raise EditError("The prompt is the one in production: change it, or name another model.")
    if lost := lost_variables(draft.text, base.text):
        raise EditError(f"The prompt {lost}: it must keep the variables of the one in production.")
    return draft


def _cases(bench: Workbench, mode: Mode, n: int) -> list[GoldenCase]:
    own = [c for c in _open_cases(bench) if c.mode_id == mode.mode_id]
    if not own:
        raise HomeError(
            f'"{mode.title}" has no case of the train or dev split, and test cases are never tried: label more '
            "failures of it, then `flywheel run`."
        )
    return own[:n]


def _open_cases(bench: Workbench) -> list[GoldenCase]:
    """Return the cases that a trial may read, those of dev first."""
    found = [c for c in active_cases(bench) if c.split in SPLITS and c.kind != "adversarial"]
    return sorted(found, key=lambda c: (SPLITS.index(c.split), c.case_id))


def _ask(bench: Workbench, prompt: PromptVersion, cases: Sequence[GoldenCase], mode: Mode) -> tuple[Evaluation, Plan]:
    llm = bench.llm()
    whole = Evaluator(bench, llm).plan()
    plan = replace(
        whole,
        modes=[m for m in whole.modes if m.mode_id == mode.mode_id],
        checks=[c for c in whole.checks if c.mode_id in (mode.mode_id, None)],
    )
    return run_evals(prompt, cases, plan, bench.app(llm), llm), plan


def _name(bench: Workbench, base: PromptVersion, draft: PromptVersion, trial: TryRequest) -> str:
    text = "" if draft.text == base.text else f"{draft.version} (draft)"
    return " with ".join(x for x in (text or f"{base.version} (production)", trial.model) if x)


def _compared(
    bench: Workbench,
    plan: Plan,
    cases: Sequence[GoldenCase],
    names: tuple[str, str],
    rows: tuple[Sequence[EvalResult], Sequence[EvalResult]],
) -> Compared:
    asked = {m.evaluator for m in plan.modes} | {c.row_name for c in plan.checks}
    alignment = [a for a in standing_judges(bench) if a.evaluator in asked]
    changes = [_change(c, rows, alignment) for c in cases]
    modes = mode_names(bench)
    called = {**{f"judge:{m}": name for m, name in modes.items()}, **evaluator_names(alignment, modes)}
    sides = [Evaluated(name, "", len(cases)) for name in names]
    few = "these cases are examples; whether a prompt may ship is decided by `flywheel run` and the gate"
    return Compared(sides[0], sides[1], compare_versions(changes, alignment), called, (few,), ())


def _change(
    case: GoldenCase,
    rows: tuple[Sequence[EvalResult], Sequence[EvalResult]],
    alignment: Sequence[JudgeAlignment],
) -> CaseChange:
    before, after = (judge_case([r for r in side if r.case_id == case.case_id], alignment) for side in rows)
    return CaseChange(case.case_id, before, after, case.kind, case.mode_id, case.family, case.split, case.input)


def _side(found: Evaluation, case: GoldenCase) -> Side:
    return Side(
        tuple(a for a in found.answers if a.case_id == case.case_id),
        tuple(majority([r for r in found.results if r.case_id == case.case_id])),
    )
