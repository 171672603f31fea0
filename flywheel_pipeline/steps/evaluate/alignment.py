"""Measure every judge and every evaluator of a failure mode against the expert, and decide whether it may vote."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from flywheel_pipeline.leakage import asked
from flywheel_pipeline.ports import LLM, Message
from flywheel_pipeline.records import GoldenCase, JudgeAlignment
from flywheel_pipeline.stats import JudgeError, Recall, weighted_rate
from flywheel_pipeline.steps.evaluate.evaluators.configured import Check
from flywheel_pipeline.steps.evaluate.evaluators.judge import ModeToJudge, judge_ask, read_verdict

COMPOSITE = "judges:all"
"""The row of all that decide together: an answer passes when none of them fails it."""

NOT_APPLICABLE, SEEN = "not applicable", "seen"
"""In the place of a label: the evaluator does not apply to the answer, or was made of its verdict."""

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

    `weight` is 1 / inclusion probability, None where the trace is not of our sample. `calls` are the answer's tool
    calls, `ratings` what else the expert noted, {column of the label file: text}.
    """

    case: GoldenCase
    weight: float | None = None
    calls: tuple[Message, ...] = ()
    ratings: Mapping[str, str] = field(default_factory=dict)

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
    measured: Sequence[Measured] = (),
) -> list[JudgeAlignment]:
    """Return the agreement with the expert of every mode's judge, of `measured`, and of all that decide together.

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
        return [majority_label(found[i : i + repeats]) for i in range(0, len(found), repeats)]

    own = [(m, a) for m in modes for a in answers if _is_of(a, m.mode_id)]
    labels = {(m.mode_id, id(a)): label for (m, a), label in zip(own, ask(own), strict=True)}
    rows = [
        _of_judge(m, model, [(a, labels[m.mode_id, id(a)]) for a in answers if _is_of(a, m.mode_id)]) for m in modes
    ]
    trusted = [m for m, row in zip(modes, rows, strict=True) if row.status == "trusted"]
    others = [(m, a) for m in trusted for a in answers if not _is_of(a, m.mode_id)]
    labels.update({(m.mode_id, id(a)): label for (m, a), label in zip(others, ask(others), strict=True)})
    found = [align_check(m, answers) for m in measured]
    voting = [m for m, row in zip(measured, found, strict=True) if row and decides(row)]
    given = [[labels[m.mode_id, id(a)] for a in answers] for m in trusted] + [list(m.labels) for m in voting]
    together = [(a, _together([g[i] for g in given])) for i, a in enumerate(answers)]
    all_rows = [*rows, *(row for row in found if row)]
    return [*all_rows, _alignment(COMPOSITE, None, "", together)] if given else all_rows


@dataclass(frozen=True)
class Measured:
    """An evaluator of `evaluators.yaml` with the label that it gave each labelled answer; see also `NOT_APPLICABLE`."""

    check: Check
    version: str
    labels: Sequence[str | None]


def align_check(measured: Measured, answers: Sequence[LabelledAnswer]) -> JudgeAlignment | None:
    """Return the agreement of an evaluator with the expert; None for one of all answers that is no requirement.

    One of a failure mode earns its vote as a judge does. A requirement decides whatever the expert says: it is no
    measurement of her verdict.
    """
    check = measured.check
    if check.mode_id is None and not check.requirement:
        return None
    row = agreement(measured, answers)
    return replace(row, status="requirement", need_fails=0, need_passes=0) if check.requirement else row


def agreement(measured: Measured, answers: Sequence[LabelledAnswer]) -> JudgeAlignment:
    """Return how far an evaluator agrees with the expert: on passes, and on failures of its mode, or all if of none."""
    mode = measured.check.mode_id
    own = [(a, label) for a, label in zip(answers, measured.labels, strict=True) if mode is None or _is_of(a, mode)]
    return _alignment(measured.check.row_name, mode, measured.version, own)


def decides(row: JudgeAlignment) -> bool:
    """Return whether an evaluator's verdict counts: it agrees with the expert, or is what was agreed."""
    return row.status == "requirement" or (row.status == "trusted" and row.mode_id is not None)


def _is_of(answer: LabelledAnswer, mode_id: str) -> bool:
    """Return whether the expert's verdict on an answer says anything about a mode: a pass, or a failure of it."""
    return not answer.failed or answer.case.mode_id == mode_id


def majority_label(labels: Sequence[str | None]) -> str | None:
    """Return the most frequent label, unsure for a tie, None where every repeat broke."""
    counts = Counter(label for label in labels if label is not None).most_common(2)
    if len(counts) > 1 and counts[0][1] == counts[1][1]:
        return "unsure"
    return counts[0][0] if counts else None


def _of_judge(mode: ModeToJudge, model: str, found: Sequence[tuple[LabelledAnswer, str | None]]) -> JudgeAlignment:
    return _alignment(mode.evaluator, mode.mode_id, mode.version(model), found)


def _together(labels: Sequence[str | None]) -> str | None:
    """Return what all say together: fail if one fails it, pass if all pass it that apply to it, else no verdict.

    Nothing is measured where one of them has learned from the verdict.
    """
    if SEEN in labels:
        return SEEN
    if "fail" in labels:
        return "fail"
    if None in labels:
        return None
    return "unsure" if "unsure" in labels else "pass"


def _alignment(
    evaluator: str, mode_id: str | None, version: str, verdicts: Sequence[tuple[LabelledAnswer, str | None]]
) -> JudgeAlignment:
    """Compare a judge's labels with the expert's; `unsure` recognises nothing, an error is no verdict at all."""
    verdicts = [(a, label) for a, label in verdicts if label not in (NOT_APPLICABLE, SEEN)]
    given = [(a, label) for a, label in verdicts if label is not None]
    fails = [(a, label == "fail") for a, label in given if a.failed]
    passes = [(a, label == "pass") for a, label in given if not a.failed]
    error = JudgeError(_recall(passes), _recall(fails))
    in_production = JudgeError(_recall(passes, True), _recall(fails, True))
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
        production_fail_recall=in_production.fails.rate.value if fails else None,
        production_n_fail=in_production.fails.n,
        production_pass_recall=in_production.passes.rate.value if passes else None,
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
    if decides(alignment):
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
    """Return the errors of all that was measured, weighted to production where the labels are of our sample.

    A requirement has none: it does not estimate the expert's verdict.
    """
    return {
        a.evaluator: JudgeError(
            Recall((a.production_pass_recall or 0.0) * a.production_n_pass, a.production_n_pass),
            Recall((a.production_fail_recall or 0.0) * a.production_n_fail, a.production_n_fail),
        )
        for a in alignment
        if a.status != "requirement"
    }  # fmt: skip
