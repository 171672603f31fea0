"""Measure the judge of one failure mode on the labels of a home, without an evaluation of the golden set."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flywheel_pipeline.adapters.home.files import TAXONOMY_FILE
from flywheel_pipeline.errors import EvaluationError
from flywheel_pipeline.flows.evaluate import Evaluator, active_cases, judges_of
from flywheel_pipeline.flows.labelled import labelled_answers
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import JudgeAlignment, JudgeVerdict
from flywheel_pipeline.steps.cluster import load_taxonomy
from flywheel_pipeline.steps.cluster.edit import find_mode
from flywheel_pipeline.steps.evaluate import align_judges, mark_dev
from flywheel_pipeline.steps.evaluate.labelled import is_of
from flywheel_pipeline.steps.golden import near_pairs


@dataclass(frozen=True)
class MeasuredJudge:
    """The judge of a mode (`name`) and its model, how far it agrees with the expert, and every verdict behind that."""

    name: str
    model: str
    alignment: JudgeAlignment
    verdicts: list[JudgeVerdict]


def measure_judge(bench: Workbench, word: str) -> MeasuredJudge:
    """Ask the judge of a mode (its id or name) about the labelled answers that measure it.

    The tables stay as they are: the next run measures all judges, and takes these verdicts from the cache.

    Raises:
        EditError: there is no such mode.
        EvaluationError: the mode has no judge, or no label measures it.
    """
    mode = find_mode(load_taxonomy(bench.home.reviewed(TAXONOMY_FILE).read().value), word)
    judge = next((j for j in judges_of(bench) if j.mode_id == mode.mode_id), None)
    if judge is None:
        raise EvaluationError(f"“{mode.name}” has no judge: it has no failures, or evaluators.yaml rejects its judge.")
    answers = mark_dev(labelled_answers(bench), active_cases(bench), near_pairs)
    own = [a for a in answers if is_of(a, judge)]
    if not own:
        raise EvaluationError(f"No labelled answer measures the judge of “{mode.name}”: `flywheel label` makes them.")
    evaluator = Evaluator(bench, bench.llm())
    plan = replace(evaluator.plan(), modes=[judge], checks=())
    found = align_judges(own, plan, evaluator.llm, bench.settings.evaluate.judge_checks)
    return MeasuredJudge(mode.name, plan.judge_model, found.rows[0], found.verdicts)
