"""The gate's operating characteristic: how often it ships and rejects candidates whose truth is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.stats import PERFECT, JudgeError, Recall, Youden
from flywheel_pipeline.steps.improve.rule import Gate
from flywheel_pipeline.steps.improve.simulate import decide_runs
from flywheel_pipeline.steps.improve.worlds import Candidate, Judges, Layout, Runs, draw_noise, lay_out

SIZES = (40, 80, 200)
MODES, OWN_SHARE = 7, 0.49
LOOKS, KINSHIP, FAMILY = 20, 0.5, 3
SLIPS = Judges(0.85, 0.80)
SLIPS_KNOWN = JudgeError(Recall(17, 20), Recall(16, 20)).youden


@dataclass(frozen=True)
class World:
    """A row of the table. `own` is how many own cases the harmed mode has; `look` at which the candidate is met.

    `looks` above 1 counts the runs in which some of as many equal candidates ships. `limits` are {n: (most shipped,
    most rejected, fewest shipped)} in percent, None where nothing is required.
    """

    truth: str
    candidate: Candidate
    require: str = "report"
    limits: tuple[tuple[int, float | None, float | None, float | None], ...] = ()
    judges: Judges = Judges()
    known: Youden = PERFECT
    own: int = 0
    kinship: float = 0.0
    look: int = 1
    looks: int = 1


@dataclass(frozen=True)
class Figure:
    """Percent shipped and rejected in `runs` runs of `n` cases; `met` is whether what is required holds, if anything."""

    n: int
    shipped: float
    rejected: float
    runs: int
    met: bool | None = None

    @property
    def error(self) -> float:
        """The Monte Carlo standard error of `shipped`, in points."""
        p = min(max(self.shipped / 100, 1 / self.runs), 1 - 1 / self.runs)
        return float(100 * (p * (1 - p) / self.runs) ** 0.5)


def _all(shipped: float | None = None, rejected: float | None = None) -> tuple[tuple[int, float | None, float | None, None], ...]:
    return tuple((n, shipped, rejected, None) for n in SIZES)


_EQUAL = _all(5, 5)
WORLDS = (
    World("equal, 10 % flips (A/A)", Candidate(), "both < 5", _EQUAL),
    World("equal, 30 % change", Candidate(flips=0.3), "both < 5", _EQUAL),
    World("5 points worse", Candidate(-0.05), "ship < 1 from 80", ((80, 1, None, None), (200, 1, None, None))),
    World("10 points better", Candidate(0.10)),
    World("15 points better", Candidate(0.15), "ship > 80 at 200", ((200, None, None, 80),)),
    World("25 points better", Candidate(0.25), "> 85 at 80, > 95 at 200", ((80, None, None, 85), (200, None, None, 95))),
    World("+25, a judge loses 10 of all", Candidate(0.25, loses_all=0.10), "ship < 1", _all(1)),
    World("+20, a mode loses 30 of 10 own", Candidate(0.20, loses_own=0.30), "ship < 20", _all(20), own=10),
    World("+20, a mode loses 30 of 14 own", Candidate(0.20, loses_own=0.30), "ship < 20", _all(20), own=14),
    World("+20, a mode loses 50 of 10 own", Candidate(0.20, loses_own=0.50), "ship < 2", _all(2), own=10),
    World("+20, a mode loses 10 of 30 own", Candidate(0.20, loses_own=0.10), own=30),
    World("equal, half of its failures end in errors", Candidate(broken=0.5), "ship < 5", _all(5)),
    World("equal, judges .85/.80, flips labelled", Candidate(), "both < 5", _EQUAL, SLIPS, SLIPS_KNOWN),
    World("+15, judges .85/.80, flips labelled", Candidate(0.15), "ship > 80 at 200", ((200, None, None, 80),), SLIPS, SLIPS_KNOWN),
    World("equal, fails found .80 before, .60 after", Candidate(), "report", (), replace(SLIPS, fails_after=0.6), SLIPS_KNOWN),
    World("equal, families of 3 (correlation .5)", Candidate(), "both < 5", _EQUAL, kinship=KINSHIP),
    World("+15, families of 3", Candidate(0.15), kinship=KINSHIP),
    World("+15, on look 10", Candidate(0.15), look=10),
    World("equal, some of 20 looks ships", Candidate(), "ship < 10", _all(10), looks=LOOKS),
    World("the same, judges .85/.80 and families of 3", Candidate(), "ship < 10", _all(10), SLIPS, SLIPS_KNOWN, kinship=KINSHIP, looks=LOOKS),
    World("+15, judges .85/.80 and families of 3", Candidate(0.15), judges=SLIPS, known=SLIPS_KNOWN, kinship=KINSHIP),
)  # fmt: skip


def layout_of(world: World, n: int) -> Layout:
    """Return `n` test cases over seven modes, half of them own cases of a mode; the first mode is the harmed one."""
    share = int(n * OWN_SHARE)
    first = world.own or share // MODES
    others = max(share - first, 0) // (MODES - 1)
    return lay_out(n, [min(first, n), *[others] * (MODES - 1)], FAMILY if world.kinship else 1)


def layout_of_home(cases: Sequence[GoldenCase]) -> Layout:
    """Return the test cases of a home as they are: their modes, the largest first, and their families."""
    own = [c.mode_id for c in cases if c.mode_id and c.kind in ("failure", "synthetic")]
    ranked = sorted(set(own), key=lambda m: (-own.count(m), m))
    numbers = {m: i for i, m in enumerate(ranked)}
    mode = [numbers.get(c.mode_id or "", -1) if c.kind in ("failure", "synthetic") else -1 for c in cases]
    families: dict[str, int] = {}
    family = [families.setdefault(c.family, len(families)) for c in cases]
    return Layout(tuple(mode), tuple(m if m >= 0 else i % max(len(ranked), 1) for i, m in enumerate(mode)), tuple(family))


def measure(gate: Gate, world: World, layout: Layout, runs: int, seed: int = 1) -> Figure:
    """Return what the gate does in `runs` runs of a world."""
    rng = np.random.default_rng(seed)
    made = Runs(layout, world.candidate, world.judges, draw_noise(layout, runs, rng, world.kinship))
    drawn = first = made.draw(rng)
    found = decide_runs(gate, layout, drawn, world.known, world.look)
    shipped, rejected = found.ship, found.reject
    for look in range(2, world.looks + 1):
        drawn = made.next_candidate(first, rng)
        shipped = shipped | decide_runs(gate, layout, drawn, world.known, look).ship
    figure = Figure(layout.n, 100 * float(shipped.mean()), 100 * float(rejected.mean()), runs)
    return replace(figure, met=_met(world, figure))


def _met(world: World, figure: Figure) -> bool | None:
    limit = next((x for x in world.limits if x[0] == figure.n), None)
    if limit is None:
        return None
    _, most, most_rejected, fewest = limit
    shipped = (most is None or figure.shipped < most) and (fewest is None or figure.shipped > fewest)
    return shipped and (most_rejected is None or figure.rejected < most_rejected)


def measure_all(
    gate: Gate, runs: int, home: Layout | None = None, progress: Callable[[str], None] = lambda _: None
) -> list[tuple[World, list[Figure]]]:
    """Return the table: every world at 40, 80 and 200 test cases, before them that of the home.

    Worlds with many looks or families take a third of the runs: they cost as much as the others together.
    """
    table = []
    for world in WORLDS:
        progress(world.truth)
        some = runs // 3 if world.looks > 1 or world.kinship else runs
        at_home = [measure(gate, world, home, some)] if home else []
        table.append((world, [*at_home, *(measure(gate, world, layout_of(world, n), some) for n in SIZES)]))
    return table
