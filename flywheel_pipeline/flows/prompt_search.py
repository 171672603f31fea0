"""Look for a better prompt with the improvers that the settings name, and keep the tree of all that was considered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.ports import LLM
from flywheel_pipeline.records import FailureMode, PromptCandidate, PromptTrial
from flywheel_pipeline.steps.capture.redact import Redactor
from flywheel_pipeline.steps.improve import Bench, Improver, Search
from flywheel_pipeline.steps.improve.failures import Failures
from flywheel_pipeline.steps.improve.few_shot import FewShot
from flywheel_pipeline.steps.improve.gepa_search import Gepa
from flywheel_pipeline.steps.improve.lineage import tree_lines
from flywheel_pipeline.steps.improve.reflective import Reflective


def search_prompt(bench: Workbench, compared: Bench, llm: LLM) -> list[PromptCandidate]:
    """Return the candidates of a search against `compared`; none when no failure mode fails.

    The table `prompt_trials` is written in any case, also where the search breaks off.

    Raises:
        SettingsError: the budget is too small for one full round.
        ModelError: the improver gave no usable reply, or a model cannot be called.
        BudgetError: a limit of `llm` is reached; the next run goes on where this one ended.
    """
    failures = Failures(bench.lake.read("failure_taxonomy", FailureMode), bench.settings.improve.max_modes)
    search = Search.over(compared, build_improvers(bench, llm, failures), bench.settings.improve.max_answers)
    try:
        return search.run() if failures.of(search.trials.base, search.trials) else []
    finally:
        bench.lake.write("prompt_trials", search.lineage())


def build_improvers(bench: Workbench, llm: LLM, failures: Failures) -> list[Improver]:
    """Return the improvers that `improve.improvers` names, in its order, few-shot examples last."""
    settings, app = bench.settings.improve, bench.settings.app.name
    made: dict[str, Improver] = {
        "reflective": Reflective(llm, app, failures.of, settings.rounds, settings.patience),
        "gepa": Gepa(llm, app, failures, settings.minibatch, 3 * settings.patience, settings.seed),
        "few_shot": FewShot(settings.few_shot_examples, bench.embed, Redactor().redact_text),
    }
    names = [n for n in settings.improvers if n != "few_shot" or settings.few_shot_examples]
    return [made[n] for n in sorted(dict.fromkeys(names), key=lambda n: n == "few_shot")]


@dataclass(frozen=True)
class Lineage:
    """The tree of the last search as lines for a person, and what else is known of it: why each improver stopped."""

    lines: Sequence[str]
    stopped: Sequence[str]


def read_lineage(bench: Workbench) -> Lineage | None:
    """Return the tree of the last search; None when there was none."""
    trials = sorted(bench.lake.read("prompt_trials", PromptTrial), key=lambda t: t.number)
    return Lineage(tree_lines(trials), trials[0].reason.splitlines()) if trials else None
