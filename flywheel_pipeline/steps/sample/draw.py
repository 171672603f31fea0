"""Draw one batch: risk, probabilities, a spread draw, and for every chosen trace the reason and weight."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from flywheel_pipeline.ports import Embed
from flywheel_pipeline.records import SampledTrace
from flywheel_pipeline.steps.sample.balance import EXACT, SPARE
from flywheel_pipeline.steps.sample.frame import Frame
from flywheel_pipeline.steps.sample.inclusion import Floats, inclusion_probabilities, raise_to_minimum
from flywheel_pipeline.steps.sample.pivotal import local_pivotal

MAX_TEXT = 2_000
"""Characters of a question that are embedded."""


@dataclass(frozen=True)
class Design:
    """Everything that decides a batch, apart from the traces themselves."""

    since: str
    until: str
    size: int
    risk_multiplier: float
    uniform_share: float
    seed: int
    strata: tuple[str, ...] = field(default=(), repr=False)
    min_per_stratum: int = field(default=0, repr=False)
    """The least number of traces of every value of every stratum, where there are that many."""

    @property
    def digest(self) -> str:
        """The design's id: a hash of all that decides the draw."""
        text = repr(
            replace(self, risk_multiplier=_plain(self.risk_multiplier), uniform_share=_plain(self.uniform_share))
        )
        text += repr((self.strata, self.min_per_stratum)) if self.strata else ""
        return hashlib.sha256(text.encode()).hexdigest()[:6]

    @property
    def batch(self) -> str:
        """The batch's name: the window, the size, and the design's id."""
        return f"{self.since}_{self.until}_n{self.size}_{self.digest}"


def _plain(value: float) -> float:
    """Return 10 for 10.0, so that a setting has one digest however it is written."""
    return int(value) if float(value).is_integer() else value


def sample_traces(frame: Sequence[Frame], design: Design, embed: Embed, n_frame: int) -> list[SampledTrace]:
    """Draw about `design.size` traces of `frame`; the same frame and design give the same batch.

    `n_frame` is how many traces the frame stands for, including near-duplicates and traces that were not kept.

    Inclusion probabilities follow risk (`inclusion_probabilities`) and leave no stratum below its minimum
    (`raise_to_minimum`); the draw is spread over what the users asked (`local_pivotal` on embeddings), within the
    strata first. Traces that are `known` are not drawn: they come beside the batch, at probability 1, because they
    represent their own part of the population. If there are fewer traces than the size, all are drawn.
    """
    fresh = [f for f in frame if not f.known]
    p = _probabilities(fresh, design)
    probability = {f.trace_id: value for f, value in zip(fresh, p, strict=True)}
    points = embed.embed([f.input[:MAX_TEXT] for f in fresh]) if fresh else np.zeros((0, 1))
    columns = _columns(fresh, design)
    chosen = {fresh[i].trace_id for i in local_pivotal(p, points, design.seed, columns, design.min_per_stratum)}
    rows = [f for f in frame if f.known or f.trace_id in chosen]
    return [_row(f, f.kept * float(probability.get(f.trace_id, 1.0)), design, n_frame) for f in rows]


def _probabilities(fresh: Sequence[Frame], design: Design) -> Floats:
    """Return the probability with which each trace of the frame is drawn."""
    if not fresh:
        return np.zeros(0)
    risk = np.array([f.risk(design.risk_multiplier) for f in fresh])
    stands_for = np.array([f.n_like / f.kept for f in fresh])
    probability = inclusion_probabilities(risk, design.size, design.uniform_share, stands_for)
    least = [design.min_per_stratum + SPARE * (place >= EXACT) for place in range(len(design.strata))]
    return raise_to_minimum(probability, _columns(fresh, design), least)


def _columns(fresh: Sequence[Frame], design: Design) -> list[list[str]]:
    """Return the value of every trace, by stratum."""
    return [[f.strata[k] for f in fresh] for k in range(len(design.strata))]


def _row(trace: Frame, probability: float, design: Design, n_frame: int) -> SampledTrace:
    return SampledTrace(
        batch=design.batch,
        trace_id=trace.trace_id,
        stratum=trace.stratum(design.strata),
        reason=trace.reason(),
        to_label=not trace.known,
        risk=round(trace.risk(design.risk_multiplier), 6),
        inclusion_probability=min(1.0, round(probability, 9)),
        weight=max(1.0, round(trace.n_like / probability, 6)),
        n_like=trace.n_like,
        design=design.digest,
        seed=design.seed,
        n_frame=n_frame,
    )
