"""The rule: bounds, guards and harm, over arrays as over numbers."""

from __future__ import annotations

import numpy as np
import pytest

from flywheel_pipeline.stats import Counts
from flywheel_pipeline.steps.improve.rule import (
    ALL,
    GROUP,
    MODE,
    GuardCounts,
    cases_needed,
    excluded_loss,
    harmed,
    is_safe,
    show_probability,
)
from flywheel_pipeline_tests.steps.improve.gates import a_gate

GATE = a_gate()


def guard(fixed: float, broken: float, n: int, kind: str = MODE) -> GuardCounts:
    return GuardCounts(Counts(np.asarray(fixed), np.asarray(broken), np.asarray(n)), n, kind)


@pytest.mark.parametrize(
    ("n", "kind", "loss"),
    [(10, MODE, 0.3), (14, MODE, 0.3), (15, MODE, 0.1), (14, GROUP, 0.3), (15, GROUP, 0.1), (14, ALL, 0.1)],
)
def test_the_loss_to_exclude_depends_on_how_many_cases_there_are(n: int, kind: str, loss: float) -> None:
    assert float(excluded_loss(GATE, guard(0, 0, n, kind))[0]) == loss


def test_arrays_are_decided_as_their_elements() -> None:
    fixed, broken = np.array([0.0, 2, 5, 0]), np.array([0.0, 1, 0, 6])
    together = is_safe(GATE, GuardCounts(Counts(fixed, broken, np.full(4, 40.0)), np.full(4, 40), MODE))
    assert together.tolist() == [bool(is_safe(GATE, guard(f, b, 40))) for f, b in zip(fixed, broken, strict=True)]


def test_harm_is_corrected_for_the_number_of_guards_step_by_step() -> None:
    clear, weaker = guard(0, 12, 40), guard(0, 7, 40)  # mid-p .0002 and .0078
    calm = [guard(3, 3, 40)] * 3
    assert [bool(h) for h in harmed(GATE, [clear, weaker])] == [True, True]
    assert [bool(h) for h in harmed(GATE, [clear, weaker, *calm])] == [True, False, False, False, False]
    assert [bool(h) for h in harmed(GATE, [weaker])] == [True]
    assert harmed(GATE, []) == []


def test_a_gain_is_no_harm_however_clear() -> None:
    assert not harmed(GATE, [guard(12, 0, 40)])[0]


def test_the_cases_that_are_needed_would_do_and_fewer_would_not() -> None:
    needed = cases_needed(GATE, guard(0, 0, 20))
    assert needed is not None
    assert is_safe(GATE, guard(0, 0, needed)) and not is_safe(GATE, guard(0, 0, needed - 1))


def test_what_goes_on_losing_is_never_shown_safe() -> None:
    assert cases_needed(GATE, guard(0, 5, 20)) is None


def test_a_probability_is_never_said_to_be_0_or_1() -> None:
    assert [show_probability(p) for p in (0.0, 0.0004, 0.5, 0.98765, 0.9996, 1.0)] == [
        "below 0.001", "below 0.001", "0.500", "0.988", "above 0.999", "above 0.999",
    ]  # fmt: skip
