"""The simulated gate is the gate that decides, and it meets what is required of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from flywheel_pipeline.stats import PERFECT, Youden
from flywheel_pipeline.steps.improve.characteristic import (
    SLIPS,
    SLIPS_KNOWN,
    WORLDS,
    layout_of,
    layout_of_home,
    measure,
)
from flywheel_pipeline.steps.improve.flips import next_batch
from flywheel_pipeline.steps.improve.gate import Comparison, Evidence, decide
from flywheel_pipeline.steps.improve.rule import ALL, GROUP, MODE, WHOLE, Gate
from flywheel_pipeline.steps.improve.simulate import decide_runs
from flywheel_pipeline.steps.improve.worlds import Candidate, Draw, Judges, Layout, Runs, draw_noise, lay_out
from flywheel_pipeline_tests.builders import a_case
from flywheel_pipeline_tests.steps.improve.gates import a_gate

COVERS = ("steps/improve/simulate.py", "steps/improve/worlds.py", "steps/improve/characteristic.py")
OWN = (12, 16, 8)
MODES = tuple(f"mode {m}" for m in range(len(OWN)))


def drawn(layout: Layout, candidate: Candidate, judges: Judges, kinship: float = 0.0, runs: int = 25) -> Draw:
    rng = np.random.default_rng(3)
    return Runs(layout, candidate, judges, draw_noise(layout, runs, rng, kinship)).draw(rng)


def evidence_of(layout: Layout, draw: Draw, run: int, judge: Youden) -> Evidence:
    """The same run as the product meets it: one comparison per evaluator, by case id."""
    ids = [f"c{i}" for i in range(layout.n)]
    known = [i for i in range(layout.n) if not draw.unknown_after[run, i]]
    before = {ids[i]: float(draw.seen[0][run, i]) for i in range(layout.n)}
    after = {ids[i]: float(draw.seen[1][run, i]) for i in known}

    def part(name: str, chosen: list[int], kind: str, who: int | None = None) -> Comparison:
        """By one judge, cases of others pass on both sides."""
        mine = {i for i in chosen if who is None or layout.judge[i] == who}
        return Comparison(
            name,
            tuple(ids[i] for i in chosen),
            {ids[i]: before[ids[i]] if i in mine else 1.0 for i in chosen},
            {ids[i]: after[ids[i]] if i in mine else 1.0 for i in chosen if i in known or i not in mine},
            kind,
            judge,
        )

    everything = list(range(layout.n))
    guards = [part(f"judge {j}", everything, ALL, j) for j in sorted(set(layout.judge))]
    guards += [part(m, [i for i in everything if layout.mode[i] == k], MODE) for k, m in enumerate(MODES)]
    guards += [part("happy", [i for i in everything if layout.mode[i] < 0], GROUP)]
    families = {ids[i]: str(layout.family[i]) for i in everything}
    return Evidence(part("all", everything, WHOLE), tuple(guards), families=families)


def decide_with_labels(gate: Gate, layout: Layout, draw: Draw, run: int, judge: Youden) -> str:
    found = evidence_of(layout, draw, run, judge)
    report = decide(gate, found)
    while report.decision == "hold" and report.to_label:
        labels = {
            **found.labels,
            **{
                c: (bool(draw.truth[0][run, int(c[1:])]), bool(draw.truth[1][run, int(c[1:])])) for c in report.to_label
            },
        }
        found = replace(found, labels=labels)
        report = decide(gate, found)
    return report.decision


@pytest.mark.parametrize("kinship", [0.0, 0.5])
@pytest.mark.parametrize(
    "candidate", [Candidate(0.2), Candidate(-0.3), Candidate(0.25, loses_own=0.4), Candidate(broken=0.1)]
)
def test_the_simulated_gate_decides_as_the_gate_does(candidate: Candidate, kinship: float) -> None:
    layout = lay_out(80, OWN, 3 if kinship else 1)
    draw = drawn(layout, candidate, Judges(), kinship)
    gate = a_gate(judges_alone=True, consent=MODES)
    found = decide_runs(gate, layout, draw)
    for run in range(len(found.ship)):
        decision = decide(gate, evidence_of(layout, draw, run, PERFECT)).decision
        assert (decision == "ship", decision == "reject") == (bool(found.ship[run]), bool(found.reject[run]))


def test_the_simulated_expert_labels_as_many_flips_as_the_real_one_and_decides_alike() -> None:
    layout = lay_out(60, OWN)
    draw = drawn(layout, Candidate(0.3), Judges(0.95, 0.95), runs=25)
    gate = a_gate(consent=MODES)
    flips = [draw.seen[0][run] != draw.seen[1][run] for run in range(25)]
    assert max(f.sum() for f in flips) <= 40  # so that two rounds, whatever their order, are all of them
    found = decide_runs(gate, layout, draw, SLIPS_KNOWN)
    real = [decide_with_labels(gate, layout, draw, run, SLIPS_KNOWN) for run in range(25)]
    apart = sum((r == "ship") != bool(s) for r, s in zip(real, found.ship, strict=True))
    assert apart <= 3  # which cases are labelled first differs
    assert sum(r == "ship" for r in real) > 5


@pytest.mark.parametrize("world", WORLDS[:8], ids=lambda w: w.truth)
@pytest.mark.parametrize("n", [80, 200])
def test_the_gate_meets_what_is_required(world: object, n: int) -> None:
    chosen = next(w for w in WORLDS if w == world)
    figure = measure(a_gate(), chosen, layout_of(chosen, n), 300)
    assert figure.met is not False or figure.error > 1.2, figure


def test_a_world_changes_as_many_cases_as_it_says() -> None:
    for candidate, gain in ((Candidate(0.15), 0.15), (Candidate(-0.05), -0.05), (Candidate(0.2, loses_own=0.3), 0.2)):
        layout = lay_out(200, (14, *[14] * 6))
        before, after = drawn(layout, candidate, Judges(), runs=2_000).truth
        assert float(after.mean() - before.mean()) == pytest.approx(gain, abs=0.01)
        if candidate.loses_own:
            own = np.asarray(layout.mode) == 0
            assert float(after[:, own].mean() - before[:, own].mean()) == pytest.approx(-0.3, abs=0.02)


def test_equal_prompts_flip_as_often_as_the_world_says() -> None:
    before, after = drawn(lay_out(200, OWN), Candidate(flips=0.1), Judges(), runs=1_000).truth
    assert float((before != after).mean()) == pytest.approx(0.1, abs=0.005)
    assert float(before.mean() - after.mean()) == pytest.approx(0, abs=0.005)


def test_judges_err_as_often_as_the_world_says() -> None:
    draw = drawn(lay_out(200, OWN), Candidate(), replace(SLIPS, fails_after=0.6), runs=1_000)
    (before, after), (seen_before, seen_after) = draw.truth, draw.seen
    assert float(seen_before[before].mean()) == pytest.approx(0.85, abs=0.01)
    assert float((~seen_before[~before]).mean()) == pytest.approx(0.80, abs=0.01)
    assert float((~seen_after[~after]).mean()) == pytest.approx(0.60, abs=0.01)


def test_families_change_together() -> None:
    layout = lay_out(120, (120,), 3)
    before, after = drawn(layout, Candidate(flips=0.25), Judges(), kinship=0.5, runs=2_000).truth
    d = after.astype(float) - before
    same, other = np.mean(d[:, 0] * d[:, 1]), np.mean(d[:, 0] * d[:, 3])
    assert same > 4 * abs(other)
    assert layout.family[:6] == (0, 0, 0, 1, 1, 1)


def test_another_candidate_meets_the_same_cases_and_the_same_old_answers() -> None:
    layout, rng = lay_out(80, OWN), np.random.default_rng(1)
    runs = Runs(layout, Candidate(), SLIPS, draw_noise(layout, 50, rng))
    first = runs.draw(rng)
    other = runs.next_candidate(first, rng)
    assert (other.seen[0] == first.seen[0]).all() and (other.truth[0] == first.truth[0]).all()
    assert (other.truth[1] != first.truth[1]).any()


def test_the_layout_of_a_home_is_that_of_its_cases() -> None:
    own = [a_case(case_id=f"a{i}", mode_id="fm-a", family=f"f{i // 2}") for i in range(4)]
    happy = [a_case(case_id="h", kind="happy_path", mode_id=None, family="g")]
    layout = layout_of_home([a_case(case_id="b", mode_id="fm-b", family="z"), *own, *happy])
    assert layout.mode == (1, 0, 0, 0, 0, -1)
    assert layout.family == (0, 1, 1, 2, 2, 3)


def test_no_more_than_eighty_flips_are_ever_drawn() -> None:
    flips = [f"c{i}" for i in range(200)]
    labels: dict[str, tuple[bool, bool]] = {}
    while batch := next_batch(flips, labels):
        assert len(batch) == 20
        labels.update(dict.fromkeys(batch, (True, True)))
    assert len(labels) == 80
