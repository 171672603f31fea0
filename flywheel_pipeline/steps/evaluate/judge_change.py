"""What another criterion, or another model, does to a judge: both on the same labelled answers, against the expert."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from flywheel_pipeline.stats import JudgeError, PairedChange, Rate, Recall, paired_change, proportion
from flywheel_pipeline.steps.evaluate.labelled import LabelledAnswer

Label = str | None
Row = tuple[LabelledAnswer, Label, Label, str]
NONE = "none"
"""How a matrix calls an answer on which a judge gave no verdict."""
OPTIONS = ("pass", "fail", "unsure", NONE)


@dataclass(frozen=True)
class JudgeChange:
    """Two judges on the `n` answers on which both gave a verdict; `n_dropped` were left out.

    `before` and `after` are how each recognises fails and passes, `fails` and `passes` the paired changes of these, and
    `difference` that of Youden's J, their sum, with a 95 % interval put together from the two (MOVER, Zou & Donner
    2008). `unsure` recognises nothing.
    """

    n: int
    n_dropped: int
    before: JudgeError
    after: JudgeError
    fails: PairedChange
    passes: PairedChange

    @property
    def difference(self) -> float:
        """The change of Youden's J."""
        return self.fails.difference + self.passes.difference

    @property
    def low(self) -> float:
        """Lower end of its 95 % interval."""
        parts = (c.difference - c.low for c in (self.fails, self.passes))
        return max(-2.0, self.difference - sqrt(sum(x * x for x in parts)))

    @property
    def high(self) -> float:
        """Upper end of its 95 % interval."""
        parts = (c.high - c.difference for c in (self.fails, self.passes))
        return min(2.0, self.difference + sqrt(sum(x * x for x in parts)))

    def __str__(self) -> str:
        if not (self.fails.n and self.passes.n):
            return "not comparable: the two have verdicts on no common fail, or on no common pass"
        sure = "" if self.low > 0 or self.high < 0 else ": cannot tell"
        return f"{100 * self.difference:+.0f} points of J ({100 * self.low:+.0f} to {100 * self.high:+.0f}{sure})"


def describe_error(error: JudgeError) -> str:
    """Return what a judge recognises, in counts."""
    fails, passes = error.fails, error.passes
    return f"catches {fails.n_right:.0f}/{fails.n:.0f} fails, recognises {passes.n_right:.0f}/{passes.n:.0f} passes"


def judge_error(answers: Sequence[LabelledAnswer], labels: Sequence[Label]) -> JudgeError:
    """Return what a judge recognises of the answers on which it gave a verdict.

    Raises:
        ValueError: the sequences differ in length.
    """
    given = [(a, label) for a, label in zip(answers, labels, strict=True) if label is not None]
    passes, fails = ([label for a, label in given if a.failed == failed] for failed in (False, True))
    return JudgeError(Recall(passes.count("pass"), len(passes)), Recall(fails.count("fail"), len(fails)))


def judge_change(
    answers: Sequence[LabelledAnswer], before: Sequence[Label], after: Sequence[Label], families: Sequence[str]
) -> JudgeChange:
    """Compare the labels that two judges gave to the same answers; `families` names the family of every answer.

    Raises:
        ValueError: the sequences differ in length.
    """
    rows = [r for r in zip(answers, before, after, families, strict=True) if r[1] is not None and r[2] is not None]
    fails, passes = ([r for r in rows if r[0].failed == failed] for failed in (True, False))

    def change(side: Sequence[Row], right: str) -> PairedChange:
        old, new = [float(r[1] == right) for r in side], [float(r[2] == right) for r in side]
        return paired_change(old, new, [r[3] for r in side])

    n_dropped = len(answers) - len(rows)
    common = [r[0] for r in rows]
    errors = judge_error(common, [r[1] for r in rows]), judge_error(common, [r[2] for r in rows])
    return JudgeChange(len(rows), n_dropped, *errors, change(fails, "fail"), change(passes, "pass"))


@dataclass(frozen=True)
class AgreementMatrix:
    """How often two judges gave which labels to the same answers: {(label of the first, of the second): answers}."""

    counts: Mapping[tuple[str, str], int]

    @property
    def agreement(self) -> Rate:
        """The share of answers with the same label, of those that both gave a verdict on."""
        known = {pair: n for pair, n in self.counts.items() if NONE not in pair}
        return proportion(sum(n for (a, b), n in known.items() if a == b), sum(known.values()))

    def rows(self) -> list[tuple[str, list[int]]]:
        """Return the matrix row by row: the first judge's label, and the counts in the order of `OPTIONS`."""
        return [(a, [self.counts.get((a, b), 0) for b in OPTIONS]) for a in OPTIONS]


def agreement_matrix(first: Sequence[Label], second: Sequence[Label]) -> AgreementMatrix:
    """Return the matrix of the labels that two judges gave to the same answers, in the same order.

    Raises:
        ValueError: the sequences differ in length.
    """
    return AgreementMatrix(Counter((a or NONE, b or NONE) for a, b in zip(first, second, strict=True)))
