"""How often each mode occurs, weighted back to production, and which to fix first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flywheel_pipeline.records import FailureMode, SampledTrace
from flywheel_pipeline.stats import Rate, proportion, weighted_rate
from flywheel_pipeline.steps.cluster.modes import Mode, taxonomy_version


@dataclass(frozen=True)
class Verdict:
    """The verdict that counts for a trace; `weight` is 1 / inclusion probability, None if not sampled by us."""

    trace_id: str
    failed: bool
    weight: float | None


def weighted_verdicts(failed: Mapping[str, bool], samples: Sequence[SampledTrace]) -> list[Verdict]:
    """Return the verdicts {trace_id: failed} with their weights: those of the batch that holds most of them.

    Every batch is a probability sample of its own window; weights of several batches, which may overlap, do not
    add up to one population. Traces outside that batch carry no weight.
    """
    counts = Counter(s.batch for s in samples if s.trace_id in failed)
    batch = max(counts, key=lambda b: (counts[b], b), default=None)
    weights = {s.trace_id: s.weight for s in samples if s.batch == batch}
    return [Verdict(trace, fails, weights.get(trace)) for trace, fails in failed.items()]


def rank_modes(modes: Sequence[Mode], verdicts: Sequence[Verdict]) -> list[FailureMode]:
    """Return the table of modes, most frequent first.

    Where the labelled traces come from our own sample, and passes are among them, a mode's share is its
    estimated share of production traffic (`stats.weighted_rate`). Otherwise a share of traffic can not
    be known, and it is the share of the labelled traces, which says nothing about production.
    """
    failed = {v.trace_id for v in verdicts if v.failed}
    sampled = [v for v in verdicts if v.weight is not None]
    weighted = bool(sampled) and any(not v.failed for v in sampled)
    shares = {m.mode_id: _share(m, sampled if weighted else verdicts, weighted) for m in modes}
    counts = {m.mode_id: len(failed & {x.trace_id for x in m.members}) for m in modes}
    order = sorted(modes, key=lambda m: (-shares[m.mode_id].value, -counts[m.mode_id], m.mode_id))
    version = taxonomy_version(modes)
    return [_row(m, rank, counts, shares[m.mode_id], weighted, version) for rank, m in enumerate(order, 1)]


def _share(mode: Mode, verdicts: Sequence[Verdict], weighted: bool) -> Rate:
    own = {x.trace_id for x in mode.members}
    outcomes = [v.failed and v.trace_id in own for v in verdicts]
    if weighted:
        return weighted_rate(outcomes, [v.weight or 1.0 for v in verdicts])
    return proportion(sum(outcomes), len(outcomes))


def _row(mode: Mode, rank: int, counts: Mapping[str, int], share: Rate, weighted: bool, version: str) -> FailureMode:
    return FailureMode(
        mode_id=mode.mode_id, name=mode.name, definition=mode.definition, status=mode.status,
        n_failures=counts[mode.mode_id], share=share.value, share_low=share.low, share_high=share.high,
        share_of="traffic" if weighted else "labelled traces", rank=rank, version=version,
    )  # fmt: skip
