"""The gain in traffic: parts weighted by their shares, and "cannot tell" where the golden set shows too little."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from flywheel_pipeline.stats import Rate, proportion
from flywheel_pipeline.steps.improve.gate import Evidence, GuardReport, decide
from flywheel_pipeline.steps.improve.rule import GROUP, MODE
from flywheel_pipeline.steps.improve.traffic import Traffic, TrafficGain, describe_gain, gain_in_traffic
from flywheel_pipeline_tests.steps.improve.evidence import compared
from flywheel_pipeline_tests.steps.improve.gates import a_gate

HAPPY = "happy paths"


def reports(fixed_rare: int = 20, broken_happy: int = 0, n: int = 40) -> tuple[GuardReport, ...]:
    """A rare mode that is fixed in so many of `n`, a frequent one that stays, and happy paths."""
    guards = (
        compared(n, fixed_rare, 0, "rare", MODE),
        compared(n, 0, 0, "frequent", MODE),
        compared(n, 0, broken_happy, HAPPY, GROUP),
    )
    return decide(a_gate(judges_alone=True), Evidence(compared(3 * n, fixed_rare, broken_happy), guards)).guards


def shares(rare: float, frequent: float, passing: float) -> Traffic:
    def rate(value: float) -> Rate:
        return proportion(round(1_000 * value), 1_000)

    return Traffic({"rare": rate(rare), "frequent": rate(frequent)}, rate(passing))


def test_what_fixes_a_rare_mode_gains_little_in_traffic() -> None:
    gain = gain_in_traffic(reports(), shares(0.02, 0.28, 0.70), HAPPY)
    assert gain.difference == pytest.approx(0.02 * 0.5, abs=0.002)
    assert gain.low < 0 < gain.high
    often = gain_in_traffic(reports(), shares(0.28, 0.02, 0.70), HAPPY)
    assert often.difference == pytest.approx(0.28 * 0.5, abs=0.01)


def test_what_breaks_happy_paths_loses_more_in_traffic_than_it_gains() -> None:
    gain = gain_in_traffic(reports(broken_happy=4), shares(0.05, 0.15, 0.80), HAPPY)
    assert gain.difference == pytest.approx(0.05 * 0.5 - 0.8 * 0.1, abs=0.005)


def test_the_interval_covers_what_repeated_samples_show() -> None:
    rng = np.random.default_rng(1)
    true = 0.25 * 0.4
    hits = 0
    for _ in range(120):
        fixed = int(rng.binomial(60, 0.4))
        share = proportion(int(rng.binomial(200, 0.25)), 200)
        traffic = Traffic({"rare": share, "frequent": proportion(0, 200)}, Rate(1 - share.value, 0.7, 0.8, 200))
        gain = gain_in_traffic(reports(fixed, n=60), traffic, HAPPY)
        hits += gain.low <= true <= gain.high
    assert hits >= 108


def test_shares_of_labels_that_are_not_of_our_sample_are_no_shares_of_traffic() -> None:
    gain = gain_in_traffic(reports(), None, HAPPY)
    assert "not of our sample" in gain.problem
    assert describe_gain(gain.evidence()).startswith("gain in traffic: cannot tell (the labels")


def test_a_mode_without_a_case_that_votes_leaves_the_gain_unknown_unless_it_is_very_rare() -> None:
    some = [g for g in reports() if g.name != "frequent"]
    unknown = gain_in_traffic(some, shares(0.05, 0.25, 0.70), HAPPY)
    assert "25% of traffic, such as frequent" in unknown.problem
    assert not gain_in_traffic(some, shares(0.28, 0.02, 0.70), HAPPY).problem


def test_traffic_that_is_in_no_mode_counts_as_unseen() -> None:
    assert "20% of traffic" in gain_in_traffic(reports(), shares(0.05, 0.15, 0.60), HAPPY).problem


def test_a_gain_is_described_with_its_interval() -> None:
    assert describe_gain(TrafficGain(0.12, 0.04, 0.2).evidence()) == "gain in traffic: +12% (+4% to +20%)"


def test_of_several_evaluators_of_a_mode_the_one_that_sees_least_gain_counts() -> None:
    rare, frequent, happy = reports()
    less = replace(frequent, name="rare by length")
    gain = gain_in_traffic(
        [replace(rare, name="rare by judge:fm-1"), less, frequent, happy], shares(0.3, 0, 0.7), HAPPY
    )
    assert gain.difference == 0.0
