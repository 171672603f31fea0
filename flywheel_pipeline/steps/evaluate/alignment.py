"""Measure every judge against the expert, and decide whether it may vote."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from flywheel_pipeline.leakage import asked
from flywheel_pipeline.ports import LLM
from flywheel_pipeline.records import GoldenCase, JudgeAlignment
from flywheel_pipeline.stats import JudgeError, Recall, weighted_rate
from flywheel_pipeline.steps.evaluate.evaluators.judge import ModeToJudge, judge_ask, read_verdict

COMPOSITE = "judges:all"
"""The row of all trusted judges together: an answer passes when none of them fails it."""

MIN_YOUDEN = 0.4
"""Lower 95 % bound of Youden's J (both recalls - 1) from which a judge may decide."""

MAX_P_GUESS = 0.01
"""Largest probability of recognising so many passes, or fails, by guessing, with which a judge may decide.

So a judge that misses half of the failures, or of the passes, is trusted in at most 1 % of cases, whatever the number
of labels: the test is exact. Every judge without information (J <= 0) is one of these. `benchmarks.judges` prints the
rates of the whole rule.
"""


@dataclass(frozen=True)
class LabelledAnswer:
    """An answer of production that the expert labelled: a failure of `case.mode_id`, or a happy path.

    `weight` is 1 / inclusion probability, None where the trace is not of our sample.
    """

    case: GoldenCase
    weight: float | None = None
    picked: bool = False
    """Whether a person chose the trace to look at: then it is in no rate that is weighted to production."""

    @property
    def failed(self) -> bool:
        """Whether the expert failed it."""
        return self.case.kind != "happy_path"


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
    links: dict[int, set[int]] = defaultdict(set)
    for i, j in near_pairs(texts):
        links[i].add(j)
        links[j].add(i)
    reached, waiting = set(range(len(train))), list(range(len(train)))
    while waiting:
        new = links[waiting.pop()] - reached
        reached |= new
        waiting.extend(new)
    return [a for i, a in enumerate(open_ones, len(train)) if i not in reached]


def align_judges(
    answers: Sequence[LabelledAnswer],
    modes: Sequence[ModeToJudge],
    llm: LLM,
    app: str,
    model: str = "",
    repeats: int = 1,
) -> list[JudgeAlignment]:
    """Return the agreement of every mode's judge with the expert, and of all trusted judges together.

    Each judge is asked what it is asked when it decides. Its fails are the failures of its mode among `answers`
    (`held_out`), its passes the answers that passed. Failures of other modes count for the last row only, since no
    label says whether they show its mode, too; only trusted judges are asked about them. `model` is the judge's, part
    of its version; of `repeats` the majority counts, as it does when the judge decides.
    """

    def ask(work: Sequence[tuple[ModeToJudge, LabelledAnswer]]) -> list[str | None]:
        asks = [
            judge_ask(m, a.case, a.case.observed_output or "", app, repeat)
            for m, a in work
            for repeat in range(repeats)
        ]
        found = [read_verdict(reply)[0] for reply in llm.ask(asks)]
        return [_majority(found[i : i + repeats]) for i in range(0, len(found), repeats)]

    own = [(m, a) for m in modes for a in answers if _is_of(a, m)]
    labels = {(m.mode_id, id(a)): label for (m, a), label in zip(own, ask(own), strict=True)}
    rows = [_of_judge(m, model, [(a, labels[m.mode_id, id(a)]) for a in answers if _is_of(a, m)]) for m in modes]
    trusted = [m for m, row in zip(modes, rows, strict=True) if row.status == "trusted"]
    others = [(m, a) for m in trusted for a in answers if not _is_of(a, m)]
    labels.update({(m.mode_id, id(a)): label for (m, a), label in zip(others, ask(others), strict=True)})
    together = [(a, _together([labels[m.mode_id, id(a)] for m in trusted])) for a in answers]
    return [*rows, _alignment(COMPOSITE, None, "", together)] if trusted else rows


def _is_of(answer: LabelledAnswer, mode: ModeToJudge) -> bool:
    """Return whether the expert's verdict on an answer says anything about a mode: a pass, or a failure of it."""
    return not answer.failed or answer.case.mode_id == mode.mode_id


def _majority(labels: Sequence[str | None]) -> str | None:
    """Return the most frequent label, unsure for a tie, None where every repeat broke."""
    counts = Counter(label for label in labels if label is not None).most_common(2)
    if len(counts) > 1 and counts[0][1] == counts[1][1]:
        return "unsure"
    return counts[0][0] if counts else None


def _of_judge(mode: ModeToJudge, model: str, found: Sequence[tuple[LabelledAnswer, str | None]]) -> JudgeAlignment:
    return _alignment(mode.evaluator, mode.mode_id, mode.version(model), found)


def _together(labels: Sequence[str | None]) -> str | None:
    """Return what all judges say together: fail if one fails it, pass if all pass it, else no verdict."""
    if "fail" in labels:
        return "fail"
    if None in labels:
        return None
    return "unsure" if "unsure" in labels else "pass"


def _alignment(
    evaluator: str, mode_id: str | None, version: str, verdicts: Sequence[tuple[LabelledAnswer, str | None]]
) -> JudgeAlignment:
    """Compare a judge's labels with the expert's; `unsure` recognises nothing, an error is no verdict at all."""
    given = [(a, label) for a, label in verdicts if label is not None]
    fails = [(a, label == "fail") for a, label in given if a.failed]
    passes = [(a, label == "pass") for a, label in given if not a.failed]
    error = JudgeError(_recall(passes), _recall(fails))
    in_production = JudgeError(*(_recall([x for x in kind if not x[0].picked], True) for kind in (passes, fails)))
    need_fails, need_passes = labels_needed(error)
    fail_rate, pass_rate = error.fails.rate, error.passes.rate
    return JudgeAlignment(
        evaluator=evaluator, mode_id=mode_id, evaluator_version=version,
        n_fail=len(fails), n_pass=len(passes), n_unsure=sum(label == "unsure" for _, label in given),
        n_broken=len(verdicts) - len(given),
        fail_recall=fail_rate.value if fails else None, fail_recall_low=fail_rate.low if fails else None,
        pass_recall=pass_rate.value if passes else None, pass_recall_low=pass_rate.low if passes else None,
        youden=error.youden.value, youden_low=error.youden_low, kappa=_kappa(error),
        majority=max(len(fails), len(passes)) / len(given) if given else None,
        production_fail_recall=in_production.fails.rate.value if in_production.fails.n else None,
        production_n_fail=in_production.fails.n,
        production_pass_recall=in_production.passes.rate.value if in_production.passes.n else None,
        production_n_pass=in_production.passes.n,
        need_fails=need_fails, need_passes=need_passes, status=_status(error),
    )  # fmt: skip


def _recall(outcomes: Sequence[tuple[LabelledAnswer, bool]], weighted: bool = False) -> Recall:
    """Return what a judge recognised; weighted to production it counts as many as Kish's effective size."""
    if not weighted or not outcomes or any(a.weight is None for a, _ in outcomes):
        return Recall(sum(right for _, right in outcomes), len(outcomes))
    weights = [a.weight or 1.0 for a, _ in outcomes]
    n = sum(weights) ** 2 / sum(w * w for w in weights)
    return Recall(weighted_rate([right for _, right in outcomes], weights).value * n, n)


def _status(error: JudgeError) -> str:
    """Return trusted; unusable where even the upper bound of J is too low; else advisory."""
    if error.may_decide(MIN_YOUDEN, MAX_P_GUESS):
        return "trusted"
    return "unusable" if error.youden_high < MIN_YOUDEN else "advisory"


def _kappa(error: JudgeError) -> float | None:
    """Return Cohen's kappa of judge and expert; None where one of the two never varies."""
    tp, fn = error.fails.n_right, error.fails.n - error.fails.n_right
    tn, fp = error.passes.n_right, error.passes.n - error.passes.n_right
    n = tp + fn + tn + fp
    by_chance = ((tp + fp) * (tp + fn) + (tn + fn) * (tn + fp)) / n**2 if n else 1.0
    return ((tp + tn) / n - by_chance) / (1 - by_chance) if by_chance < 1 else None


MOST = 200
"""Labels of a kind up to which `labels_needed` looks for enough."""


def labels_needed(error: JudgeError) -> tuple[int, int]:
    """Return how many more fails and passes would let the judge decide if it went on as it did; (0, 0) if it may.

    With no labels of a kind the judge is taken to be right. Where `MOST` more would not do, the counts are -1.
    """
    if error.may_decide(MIN_YOUDEN, MAX_P_GUESS):
        return 0, 0
    wanted = [_until(r, lambda x: x.p_guess <= MAX_P_GUESS) for r in (error.fails, error.passes)]
    for extra in range(MOST):
        grown = [_grown(r, n + extra) for r, n in zip((error.fails, error.passes), wanted, strict=True)]
        if -1 not in wanted and JudgeError(grown[1], grown[0]).may_decide(MIN_YOUDEN, MAX_P_GUESS):
            return wanted[0] + extra, wanted[1] + extra
    return -1, -1


def what_to_label(alignment: JudgeAlignment, name: str) -> str:
    """Return in a sentence what would let a judge decide that may not yet; `name` is that of its failure mode."""
    if alignment.status == "trusted":
        return f"{name}: may decide"
    seen = f"catches {_share(alignment.fail_recall, alignment.n_fail)} of its fails, "
    seen += f"recognises {_share(alignment.pass_recall, alignment.n_pass)} of the passes"
    seen += f", unsure on {alignment.n_unsure}" if alignment.n_unsure else ""
    if alignment.status == "unusable" or alignment.need_fails < 0:
        unsure = 2 * alignment.n_unsure > alignment.n_pass + alignment.n_fail
        what = "is mostly unsure" if unsure else "disagrees with the expert"
        return f"{name}: {what} ({seen}): compare its verdicts with the labels, and sharpen the definition"
    wanted = [
        f"{n} more {what}" for n, what in ((alignment.need_fails, "fails"), (alignment.need_passes, "passes")) if n
    ]
    return f"{name}: label {' and '.join(wanted)} ({seen})"


def _share(recall: float | None, n: int) -> str:
    return "none" if recall is None else f"{round(recall * n)} of {n}".replace(" of ", "/")


def _grown(recall: Recall, more: int) -> Recall:
    share = recall.n_right / recall.n if recall.n else 1.0
    return Recall(int(recall.n_right + share * more + 1e-9), recall.n + more)


def _until(recall: Recall, enough: Callable[[Recall], bool]) -> int:
    return next((n for n in range(MOST) if enough(_grown(recall, n))), -1)


def judge_errors(alignment: Sequence[JudgeAlignment]) -> Mapping[str, JudgeError]:
    """Return the errors of every measured judge, weighted to production where the labels are of our sample."""
    return {
        a.evaluator: JudgeError(
            Recall((a.production_pass_recall or 0.0) * a.production_n_pass, a.production_n_pass),
            Recall((a.production_fail_recall or 0.0) * a.production_n_fail, a.production_n_fail),
        )
        for a in alignment
    }  # fmt: skip
