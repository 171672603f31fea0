"""Whether production got better under a new prompt: by failure mode, in the same mix of topics, beside controls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flywheel_pipeline.stats import Change, Recall, corrected_change, rate_difference
from flywheel_pipeline.stats.judges import JudgeError

BETTER, WORSE, NO_WORSE, CANNOT_TELL = "better", "worse", "no worse", "cannot tell"
OPEN, FIXED, REOPENED = "open", "fixed", "re-opened"

RARE = 0.03
"""Share of traffic below which a mode that got better is fixed; its interval must end there."""

MIN_TOPIC, PER_TOPIC, MAX_TOPICS = 10, 60, 8
"""Traces of a topic, in both versions, below which it is pooled with others; traces per topic; topics at most."""

MIN_LABELS = 30
"""Labels of the new version from which it is checked that the judges err on it as they did before."""

REGRESSION = "a mode that is chosen because it was frequent falls by chance, too"
"""The caveat of every comparison of before with after."""


def topics_of(points: Any, seed: int = 0) -> list[int]:
    """Return the topic of every text from its embedding, shape (N, d), by k-means; one topic for few texts."""
    k = min(MAX_TOPICS, len(points) // PER_TOPIC)
    if k < 2:
        return [0] * len(points)
    from sklearn.cluster import KMeans

    return [int(c) for c in KMeans(k, n_init=1, random_state=seed).fit_predict(np.asarray(points, dtype=float))]


@dataclass(frozen=True)
class Mix:
    """The topics of judged traces with the weight of each trace, before and after."""

    before: Sequence[tuple[int, float]]
    after: Sequence[tuple[int, float]]


def mix_factors(mix: Mix) -> tuple[list[float], float]:
    """Return by what to multiply the weights after for the topics' shares before, and the share that this covers.

    Direct standardisation (Rothman, Greenland & Lash 2008, chapter 4). Topics with under 10 traces on one side are
    pooled; traffic before of which there is none after is not covered.
    """
    counts: list[dict[int, int]] = [defaultdict(int), defaultdict(int)]
    for side, traces in enumerate((mix.before, mix.after)):
        for topic, _ in traces:
            counts[side][topic] += 1
    kept = {t for t in counts[0] if min(counts[0][t], counts[1][t]) >= MIN_TOPIC}
    shares = [_shares(traces, kept) for traces in (mix.before, mix.after)]
    covered = sum(share for topic, share in shares[0].items() if topic in shares[1])
    factor = {t: shares[0].get(t, 0.0) / share for t, share in shares[1].items()}
    return [factor[t if t in kept else None] for t, _ in mix.after], covered


def _shares(traces: Sequence[tuple[int, float]], kept: set[int]) -> dict[int | None, float]:
    total, sums = sum(w for _, w in traces), defaultdict[int | None, float](float)
    for topic, weight in traces:
        sums[topic if topic in kept else None] += weight / total
    return dict(sums)


@dataclass(frozen=True)
class Seen:
    """What the judges fail of a mode before and after, and their errors: on all labels, and on those of each version.

    Counts are effective ones, `after` in the mix of topics before.
    """

    before: Recall
    after: Recall
    error: JudgeError
    errors: tuple[JudgeError, JudgeError]
    n_labels_after: int

    @property
    def drifted(self) -> bool:
        """Whether labels of the new version show that the judges err on it otherwise than before."""
        if self.n_labels_after < MIN_LABELS:
            return False
        old, new = self.errors
        pairs = [(new.passes.rate, old.passes.rate), (new.fails.rate, old.fails.rate)]
        found = [rate_difference(a, b)[1:] for a, b in pairs if a.n and b.n]
        return any(low > 0 or high < 0 for low, high in found)


@dataclass(frozen=True)
class Known:
    """What else decides on a mode: whether it was targeted, whether a person retired it, its last state."""

    targeted: bool | None = None
    retired: bool = False
    was_fixed: bool = False


@dataclass(frozen=True)
class ModeHealth:
    """The change of one mode's share of traffic, what is shown of it, and why."""

    change: Change
    verdict: str
    state: str
    reason: str


@dataclass(frozen=True)
class Rule:
    """How modes are judged: `margin` is a rise of no concern, `level` that of the intervals."""

    margin: float
    level: float


def judge_mode(seen: Seen, known: Known, controls: Change | None, rule: Rule, seed: int = 0) -> ModeHealth:
    """Return what is shown of one mode; `controls` is the change of the modes that were not targeted, as judged.

    Better or worse where the interval of the difference excludes 0, no worse where it excludes a rise by the margin.
    """
    change = corrected_change(seen.before, seen.after, seen.error, rule.level, seed)
    verdict, why = _verdict(change, seen, rule)
    if verdict == BETTER and known.targeted and controls is not None and _fell_as_well(change, controls):
        fell = f"{controls.before.value:.0%} to {controls.after.value:.0%}"
        verdict, why = CANNOT_TELL, f"other modes fell as well (as judged {fell}), so the prompt need not be why"
    state = _state(change, verdict, known, rule)
    return ModeHealth(change, verdict, state, _reason(change, (verdict, why), seen, (known, state)))


def _verdict(change: Change, seen: Seen, rule: Rule) -> tuple[str, str]:
    if not (seen.before.n and seen.after.n):
        side = "before" if not seen.before.n else "after"
        return CANNOT_TELL, f"no trace {side} has a verdict for it"
    if seen.drifted:
        return CANNOT_TELL, f"on {seen.n_labels_after} labels of the new version the judges err otherwise than before"
    if change.low > 0:
        return WORSE, ""
    if change.high < 0:
        return BETTER, ""
    if change.high < rule.margin:
        return NO_WORSE, f"a rise of {rule.margin:.0%} is excluded"
    return CANNOT_TELL, f"a rise of {rule.margin:.0%} is not excluded"


def _fell_as_well(change: Change, controls: Change) -> bool:
    """Return whether controls fell, and in proportion at least half as much as the mode."""
    if controls.high >= 0 or not controls.before.value or not change.before.value:
        return False
    return controls.difference / controls.before.value <= change.difference / change.before.value / 2


def _state(change: Change, verdict: str, known: Known, rule: Rule) -> str:
    if not change.after.n:
        return FIXED if known.was_fixed else OPEN
    if known.retired and change.after.low > 0:
        return REOPENED
    if known.was_fixed:
        return REOPENED if verdict == WORSE or change.after.low > rule.margin else FIXED
    return FIXED if verdict == BETTER and change.after.high < RARE else OPEN


def _reason(change: Change, found: tuple[str, str], seen: Seen, standing: tuple[Known, str]) -> str:
    (verdict, why), (known, state) = found, standing
    shares = [f"{x.value:.1%}" if x.n else "not known" for x in (change.before, change.after)]
    parts = [f"{verdict}: {shares[0]} of traffic before, {shares[1]} now"]
    points = [100 * x for x in (change.difference, change.low, change.high)]
    if change.before.n and change.after.n:
        parts.append("difference {:+.1f} points ({:+.1f} to {:+.1f})".format(*points))
    parts += [why] if why else []
    if state == REOPENED:
        parts.append("it is back, although " + ("it is retired" if known.retired else "it was fixed"))
    checked = seen.n_labels_after >= MIN_LABELS
    n = seen.n_labels_after
    parts.append(
        f"judge error rates checked on {n} labels of this version" if checked
        else f"assumes judge error rates unchanged ({n} labels of this version, {MIN_LABELS} would show it)"
    )  # fmt: skip
    parts += [REGRESSION] if verdict == BETTER and known.targeted is not False else []
    return "; ".join(parts)


def advice(rows: Mapping[str, tuple[str, str]], before: str) -> str:
    """Return what to do about modes, {name: (verdict, state)}; "" where nothing is shown to be worse."""
    worse = sorted(name for name, (verdict, _) in rows.items() if verdict == WORSE)
    back = sorted(name for name, (verdict, state) in rows.items() if state == REOPENED and verdict != WORSE)
    parts = [f"worse since {before}: {', '.join(worse)}; `flywheel rollback` puts {before} back"] if worse else []
    parts += [f"back in production: {', '.join(back)}; `flywheel label` and `flywheel run` start on it"] if back else []
    return "; ".join(parts)
