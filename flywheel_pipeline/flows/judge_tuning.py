"""Improve the judge of a failure mode on the labels of a home, and compare its model with another one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from flywheel_pipeline.adapters.home.files import PROPOSALS_FILE, TAXONOMY_FILE
from flywheel_pipeline.errors import EvaluationError
from flywheel_pipeline.flows.evaluate import (
    Evaluator,
    active_cases,
    judges_of,
    to_judge,
    train_traces,
)
from flywheel_pipeline.flows.labelled import labelled_answers
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.leakage import leaks
from flywheel_pipeline.records import JudgeVerdict
from flywheel_pipeline.settings import Settings
from flywheel_pipeline.stats import JudgeError
from flywheel_pipeline.steps.cluster import (
    Mode,
    ProposedChange,
    criterion_version,
    dump_proposals,
    load_proposals,
    load_taxonomy,
    with_tuned,
)
from flywheel_pipeline.steps.cluster.edit import find_mode
from flywheel_pipeline.steps.evaluate import LabelledAnswer, ModeToJudge, Plan, mark_dev
from flywheel_pipeline.steps.evaluate.alignment import majority_label
from flywheel_pipeline.steps.evaluate.judge_change import (
    AgreementMatrix,
    JudgeChange,
    agreement_matrix,
    describe_error,
    judge_change,
    judge_error,
)
from flywheel_pipeline.steps.evaluate.labelled import Asked, ask_judges, families_of, is_of
from flywheel_pipeline.steps.evaluate.tune import Attempt, Criterion, ToTune, Tuned, tune_judge
from flywheel_pipeline.steps.golden import near_pairs

STAND_IN = "offline/"
"""What the name of a stand-in begins with: it writes no criteria."""


@dataclass(frozen=True)
class TuningLabels:
    """Which labels a judge is tuned on, and {why not: how many} of those that are not used."""

    dev: list[LabelledAnswer]
    train: list[LabelledAnswer]
    dropped: dict[str, int]

    def __str__(self) -> str:
        n_fails, n_train = sum(a.failed for a in self.dev), len(self.train)
        n_passes = len(self.dev) - n_fails
        used = f"of dev {_count(n_fails, 'fail', 'fails')} and {_count(n_passes, 'pass', 'passes')} to measure on, "
        used += f"{n_train} of train to show to the model that proposes"
        left = ", ".join(f"{n} {why}" for why, n in self.dropped.items() if n)
        return f"labels used: {used}; not used: {left or 'none'}"


def _count(n: int, one: str, many: str) -> str:
    return f"{n} {one if n == 1 else many}"


@dataclass(frozen=True)
class TunedJudge:
    """What tuning a judge found; `proposal` waits for a person, None where nothing is better."""

    name: str
    labels: TuningLabels
    tuned: Tuned
    proposal: ProposedChange | None
    note: str = ""


def tune_mode(bench: Workbench, word: str, n_rounds: int) -> TunedJudge:
    """Look for a better criterion for the judge of a mode (its id or name), and propose the best on dev.

    Raises:
        EditError: there is no such mode, or the best criterion was rejected before.
        EvaluationError: the mode has no judge; dev has no labelled failure of it, or no pass; or the judge gives no
            verdicts.
    """
    known = load_taxonomy(bench.home.reviewed(TAXONOMY_FILE).read().value)
    mode, cases = find_mode(known, word), active_cases(bench)
    labels = tuning_labels(bench, mode)
    _check_judged(mode, judges_of(bench))
    _check(mode, labels)
    evaluator = Evaluator(bench, bench.llm())
    train = train_traces(bench)
    pool = {x.trace_id: x.text for x in mode.members if x.trace_id in train}
    now = Criterion(
        mode.belongs, mode.does_not_belong, mode.judge_guidance, _shown_now(mode, pool), mode.judge_verdict_first
    )
    judge = replace(to_judge(mode, pool), is_tuned=False)
    to_tune = ToTune(judge, now, pool, labels.dev, labels.train, families_of(labels.dev, near_pairs))
    is_stand_in = bench.model_name("improver").startswith(STAND_IN)
    base = "\n".join((mode.definition, mode.belongs, mode.does_not_belong, mode.judge_guidance))
    tuned = tune_judge(
        to_tune, evaluator.plan(), evaluator.llm, 0 if is_stand_in else n_rounds, lambda text: leaks(text, cases, base)
    )
    proposal = _proposal(mode, labels, tuned.best) if tuned.best else None
    if proposal:
        file = bench.home.reviewed(PROPOSALS_FILE)
        seen = file.read()
        file.replace(dump_proposals(with_tuned(load_proposals(seen.value), proposal)), seen.version)
    note = "the offline stand-in writes no criteria, only examples were tried: name a model in `models.improver`"
    return TunedJudge(mode.name, labels, tuned, proposal, note if is_stand_in else "")


def _shown_now(mode: Mode, pool: dict[str, str]) -> tuple[str, ...]:
    """Return the traces of the examples that the judge is shown now, one for every text."""
    texts = to_judge(mode, pool).examples
    return tuple(next(t for t, text in pool.items() if text == shown) for shown in texts if shown in pool.values())


def tuning_labels(bench: Workbench, mode: Mode) -> TuningLabels:
    """Return the labelled answers that a mode's judge is tuned on, and count the others by the reason."""
    answers, cases = labelled_answers(bench), active_cases(bench)
    train = {c.source_trace_id for c in cases if c.split == "train"}
    measured = {a.trace_id: a for a in mark_dev(answers, cases, near_pairs)}
    test = {c.source_trace_id for c in cases if c.split == "test"}
    found = TuningLabels([], [], {})
    for a in answers:
        reason = _unused(a, mode, test)
        held = measured.get(a.trace_id)
        if reason is None and held is not None and held.is_dev:
            found.dev.append(held)
        elif reason is None and a.trace_id in train:
            found.train.append(a)
        else:
            why = reason or (
                "like a train case" if held is None else "of no dev case: they measure the judge afterwards"
            )
            found.dropped[why] = found.dropped.get(why, 0) + 1
    return found


def _unused(answer: LabelledAnswer, mode: Mode, test: set[str | None]) -> str | None:
    if not (answer.case.observed_output or "").strip():
        return "without an answer"
    if answer.failed and answer.case.mode_id != mode.mode_id:
        return "failures of other modes"
    return "of the test split" if answer.trace_id in test else None


def _check_judged(mode: Mode, judges: Sequence[ModeToJudge]) -> None:
    if mode.mode_id not in {m.mode_id for m in judges}:
        why = "a person rejected it in `evaluators.yaml`" if mode.members else "no failure belongs to the mode"
        raise EvaluationError(f"There is no judge of {mode.name!r}: {why}.")


def _check(mode: Mode, labels: TuningLabels) -> None:
    n_fails = sum(a.failed for a in labels.dev)
    missing = [
        what for what, n in ((f"failures of {mode.name!r}", n_fails), ("passes", len(labels.dev) - n_fails)) if not n
    ]
    if missing:
        raise EvaluationError(
            f"The judge of {mode.name!r} cannot be tuned: no labelled {' and no '.join(missing)} in the dev split. "
            f"Label more {' and '.join(missing)} (`flywheel label`); a run puts a part of them into dev. {labels}"
        )


def _proposal(mode: Mode, labels: TuningLabels, best: Attempt) -> ProposedChange:
    assert best.criterion is not None and best.change is not None
    c, change = best.criterion, best.change
    parts = {
        "belongs": (mode.belongs, c.belongs), "does not belong": (mode.does_not_belong, c.does_not_belong),
        "guidance": (mode.judge_guidance, c.guidance),
    }  # fmt: skip
    changed = [f"{name}: {new or '(nothing)'!s}" for name, (old, new) in parts.items() if old != new]
    what = f"Change the judge of “{mode.name}”: {'; '.join(changed) or best.name}"
    why = (
        f"on {change.n} dev answers it {describe_error(change.after)} (now: {describe_error(change.before)}), "
        f"{change}; the best of several looks better than it is: from the next run on it is measured on other labels"
    )
    examples = tuple(x.text for x in mode.members if x.trace_id in c.examples)
    return ProposedChange(
        "judge", (mode.mode_id,), what, why, traces=c.examples, examples=examples, belongs=c.belongs,
        does_not_belong=c.does_not_belong, guidance=c.guidance, verdict_first=c.verdict_first,
        base=criterion_version(mode),
    )  # fmt: skip


@dataclass(frozen=True)
class ModelComparison:
    """Two models as the judge of a failure mode, on the same `n` labelled answers that neither has seen.

    `old` and `new` are (name, what it recognises where it gave a verdict); `problem` is the first error of the new one.
    """

    name: str
    old: tuple[str, JudgeError]
    new: tuple[str, JudgeError]
    n: int
    matrix: AgreementMatrix
    change: JudgeChange
    problem: str = ""


def compare_models(bench: Workbench, model: str, api_base: str | None, word: str | None) -> list[ModelComparison]:
    """Ask another model what the judges were asked about labelled answers, and compare; nothing is decided.

    All other settings of `models.judge` stay, but for the price, which is that of the new model. The verdicts of the
    new model are kept in `judge_verdicts`.

    Raises:
        EditError: there is no mode called `word`.
        EvaluationError: the mode has no judge, or there is no labelled answer to compare on.
    """
    other = Workbench(_with_judge(bench.settings, model, api_base))
    known = load_taxonomy(bench.home.reviewed(TAXONOMY_FILE).read().value)
    judges = judges_of(bench)
    if word:
        mode = find_mode(known, word)
        _check_judged(mode, judges)
        judges = [m for m in judges if m.mode_id == mode.mode_id]
    answers = mark_dev(labelled_answers(bench), active_cases(bench), near_pairs)
    own = [(m, a) for m in judges for a in answers if is_of(a, m)]
    if not own:
        raise EvaluationError("No labelled answer to compare judges on: label some (`flywheel label`), and run again.")
    found = [_ask(b, own) for b in (bench, other)]
    slug = re.sub(r"[^A-Za-z0-9]+", "-", model).strip("-")
    bench.lake.write("judge_verdicts", [v for verdicts in found[1] for v in verdicts], part=f"model-{slug}")
    models = bench.model_name("judge"), model
    return [_comparison(known.mode(m.mode_id), models, own, found) for m in judges]


def _with_judge(settings: Settings, model: str, api_base: str | None) -> Settings:
    judge = settings.models.judge
    changes = {"model": model, "price": None if model != judge.model else judge.price}
    changed = judge.model_copy(update={**changes, **({"api_base": api_base or None} if api_base is not None else {})})
    return settings.model_copy(update={"models": settings.models.model_copy(update={"judge": changed})})


def _ask(bench: Workbench, own: Sequence[Asked]) -> list[list[JudgeVerdict]]:
    evaluator = Evaluator(bench, bench.llm())
    plan: Plan = evaluator.plan()
    return ask_judges(own, plan, evaluator.llm, range(plan.judge_repeats))


def _comparison(
    mode: Mode, models: tuple[str, str], own: Sequence[Asked], found: Sequence[Sequence[Sequence[JudgeVerdict]]]
) -> ModelComparison:
    places = [i for i, (judge, _) in enumerate(own) if judge.mode_id == mode.mode_id]
    answers = [own[i][1] for i in places]
    old, new = ([majority_label([v.label for v in side[i]]) for i in places] for side in found)
    change = judge_change(answers, old, new, families_of(answers, near_pairs))
    errors = [(name, judge_error(answers, labels)) for name, labels in zip(models, (old, new), strict=True)]
    problem = next((v.error for i in places for v in found[1][i] if v.error), "")
    return ModelComparison(
        mode.name, errors[0], errors[1], len(places), agreement_matrix(old, new), change, problem or ""
    )
