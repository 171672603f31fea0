"""Whether a judge gives one answer the same label twice: by the same question, and by one in another order.

An answer is asked about again in two ways. Repeated: the very same question once more. Swapped: the same question with
its label options, the examples of the mode and the documents each in reverse order, since models favour what stands
first or last (Zheng et al. 2023, arXiv 2306.05685, section 3.3, for pairs of answers). Both are reported and decide
nothing: whoever contradicts itself also disagrees with the expert, which is what the status is made of.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flywheel_pipeline.ports import LLM
from flywheel_pipeline.records import JudgeVerdict
from flywheel_pipeline.steps.evaluate.cells import Plan
from flywheel_pipeline.steps.evaluate.labelled import Asked, LabelledAnswer, ask_judges


@dataclass(frozen=True)
class Agreement:
    """How many of `n` answers got the same label twice."""

    n_same: int = 0
    n: int = 0

    @property
    def share(self) -> float | None:
        """The share, None where nothing was asked twice."""
        return self.n_same / self.n if self.n else None


@dataclass(frozen=True)
class Consistency:
    """A judge's agreement with itself."""

    repeated: Agreement = Agreement()
    swapped: Agreement = Agreement()


def check_consistency(
    found: Sequence[tuple[Asked, Sequence[JudgeVerdict]]], plan: Plan, llm: LLM, n: int
) -> tuple[dict[str, Consistency], list[JudgeVerdict]]:
    """Return {evaluator: its consistency} and the verdicts that were asked for; `found` has those given before.

    Of every judge, `n` of its answers are asked about again, half of them fails where there are so many. Where judges
    are asked several times anyway, the first two verdicts on every answer are compared, and nothing is asked twice.
    """
    by_judge: dict[str, list[tuple[Asked, Sequence[JudgeVerdict]]]] = {}
    for asked, verdicts in found:
        by_judge.setdefault(asked[0].evaluator, []).append((asked, verdicts))
    chosen = {e: _chosen([a for (_, a), _ in rows], n) for e, rows in by_judge.items()}
    work = [row for e, rows in by_judge.items() for row in rows if row[0][1].trace_id in chosen[e]]
    asks = [asked for asked, _ in work]
    if plan.judge_repeats > 1:
        again, pairs = [], [(verdicts[0], verdicts[1]) for _, verdicts in found]
    else:
        again = [v for (v,) in ask_judges(asks, plan, llm, [1], "repeated")]
        pairs = [(verdicts[0], second) for (_, verdicts), second in zip(work, again, strict=True)]
    swapped = [v for (v,) in ask_judges(asks, plan, llm, [0], "swapped")]
    other = [(verdicts[0], second) for (_, verdicts), second in zip(work, swapped, strict=True)]
    repeated, reversed_ = _agreements(pairs), _agreements(other)
    nothing = Agreement()
    judges = {e: Consistency(repeated.get(e, nothing), reversed_.get(e, nothing)) for e in by_judge}
    return judges, [*again, *swapped]


def _chosen(answers: Sequence[LabelledAnswer], n: int) -> set[str]:
    """Return `n` traces, half of them failures, always the same ones."""
    fails, passes = (
        sorted((a.trace_id for a in answers if a.failed == failed), key=_order) for failed in (True, False)
    )
    n_fails = min(len(fails), max(n // 2, n - len(passes)))
    return {*fails[:n_fails], *passes[: n - n_fails]}


def _order(trace_id: str) -> str:
    return hashlib.blake2b(trace_id.encode("utf-8", "replace"), digest_size=8).hexdigest()


def _agreements(pairs: Sequence[tuple[JudgeVerdict, JudgeVerdict]]) -> Mapping[str, Agreement]:
    """Return {evaluator: agreement} over the pairs in which both are verdicts."""
    found: dict[str, Agreement] = {}
    for first, second in pairs:
        if first.label is not None and second.label is not None:
            old = found.get(first.evaluator, Agreement())
            found[first.evaluator] = Agreement(old.n_same + (first.label == second.label), old.n + 1)
    return found
