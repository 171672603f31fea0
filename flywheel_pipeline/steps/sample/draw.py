"""Draw one batch: risk, probabilities, a spread draw, and for every chosen trace the reason and weight."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flywheel_pipeline.ports import Embed
from flywheel_pipeline.records import SampledTrace
from flywheel_pipeline.steps.sample.inclusion import inclusion_probabilities
from flywheel_pipeline.steps.sample.pivotal import local_pivotal

MAX_FRAME = 1_000
"""Flagged traces, and ordinary ones, that are compared with each other at most: the draw is quadratic in them."""

MAX_TEXT = 2_000
"""Characters of a question that its place among the others depends on."""


@dataclass(frozen=True)
class Design:
    """What decides a batch, beside the traces themselves."""

    since: str
    until: str
    size: int
    risk_multiplier: float
    uniform_share: float
    seed: int

    @property
    def batch(self) -> str:
        """The batch's name: the window, and a hash of all that decides the draw."""
        digest = hashlib.sha256(repr(self).encode()).hexdigest()[:6]
        return f"{self.since}_{self.until}_n{self.size}_{digest}"


@dataclass(frozen=True)
class Frame:
    """One trace that may be sampled; the flags are the columns of `frame.sql`."""

    trace_id: str
    input: str
    thumbs_down: bool
    failed: bool
    silent: bool
    n_turns: int
    many_turns: bool
    slow: bool
    long: bool
    kept: float = 1.0
    """The probability with which the trace came into the frame, where there are too many to look at all."""

    def risk(self, multiplier: float) -> float:
        """Return 1 for an ordinary trace, up to `multiplier` for one that the user disliked."""
        share = (
            1.0 * self.thumbs_down
            + 0.45 * (self.failed or self.silent)
            + 0.2 * (self.many_turns or self.slow or self.long)
        )
        return 1 + (multiplier - 1) * min(1.0, share)

    def reason(self) -> str:
        """Return why the trace was likely to be chosen, for people."""
        said = [
            (self.thumbs_down, "thumbs down"),
            (self.failed, "ended in an error"),
            (self.silent, "no answer"),
            (self.many_turns, f"{self.n_turns} turns"),
            (self.slow, "unusually slow"),
            (self.long, "unusually long"),
        ]
        return "; ".join(text for holds, text in said if holds) or "ordinary trace, for coverage"


def sample_traces(frame: Sequence[Frame], design: Design, embed: Embed) -> list[SampledTrace]:
    """Draw about `design.size` traces of `frame`; the same frame and design give the same batch.

    Inclusion probabilities follow risk (`inclusion_probabilities`), the draw is spread over what the
    users asked (`local_pivotal` on embeddings). Fewer traces than the size: all of them, at weight 1.
    """
    if not frame:
        return []
    risk = np.array([f.risk(design.risk_multiplier) for f in frame])
    kept = np.array([f.kept for f in frame])
    probability = inclusion_probabilities(risk, design.size, design.uniform_share, kept)
    points = embed.embed([f.input[:MAX_TEXT] for f in frame])
    chosen = local_pivotal(probability, points, design.seed)
    n_frame = round(float((1 / kept).sum()))
    return [_row(frame[i], float(risk[i]), float(kept[i] * probability[i]), design, n_frame) for i in chosen]


def _row(trace: Frame, risk: float, probability: float, design: Design, n_frame: int) -> SampledTrace:
    return SampledTrace(
        batch=design.batch,
        trace_id=trace.trace_id,
        stratum="flagged" if risk > 1 else "ordinary",
        reason=trace.reason(),
        risk=round(risk, 6),
        inclusion_probability=min(1.0, round(probability, 9)),
        weight=max(1.0, round(1 / probability, 6)),
        seed=design.seed,
        n_frame=n_frame,
    )
