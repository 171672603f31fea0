"""How often each mode occurs, weighted back to production, and which to fix first."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from flywheel_pipeline.records import MODE_KINDS, Annotation, FailureMode, Json, SampledTrace
from flywheel_pipeline.stats import Rate, proportion, weighted_rate
from flywheel_pipeline.steps.cluster.modes import SHOWN, Mode, taxonomy_version
from flywheel_pipeline.steps.cluster.severity import Severity, severity_of
from flywheel_pipeline.steps.cluster.trend import Trend, measure_trends
from flywheel_pipeline.steps.cluster.weights import label_weights


@dataclass(frozen=True)
class Verdict:
    """The verdict that counts for a trace; `weight` is 1 / inclusion probability, None if not sampled by us."""

    trace_id: str
    failed: bool
    weight: float | None


def weighted_verdicts(
    failed: Mapping[str, bool], samples: Sequence[SampledTrace], picked: Collection[str] = ()
) -> list[Verdict]:
    """Return the verdicts {trace_id: failed} with their weights: those of the batch that holds most of them.

    Every batch is a probability sample of its own window; weights of several batches, which may overlap, do not
    add up to one population. Traces outside that batch carry no weight, nor do those of a batch that is labelled in
    too small a part (`label_weights`), nor the traces whose verdict is `picked`.
    """
    drawn = failed.keys() - set(picked)
    batch = labelled_batch(drawn, samples)
    weights = label_weights([s for s in samples if s.batch == batch], drawn)
    return [Verdict(trace, fails, weights.get(trace)) for trace, fails in failed.items()]


def labelled_batch(labelled: Collection[str], samples: Sequence[SampledTrace]) -> str | None:
    """Return the batch that holds most of the labelled traces, None where none of them was drawn."""
    counts = Counter(s.batch for s in samples if s.trace_id in labelled)
    return max(counts, key=lambda b: (counts[b], b), default=None)


def traffic_pass_rate(verdicts: Sequence[Verdict]) -> Rate | None:
    """Return the share of production traffic that passes; None where the verdicts are not weighted to it."""
    sampled = [v for v in verdicts if v.weight is not None]
    if not sampled or all(v.failed for v in sampled):
        return None
    return weighted_rate([not v.failed for v in sampled], [v.weight or 1.0 for v in sampled])


def rank_labelled(
    modes: Sequence[Mode], labels: Sequence[Annotation], samples: Sequence[SampledTrace]
) -> list[FailureMode]:
    """Return the table of modes by the verdicts that count: `rank_modes` with severities and trends."""
    failed = {a.trace_id: a.verdict == "fail" for a in labels}
    severities = {a.trace_id: a.severity for a in labels if a.severity and a.verdict == "fail"}
    picked = {a.trace_id for a in labels if a.is_picked}
    drawn = {trace: fails for trace, fails in failed.items() if trace not in picked}
    evidence = Evidence(severities, measure_trends(modes, drawn, samples))
    return rank_modes(modes, weighted_verdicts(failed, samples, picked), evidence)


@dataclass(frozen=True)
class Evidence:
    """What ranks modes beside their share: {trace: severity as the label says it} and {mode: trend}."""

    severities: Mapping[str, str] = field(default_factory=dict)
    trends: Mapping[str, Trend] = field(default_factory=dict)


NO_WEIGHTS = (
    "no pass is labelled on a trace that `flywheel sample` drew, so nothing is known about the share of traffic"
)
"""Why shares are of the labelled traces."""


@dataclass(frozen=True)
class _Measured:
    mode: Mode
    n_failures: int
    share: Rate
    severity: Severity

    @property
    def priority(self) -> float:
        return self.share.value * self.severity.weight


def rank_modes(
    modes: Sequence[Mode], verdicts: Sequence[Verdict], evidence: Evidence | None = None
) -> list[FailureMode]:
    """Return the table of modes, the one to fix first first: by share x severity, retired ones last.

    Where the labelled traces come from our own sample, and passes are among them, a mode's share is its
    estimated share of production traffic (`stats.weighted_rate`). Otherwise a share of traffic cannot
    be known, and it is the share of the labelled traces, which says nothing about production. Modes that were merged
    into another are not in the table.
    """
    evidence = evidence or Evidence()
    failed = {v.trace_id for v in verdicts if v.failed}
    sampled = [v for v in verdicts if v.weight is not None]
    weighted = bool(sampled) and any(not v.failed for v in sampled)
    measured = [
        _Measured(
            m,
            len(failed & {x.trace_id for x in m.members}),
            _share(m, sampled if weighted else verdicts, weighted),
            severity_of(m, evidence.severities),
        )
        for m in modes
        if not m.merged_into
    ]
    measured.sort(key=lambda x: (not x.mode.is_live, -x.priority, -x.n_failures, x.mode.mode_id))
    of, version = "traffic" if weighted else "labelled traces", taxonomy_version(modes)
    following: list[_Measured | None] = [*measured[1:], None]
    return [
        _row(x, rank, _reason(x, after, of), of, version, evidence.trends.get(x.mode.mode_id))
        for rank, (x, after) in enumerate(zip(measured, following, strict=False), 1)
    ]


def _share(mode: Mode, verdicts: Sequence[Verdict], weighted: bool) -> Rate:
    own = {x.trace_id for x in mode.members}
    outcomes = [v.failed and v.trace_id in own for v in verdicts]
    if weighted:
        return weighted_rate(outcomes, [v.weight or 1.0 for v in verdicts])
    return proportion(sum(outcomes), len(outcomes))


def _reason(x: _Measured, after: _Measured | None, of: str) -> str:
    """Say why a mode comes before the next one, and whether the intervals support it."""
    if not x.mode.is_live:
        return "retired: last, whatever its share"
    text = f"{x.share.value:.1%} of {of} ({x.share.low:.1%} to {x.share.high:.1%}), {x.severity.text}"
    if not x.n_failures:
        return f"{text}; no failure of it is labelled"
    if after is None or not after.mode.is_live:
        return text
    apart = x.share.low * x.severity.weight > after.share.high * after.severity.weight
    return f"{text}; {'clearly before' if apart else 'may be tied with'} the next"


def _row(x: _Measured, rank: int, reason: str, of: str, version: str, trend: Trend | None) -> FailureMode:
    mode = x.mode
    return FailureMode(
        mode_id=mode.mode_id, name=mode.name, kind=MODE_KINDS[mode.is_group],
        definition=mode.definition, belongs=mode.belongs, does_not_belong=mode.does_not_belong,
        examples=Json(json.dumps(mode.examples(SHOWN), ensure_ascii=False)), status=mode.status,
        n_failures=x.n_failures, share=x.share.value, share_low=x.share.low, share_high=x.share.high,
        share_of=of, rank=rank, version=version, severity=x.severity.level, severity_weight=x.severity.weight,
        priority=x.priority, share_before=trend.before.value if trend else None,
        trend=trend.direction if trend else "not known", reason=reason,
    )  # fmt: skip
