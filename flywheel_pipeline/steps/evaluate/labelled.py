"""Answers that the expert labelled: which of them a judge may be measured on, and what it replies on them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from flywheel_pipeline.leakage import asked
from flywheel_pipeline.ports import LLM, Message
from flywheel_pipeline.records import GoldenCase, JudgeVerdict
from flywheel_pipeline.steps.evaluate.cells import Plan
from flywheel_pipeline.steps.evaluate.evaluators.judge import ModeToJudge, judge_ask, read_verdict


@dataclass(frozen=True)
class LabelledAnswer:
    """An answer of production that the expert labelled: a failure of `case.mode_id`, or a happy path.

    `weight` is 1 / inclusion probability, None where the trace is not of our sample. `is_dev` says that it is, or asks
    nearly the same as, a dev case: judges are tuned on these. `calls` are the answer's tool calls, `ratings` what else
    the expert noted, {column of the label file: text}. `picked`: a person chose the trace to look at, so that it is in
    no rate that is weighted to production.
    """

    case: GoldenCase
    weight: float | None = None
    is_dev: bool = False
    calls: tuple[Message, ...] = ()
    ratings: Mapping[str, str] = field(default_factory=dict)
    picked: bool = False

    @property
    def failed(self) -> bool:
        """Whether the expert failed it."""
        return self.case.kind != "happy_path"

    @property
    def trace_id(self) -> str:
        """The trace that it is of."""
        return self.case.source_trace_id or self.case.case_id


NearPairs = Callable[[Sequence[str]], Iterable[tuple[int, int]]]
"""Returns pairs of indices of near-duplicate texts, enough to connect all that belong together."""


def held_out(
    answers: Sequence[LabelledAnswer], train: Sequence[GoldenCase], near_pairs: NearPairs
) -> list[LabelledAnswer]:
    """Return the answers that no judge may have seen as an example.

    Left out is what comes from a trace of a train case, or asks nearly the same as one, and what has no answer.
    """
    taken = {c.source_trace_id for c in train}
    open_ones = [a for a in answers if a.case.source_trace_id not in taken and (a.case.observed_output or "").strip()]
    texts = [asked(c.messages) for c in train] + [asked(a.case.messages) for a in open_ones]
    reached = _reached(range(len(train)), _links(near_pairs(texts)))
    return [a for i, a in enumerate(open_ones, len(train)) if i not in reached]


def _links(pairs: Iterable[tuple[int, int]]) -> dict[int, set[int]]:
    links: dict[int, set[int]] = defaultdict(set)
    for i, j in pairs:
        links[i].add(j)
        links[j].add(i)
    return links


def _reached(start: Iterable[int], links: dict[int, set[int]]) -> set[int]:
    """Return what is connected with `start`, itself included."""
    waiting = list(start)
    reached = set(waiting)
    while waiting:
        new = links[waiting.pop()] - reached
        reached |= new
        waiting.extend(new)
    return reached


def mark_dev(
    answers: Sequence[LabelledAnswer], cases: Sequence[GoldenCase], near_pairs: NearPairs
) -> list[LabelledAnswer]:
    """Return the answers that are held out from train, with those marked that belong to dev and not to test as well."""
    train, dev, test = ([c for c in cases if c.split == split] for split in ("train", "dev", "test"))
    allowed = held_out(answers, train, near_pairs)
    rest = {a.trace_id for a in held_out(allowed, dev, near_pairs)}
    tested = {a.trace_id for a in allowed} - {a.trace_id for a in held_out(allowed, test, near_pairs)}
    return [replace(a, is_dev=a.trace_id not in rest | tested) for a in allowed]


def families_of(answers: Sequence[LabelledAnswer], near_pairs: NearPairs) -> list[str]:
    """Return the name of every answer's family: that of its first near-duplicate, itself included."""
    links = _links(near_pairs([asked(a.case.messages) for a in answers]))
    names: dict[int, str] = {}
    for i, a in enumerate(answers):
        if i not in names:
            names.update(dict.fromkeys(_reached([i], links), a.trace_id))
    return [names[i] for i in range(len(answers))]


def is_of(answer: LabelledAnswer, mode: ModeToJudge) -> bool:
    """Return whether the expert's verdict on an answer measures a mode's judge.

    That is a pass, or a failure of the mode. A judge that was tuned on dev is not measured on it.
    """
    return (not answer.failed or answer.case.mode_id == mode.mode_id) and not (mode.is_tuned and answer.is_dev)


Asked = tuple[ModeToJudge, LabelledAnswer]


def ask_judges(
    work: Sequence[Asked], plan: Plan, llm: LLM, repeats: Sequence[int], purpose: str = "alignment"
) -> list[list[JudgeVerdict]]:
    """Return, for every judge and answer, its verdict in each of `repeats`."""
    order = "reversed" if purpose == "swapped" else "usual"
    asks = [
        judge_ask(m, a.case, a.case.observed_output or "", plan.app_name, r, order) for m, a in work for r in repeats
    ]
    replies = iter(llm.ask(asks))
    return [[_verdict(m, a, plan.judge_model, (r, purpose), read_verdict(next(replies))) for r in repeats]
            for m, a in work]  # fmt: skip


def _verdict(
    mode: ModeToJudge, answer: LabelledAnswer, model: str, way: tuple[int, str], found: tuple[str | None, str]
) -> JudgeVerdict:
    label, explanation = found
    return JudgeVerdict(
        evaluator=mode.evaluator, evaluator_version=mode.version(model), model=model, mode_id=mode.mode_id,
        trace_id=answer.trace_id, expert="fail" if answer.failed else "pass", label=label,
        explanation=explanation if label else "", error=None if label else explanation,
        judge_repeat=way[0], purpose=way[1],
    )  # fmt: skip
