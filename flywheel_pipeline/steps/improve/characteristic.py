"""The gate's operating characteristic: how often it ships and rejects candidates whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence
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
FAULTLESS, SLIPS = Judges(), Judges(0.85, 0.80)
SLIPS_KNOWN = JudgeError(Recall(17, 20), Recall(16, 20)).youden


Limit = tuple[int, float | None, float | None, float | None]
"""(test cases, most shipped, most rejected, fewest shipped), in percent; None where nothing is required."""


@dataclass(frozen=True)
class World:
    """A row of the table.

    `own` is how many own cases the harmed mode has, 0 for an even share; `look` the look at which the candidate is
    met. `looks` above 1 counts the runs in which some of as many equal candidates ships.
    """

    truth: str
    candidate: Candidate
    require: str = "report"
    limits: tuple[Limit, ...] = ()
    judges: Judges = FAULTLESS
    known: Youden = PERFECT
    own: int = 0
    kinship: float = 0.0
    look: int = 1
    looks: int = 1


@dataclass(frozen=True)
class Figure:
    """Percent shipped and rejected in `runs` runs of `n` cases; `met` is whether what is required holds."""

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


def _below(shipped: float, rejected: float | None = None, sizes: tuple[int, ...] = SIZES) -> tuple[Limit, ...]:
    return tuple((n, shipped, rejected, None) for n in sizes)


def _above(**shipped: float) -> tuple[Limit, ...]:
    return tuple((int(n[1:]), None, None, share) for n, share in shipped.items())


def _slipping(world: World) -> World:
    return replace(world, judges=SLIPS, known=SLIPS_KNOWN)


def _related(world: World) -> World:
    return replace(world, kinship=KINSHIP)


EQUAL, BETTER = Candidate(), Candidate(0.15)
FOOLED = replace(SLIPS, fails_after=0.6)
WORLDS = (
    World("equal, 10 % flips (A/A)", EQUAL, "both < 5", _below(5, 5)),
    World("equal, 30 % change", Candidate(flips=0.3), "both < 5", _below(5, 5)),
    World("5 points worse", Candidate(-0.05), "ship < 1 from 80", _below(1, sizes=SIZES[1:])),
    World("10 points better", Candidate(0.10)),
    World("15 points better", BETTER, "ship > 80 at 200", _above(n200=80)),
    World("25 points better", Candidate(0.25), "> 85 at 80, > 95 at 200", _above(n80=85, n200=95)),
    World("+25, a judge loses 10 of all", Candidate(0.25, loses_all=0.10), "ship < 1", _below(1)),
    World("+20, a mode loses 30 of 10 own", Candidate(0.20, loses_own=0.30), "ship < 20", _below(20), own=10),
    World("+20, a mode loses 30 of 14 own", Candidate(0.20, loses_own=0.30), "ship < 20", _below(20), own=14),
    World("+20, a mode loses 50 of 10 own", Candidate(0.20, loses_own=0.50), "ship < 2", _below(2), own=10),
    World("+20, a mode loses 10 of 30 own", Candidate(0.20, loses_own=0.10), own=30),
    World("equal, half of its failures end in errors", Candidate(broken=0.5), "ship < 5", _below(5)),
    _slipping(World("equal, judges .85/.80, flips labelled", EQUAL, "both < 5", _below(5, 5))),
    _slipping(World("+15, judges .85/.80, flips labelled", BETTER, "ship > 80 at 200", _above(n200=80))),
    World("equal, fails caught .80 before, .60 after", EQUAL, judges=FOOLED, known=SLIPS_KNOWN),
    _related(World("equal, families of 3 (correlation .5)", EQUAL, "both < 5", _below(5, 5))),
    _related(World("+15, families of 3", BETTER)),
    World("+15, on look 10", BETTER, look=10),
    World("equal, some of 20 looks ships", EQUAL, "ship < 10", _below(10), looks=LOOKS),
    _related(_slipping(World("the same, .85/.80 and families", EQUAL, "ship < 10", _below(10), looks=LOOKS))),
    _related(_slipping(World("+15, .85/.80 and families", BETTER))),
)


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
    judge = (m if m >= 0 else i % max(len(ranked), 1) for i, m in enumerate(mode))
    return Layout(tuple(mode), tuple(judge), tuple(family))


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


def measure_world(gate: Gate, world: World, runs: int, home: Layout | None = None) -> list[Figure]:
    """Return a row of the table: at the home's own test cases, if there are any, and at 40, 80 and 200.

    Worlds with many looks or families take a third of the runs: they cost as much as the others together.
    """
    some = runs // 3 if world.looks > 1 or world.kinship else runs
    layouts = [*([home] if home else []), *(layout_of(world, n) for n in SIZES)]
    return [measure(gate, world, layout, some) for layout in layouts]
