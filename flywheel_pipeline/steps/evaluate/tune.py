"""Improve a judge's criterion: propose, measure on dev, keep the best.

The model that proposes sees labelled answers of the train split, never one that a criterion is measured on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import BaseModel, Field

from flywheel_pipeline.errors import EvaluationError
from flywheel_pipeline.leakage import words
from flywheel_pipeline.ports import LLM, Ask
from flywheel_pipeline.prompting import ask_about, load_prompt, plain_messages
from flywheel_pipeline.steps.evaluate.alignment import majority_label
from flywheel_pipeline.steps.evaluate.cells import Plan
from flywheel_pipeline.steps.evaluate.evaluators.judge import ModeToJudge
from flywheel_pipeline.steps.evaluate.judge_change import JudgeChange, Label, describe_error, judge_change
from flywheel_pipeline.steps.evaluate.labelled import LabelledAnswer, ask_judges

ROLE = "improver"
SHOWN = 8
"""Labelled answers that the model which proposes is shown."""
SETS_OF_EXAMPLES = (2, 4, 8)
"""Numbers of examples that are tried."""
MIN_COVERAGE = 0.95
"""Share of the dev answers on which a criterion must have given a verdict to be chosen."""


@dataclass(frozen=True)
class Criterion:
    """What may be changed about a judge; `examples` are the traces of the train failures that it is shown.

    `verdict_first`: the label comes before the critique.
    """

    belongs: str = ""
    does_not_belong: str = ""
    guidance: str = ""
    examples: tuple[str, ...] = ()
    verdict_first: bool = False


@dataclass(frozen=True)
class ToTune:
    """A judge to tune: its criterion, {trace: text} of the train failures that may be its examples, and the labels.

    `dev` measures, `train` is shown to the model that proposes; `families` are those of `dev`.
    """

    judge: ModeToJudge
    criterion: Criterion
    pool: Mapping[str, str]
    dev: Sequence[LabelledAnswer]
    train: Sequence[LabelledAnswer]
    families: Sequence[str]

    def with_criterion(self, criterion: Criterion) -> ModeToJudge:
        """Return the judge with another criterion."""
        texts = tuple(dict.fromkeys(self.pool[t] for t in criterion.examples if t in self.pool))
        return replace(
            self.judge, belongs=criterion.belongs, does_not_belong=criterion.does_not_belong,
            guidance=criterion.guidance, examples=texts, verdict_first=criterion.verdict_first,
        )  # fmt: skip


@dataclass(frozen=True)
class Attempt:
    """One criterion that was tried: what it did on dev compared with the present one, or why it was not measured."""

    name: str
    criterion: Criterion | None
    change: JudgeChange | None
    problem: str = ""
    reason: str = ""

    def __str__(self) -> str:
        if self.change is None:
            return f"{self.name}: not measured: {self.problem}"
        return f"{self.name}: {describe_error(self.change.after)}; {self.change}"


@dataclass(frozen=True)
class Tuned:
    """All attempts, and the best of them; None where none is better on dev than the present criterion."""

    attempts: list[Attempt]
    best: Attempt | None


class ProposedCriterion(BaseModel):
    """What the model that proposes replies."""

    belongs: str = Field("", max_length=1_000)
    does_not_belong: str = Field("", max_length=1_000)
    guidance: str = Field("", max_length=1_000)
    reason: str = Field("", max_length=1_000)


Leaks = Callable[[str], Sequence[str]]
"""Returns the ids of held-out cases that a text gives away."""


def tune_judge(to_tune: ToTune, plan: Plan, llm: LLM, n_rounds: int, leaks: Leaks) -> Tuned:
    """Try other examples, the other order of verdict and critique, and `n_rounds` criteria that a model proposes.

    The best on dev is kept, never the last.

    An answer without a verdict counts for no criterion, neither as right nor as wrong. A criterion that gave no
    verdict on more than 5 % of dev is not chosen. Ties go to what was tried first, the present one before all.

    Raises:
        EvaluationError: the present criterion gave no verdict on more than 5 % of dev, so that there is nothing to
            compare with.
    """
    base = _labels(to_tune.judge, to_tune.dev, plan, llm)
    if (n_known := sum(label is not None for label in base)) < MIN_COVERAGE * len(base):
        raise EvaluationError(
            f"The judge gave a verdict on {n_known} of {len(base)} dev answers only: check `models.judge`, try again."
        )
    search = _Search(to_tune, plan, llm, base, [])
    for name, chosen in choices_of_examples(to_tune):
        search.measure(name, replace(to_tune.criterion, examples=chosen))
    now = to_tune.criterion
    other = "critique before the verdict" if now.verdict_first else "verdict before the critique"
    search.measure(other, replace(now, verdict_first=not now.verdict_first))
    for number in range(1, n_rounds + 1):
        search.propose(number, leaks)
    return Tuned(search.attempts, _best(search.attempts))


@dataclass(frozen=True)
class _Search:
    """What was tried so far; `base` are the labels that the present criterion leads to on dev."""

    to_tune: ToTune
    plan: Plan
    llm: LLM
    base: Sequence[Label]
    attempts: list[Attempt]

    def measure(self, name: str, criterion: Criterion, reason: str = "") -> None:
        """Measure a criterion on dev."""
        dev = self.to_tune.dev
        labels = _labels(self.to_tune.with_criterion(criterion), dev, self.plan, self.llm)
        n_missing = sum(label is None for label in labels)
        if n_missing > (1 - MIN_COVERAGE) * len(labels):
            problem = f"no verdict on {n_missing} of {len(labels)} dev answers"
            self.attempts.append(Attempt(name, criterion, None, problem, reason))
        else:
            change = judge_change(dev, self.base, labels, self.to_tune.families)
            self.attempts.append(Attempt(name, criterion, change, "", reason))

    def propose(self, number: int, leaks: Leaks) -> None:
        """Ask for a criterion that is better than the best so far, and measure it."""
        best, name = _best(self.attempts), f"criterion {number}"
        start = best.criterion if best and best.criterion else self.to_tune.criterion
        reply = self.llm.ask([_propose_ask(self, start, number)])[0]
        if not isinstance(reply.parsed, ProposedCriterion):
            self.attempts.append(Attempt(name, None, None, f"no proposal: {reply.error}"))
            return
        said = reply.parsed
        texts = tuple(" ".join(t.split()) for t in (said.belongs, said.does_not_belong, said.guidance))
        criterion = Criterion(texts[0], texts[1], texts[2], start.examples, start.verdict_first)
        if given_away := leaks("\n".join(texts)):
            self.attempts.append(Attempt(name, criterion, None, f"it repeats the held-out case {given_away[0]}"))
        elif criterion in (self.to_tune.criterion, *(a.criterion for a in self.attempts)):
            self.attempts.append(Attempt(name, criterion, None, "it was tried before"))
        else:
            self.measure(name, criterion, " ".join(said.reason.split()))


def _best(attempts: Sequence[Attempt]) -> Attempt | None:
    """Return the first of the attempts that gain most on dev, None where none gains."""
    better = [a for a in attempts if a.change is not None and a.change.difference > 0]
    return max(better, key=lambda a: a.change.difference if a.change else 0.0, default=None)


def _labels(judge: ModeToJudge, answers: Sequence[LabelledAnswer], plan: Plan, llm: LLM) -> list[Label]:
    found = ask_judges([(judge, a) for a in answers], plan, llm, range(plan.judge_repeats))
    return [majority_label([v.label for v in verdicts]) for verdicts in found]


def choices_of_examples(to_tune: ToTune) -> list[tuple[str, tuple[str, ...]]]:
    """Return (name, traces) of the sets of examples to try: failures that differ most in words, for every number."""
    now = set(to_tune.with_criterion(to_tune.criterion).examples) or set(to_tune.judge.examples)
    found: dict[tuple[str, ...], str] = {}
    for n in SETS_OF_EXAMPLES:
        chosen = _diverse(to_tune.pool, n)
        if chosen and {to_tune.pool[t] for t in chosen} != now:
            found.setdefault(chosen, f"{len(chosen)} other examples")
    return [(name, chosen) for chosen, name in found.items()]


def _diverse(pool: Mapping[str, str], n: int) -> tuple[str, ...]:
    """Return `n` traces, each the one whose words differ most from those chosen before (k-centre, greedy)."""
    bags = {t: frozenset(words(text)) for t, text in pool.items()}
    left = list({bag: t for t, bag in reversed(bags.items())}.values())[::-1]
    chosen = left[:1]
    while len(chosen) < min(n, len(left)):
        rest = [t for t in left if t not in chosen]
        chosen.append(max(rest, key=lambda t: min(_distance(bags[t], bags[c]) for c in chosen)))
    return tuple(chosen)


def _distance(a: frozenset[str], b: frozenset[str]) -> float:
    return 1 - len(a & b) / max(len(a | b), 1)


def _propose_ask(search: _Search, start: Criterion, number: int) -> Ask:
    to_tune, plan = search.to_tune, search.plan
    judge = to_tune.with_criterion(start)
    tried = [
        {"belongs": a.criterion.belongs, "does_not_belong": a.criterion.does_not_belong,
         "guidance": a.criterion.guidance, "outcome": describe_error(a.change.after) if a.change else a.problem}
        for a in search.attempts if a.criterion
    ]  # fmt: skip
    answers = _shown_answers(to_tune, judge, plan, search.llm)
    data = {"failure_mode": judge.shown(), "answers": answers, "tried": tried}
    ask = ask_about(ROLE, load_prompt(__package__, "tune_judge").format(app=plan.app_name), data, ProposedCriterion)
    return Ask(ask.role, ask.messages, ask.schema, number)


def _shown_answers(to_tune: ToTune, judge: ModeToJudge, plan: Plan, llm: LLM) -> list[dict[str, object]]:
    """Return labelled answers of train with both verdicts, those on which they differ first.

    The judge is asked about each without the remark on that very answer among its examples, which would give it away.
    """
    without = [
        replace(judge, examples=tuple(e for e in judge.examples if e != to_tune.pool.get(a.trace_id)))
        for a in to_tune.train
    ]
    found = ask_judges(list(zip(without, to_tune.train, strict=True)), plan, llm, [0])
    rows = [(a, v) for a, (v,) in zip(to_tune.train, found, strict=True) if v.label is not None]
    rows.sort(key=lambda row: (row[1].label == row[1].expert, row[1].expert))
    return [
        {"conversation": plain_messages(json.loads(a.case.messages)), "answer": a.case.observed_output,
         "expert": {"verdict": v.expert, "remark": a.case.criteria if a.failed else None},
         "judge": {"verdict": v.label, "reason": v.explanation}}
        for a, v in rows[:SHOWN]
    ]  # fmt: skip
