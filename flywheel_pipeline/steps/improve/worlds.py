"""Made-up worlds of test cases, with a truth that is known: what a candidate changes, and what judges see of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]

FAILS_OWN, FAILS_HAPPY, FAILS_GUARDED = 0.8, 0.4, 0.1
"""How often production fails a mode's own cases, happy paths, and the cases of a mode that the candidate harms."""


@dataclass(frozen=True)
class Layout:
    """Test cases: `mode` numbers the mode whose own case each is (-1: happy path), `judge` who may find it wanting.

    `family` numbers the families, which are of one mode each.
    """

    mode: tuple[int, ...]
    judge: tuple[int, ...]
    family: tuple[int, ...]

    @property
    def n(self) -> int:
        """How many cases there are."""
        return len(self.mode)


def lay_out(n: int, own: Sequence[int], family_size: int = 1) -> Layout:
    """Return `n` cases of which `own[m]` are of mode m, as far as they go; the rest are happy paths.

    A happy path may be found wanting by any judge, in turn.
    """
    modes = [m for m, count in enumerate(own) for _ in range(count)][:n]
    mode = [*modes, *[-1] * (n - len(modes))]
    judge = [m if m >= 0 else i % max(len(own), 1) for i, m in enumerate(mode)]
    family, last, size = [], (-2, -1), family_size
    for m in mode:
        size = size + 1 if last[0] == m and size < family_size else 1
        last = (m, last[1] + (size == 1))
        family.append(last[1])
    return Layout(tuple(mode), tuple(judge), tuple(family))


@dataclass(frozen=True)
class Candidate:
    """What a candidate does: `gain` over all cases, losses by judge 0, and noise that no prompt causes.

    `flips` is the share of cases that change either way under equal prompts; `loses_all` the points that judge 0 loses
    of all cases, `loses_own` those that mode 0 loses of its own; `broken` the share of its failures that end in an
    error, whose outcome is not known.
    """

    gain: float = 0.0
    flips: float = 0.10
    loses_all: float = 0.0
    loses_own: float = 0.0
    broken: float = 0.0


@dataclass(frozen=True)
class Judges:
    """How often a judge recognises a pass, a fail before, and a fail after (a judge may be fooled by new answers)."""

    passes: float = 1.0
    fails: float = 1.0
    fails_after: float | None = None


@dataclass(frozen=True)
class Draw:
    """Outcomes of many runs, each of shape (runs, cases): the truth, and what the judges report."""

    truth: tuple[Bools, Bools]
    seen: tuple[Bools, Bools]
    unknown_after: Bools

    def of(self, runs: Any) -> Draw:
        """Return some of the runs."""
        (a, b), (c, d) = self.truth, self.seen
        return Draw((a[runs], b[runs]), (c[runs], d[runs]), self.unknown_after[runs])


@dataclass(frozen=True)
class Runs:
    """Many runs of one world; `noise` are uniform numbers (3, runs, cases), of which the last makes the candidate."""

    layout: Layout
    candidate: Candidate
    judges: Judges
    noise: Any

    def truth(self) -> tuple[Bools, Bools]:
        """Return what passes before and after."""
        layout, candidate = self.layout, self.candidate
        mode, judge = np.asarray(layout.mode), np.asarray(layout.judge)
        harmed = mode == 0 if candidate.loses_own else (judge == 0) & (candidate.loses_all > 0)
        fails = np.where(harmed, FAILS_GUARDED, np.where(mode >= 0, FAILS_OWN, FAILS_HAPPY))
        lost = candidate.loses_all + candidate.loses_own * harmed.mean()
        breaks = _chance(lost, candidate, (1 - fails) * harmed)
        fixes = _chance(max(candidate.gain, 0) + lost, candidate, fails * ~harmed)
        drops = _chance(max(-candidate.gain, 0), candidate, 1 - fails)
        noisy, base, change = self.noise[0] < 2 * candidate.flips, self.noise[1], self.noise[2]
        before = np.where(noisy, base < 0.5, base >= fails)
        kept = np.where(before, change >= np.where(harmed, breaks, drops), change < np.where(harmed, 0.0, fixes))
        return before, np.where(noisy, change < 0.5, kept)

    def draw(self, rng: np.random.Generator) -> Draw:
        """Return the runs as the judges see them; their errors on two answers are independent."""
        before, after = self.truth()
        judges = self.judges
        late = judges.fails if judges.fails_after is None else judges.fails_after
        seen = [
            np.where(side, rng.random(side.shape) < judges.passes, rng.random(side.shape) >= fails)
            for side, fails in ((before, judges.fails), (after, late))
        ]
        unknown = ~after & (rng.random(after.shape) < self.candidate.broken)
        return Draw((before, after), (seen[0], seen[1]), unknown)

    def next_candidate(self, first: Draw, rng: np.random.Generator) -> Draw:
        """Return the runs of another candidate of the same kind on the same cases and the same answers before."""
        noise = np.stack([self.noise[0], self.noise[1], draw_noise(self.layout, len(self.noise[0]), rng)[0]])
        other = Runs(self.layout, self.candidate, self.judges, noise).draw(rng)
        return Draw((first.truth[0], other.truth[1]), (first.seen[0], other.seen[1]), other.unknown_after)


def _chance(points: float, candidate: Candidate, able: Any) -> float:
    """Return how often each able case must change for `points` over all cases; noisy cases do not."""
    return float(points * len(able) / max((1 - 2 * candidate.flips) * able.sum(), 1e-9))


def draw_noise(layout: Layout, runs: int, rng: np.random.Generator, kinship: float = 0.0) -> Any:
    """Return three uniform numbers per run and case; a case takes those of its family with probability √kinship."""
    noise = rng.random((3, runs, layout.n))
    if not kinship:
        return noise
    family = np.asarray(layout.family)
    first = np.unique(family, return_index=True)[1][family]
    shared = rng.random((runs, layout.n)) < sqrt(kinship)
    return np.where(shared[None], noise[:, :, first], noise)
