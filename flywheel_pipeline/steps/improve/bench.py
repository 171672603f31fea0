"""What a proposal is compared with, and how rows of `eval_results` are read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flywheel_pipeline.ports import Evaluate
from flywheel_pipeline.records import CaseAnswer, EvalResult, GoldenCase, PromptVersion
from flywheel_pipeline.stats import Youden
from flywheel_pipeline.steps.improve.advice import Unjudged
from flywheel_pipeline.steps.improve.flips import FlipLabel
from flywheel_pipeline.steps.improve.foreign import Foreign
from flywheel_pipeline.steps.improve.gate import Outcomes
from flywheel_pipeline.steps.improve.rule import Gate
from flywheel_pipeline.steps.improve.traffic import Traffic

Results = Sequence[EvalResult]

OVERALL = "all evaluators"


def _no_answers(_: str) -> Sequence[CaseAnswer]:
    return ()


def _nothing(_: str) -> Sequence[Foreign]:
    return ()


@dataclass(frozen=True)
class Judgement:
    """How rows of `eval_results` are read: which cases pass, overall and by one evaluator.

    `judges` are the evaluators of failure modes that may decide; without one nothing can be decided. `checks` are the
    evaluators that are hard rules: no pass of them may fall. `errors` is {judge: its J}, with `OVERALL` for all
    together. `modes` is {mode_id: name} of the failure modes that are to be guarded; `wanted` is {mode_id: (fails,
    passes)} to label before its judge may decide, -1 where labels would not help. `mode_of` is {judge: its mode_id},
    for those that are not called `judge:<mode_id>`.
    """

    cases: Callable[[Results], Outcomes]
    mode: Callable[[Results, str], Outcomes]
    judges: tuple[str, ...]
    checks: tuple[str, ...] = ()
    errors: Mapping[str, Youden] = field(default_factory=dict)
    modes: Mapping[str, str] = field(default_factory=dict)
    wanted: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    mode_of: Mapping[str, str] = field(default_factory=dict)

    def guarded(self, judge: str) -> str:
        """Return the id of the failure mode that a judge judges."""
        return self.mode_of.get(judge, judge.removeprefix("judge:"))

    def guard_name(self, judge: str) -> str:
        """Return the name of a judge's mode, with the judge's own where several judge it."""
        mode = self.guarded(judge)
        shared = [self.guarded(j) for j in self.judges].count(mode) > 1
        return f"{self.modes.get(mode, judge)} by {judge}" if shared else self.modes.get(mode, judge)

    def unjudged(self) -> tuple[Unjudged, ...]:
        """Return the modes that nothing with a vote judges, and what would give it one."""
        judged = set(map(self.guarded, self.judges))
        return tuple(Unjudged(name, *self.wanted.get(m, (0, 0))) for m, name in self.modes.items() if m not in judged)


@dataclass(frozen=True)
class Bench:
    """What a proposal is compared with: the production prompt `base` with its rows `baseline` on all cases.

    `reads` are the earlier reads of the test split, oldest first; `labels` are the expert's verdicts on flipped cases,
    {candidate's version: {case_id: label}}; `approved` are (case_id, evaluator) of failures that a person lets stay.
    """

    base: PromptVersion
    cases: Sequence[GoldenCase]
    baseline: Results
    evaluate: Evaluate
    judgement: Judgement
    gate: Gate
    reads: Sequence[Mapping[str, Any]] = ()
    labels: Mapping[str, Mapping[str, FlipLabel]] = field(default_factory=dict)
    answers: Callable[[str], Sequence[CaseAnswer]] = _no_answers
    """Returns the app's answers under a prompt version, for what they take."""
    approved: Collection[tuple[str, str]] = ()
    fresh: Callable[[str, Sequence[GoldenCase]], tuple[str, Results]] | None = None
    """Evaluates the base afresh beside a candidate: (version of the rows, rows); None compares with `baseline`."""
    traffic: Traffic | None = None
    """The modes' shares of production traffic, where they are known."""
    unread: Callable[[str], Sequence[Foreign]] = _nothing
    """Returns what a person has to read in a prompt before it may ship."""
    foreign: Callable[[str], Sequence[Foreign]] = _nothing
    """Returns the unread addresses, keys, code and the like of a prompt; not words that are of a trace."""
    aside: Evaluate | None = None
    """Evaluates without keeping rows in the tables, for prompts that are only tried out; None keeps all rows."""

    def split(self, name: str) -> list[GoldenCase]:
        """Return the cases of one split."""
        return [c for c in self.cases if c.split == name]

    def decisive(self) -> list[GoldenCase]:
        """Return the cases that the gate looks at: the test split, and the critical cases of the others."""
        return [*self.split("test"), *(c for c in self.cases if c.critical and c.split != "test")]
