"""Replay: a table of outcomes is read strictly, and the gate does with pairs what it would do with candidates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from flywheel_pipeline.errors import FlywheelError
from flywheel_pipeline.steps.improve.gate import Comparison, Evidence, decide
from flywheel_pipeline.steps.improve.replay import decide_draws, read_outcomes, replay
from flywheel_pipeline.steps.improve.rule import MODE
from flywheel_pipeline_tests.steps.improve.gates import a_gate

GATE = a_gate(judges_alone=True)


def table(n: int, **rates: tuple[float, float]) -> list[dict[str, Any]]:
    """Outcomes of prompts on `n` cases of two modes; `rates` are pass rates in the one and in the other."""
    rng = np.random.default_rng(4)
    chance = rng.random(n)
    return [
        {"case": str(i), "mode": "ab"[i % 2], **{name: str(int(chance[i] < r[i % 2])) for name, r in rates.items()}}
        for i in range(n)
    ]


def test_a_loss_in_a_class_is_not_shipped_and_a_repaired_prompt_is() -> None:
    rows = replay(GATE, read_outcomes(table(1_000, base=(0.8, 0.8), other=(0.65, 0.98))), 200)
    traded = [r for r in rows if (r.before, r.after) == ("base", "other")]
    assert [r.n for r in traded] == [100, 200, 400]
    assert all(r.worst_mode == "a" and r.worst_difference < -0.1 and r.met for r in traded)
    repaired = next(r for r in rows if r.after == "base, half repaired" and r.n == 400)
    assert (repaired.require, repaired.met) == ("ship > 90", True)


def test_a_pair_of_equal_prompts_is_not_rejected() -> None:
    rows = replay(GATE, read_outcomes(table(600, base=(0.8, 0.8), same=(0.8, 0.8))), 200)
    equal = [r for r in rows if r.after == "same"]
    assert all((r.require, r.met, r.rejected) == ("reject < 5", True, 0.0) for r in equal)


def test_a_draw_is_decided_as_the_gate_decides_it() -> None:
    rng = np.random.default_rng(2)
    mode = rng.integers(0, 3, (40, 90))
    before, after = rng.random((40, 90)) < 0.6, rng.random((40, 90)) < 0.75
    seen = np.where(rng.random((40, 90)) < 0.02, np.nan, after.astype(float))
    old = np.where(rng.random((40, 90)) < 0.01, np.nan, before.astype(float))
    ship, reject = decide_draws(GATE, old, seen, mode)
    for run in range(40):
        was, now = ({str(i): float(v) for i, v in enumerate(side[run]) if not np.isnan(v)} for side in (old, seen))
        guards = tuple(
            Comparison(f"m{m}", tuple(str(i) for i in np.flatnonzero(mode[run] == m)), was, now, MODE) for m in range(3)
        )
        whole = Comparison("all", tuple(map(str, range(90))), was, now)
        decision = decide(GATE, Evidence(whole, guards)).decision
        assert (decision == "ship", decision == "reject") == (bool(ship[run]), bool(reject[run]))


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([], "columns"),
        ([{"case": "1", "mode": "a", "base": "1"}], "at least two"),
        ([{"case": "1", "a": "1", "b": "1"}], "columns"),
        ([{"case": "1", "mode": "a", "x": "1", "y": "maybe"}], "Line 2: y is 'maybe'"),
        ([{"case": "1", "mode": "a", "x": "1", "y": "0"}] * 2, "Line 3: case '1' comes twice"),
    ],
)
def test_a_table_that_is_not_understood_is_refused_with_its_line(rows: list[dict[str, Any]], problem: str) -> None:
    with pytest.raises(FlywheelError, match=problem):
        read_outcomes(rows)


def test_an_empty_outcome_is_not_known() -> None:
    read = read_outcomes([{"case": "1", "mode": "a", "x": "", "y": "pass"}])
    assert np.isnan(read.prompts["x"][0]) and read.prompts["y"][0] == 1.0
