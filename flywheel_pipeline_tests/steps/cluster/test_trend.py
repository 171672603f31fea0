"""A share is said to rise or fall only where two batches leave no doubt."""

from __future__ import annotations

import numpy as np

from flywheel_pipeline.records import SampledTrace
from flywheel_pipeline.steps.cluster.trend import Trend, measure_trends
from flywheel_pipeline_tests.builders import a_sampled_trace
from flywheel_pipeline_tests.steps.cluster.reviewed import a_mode


def a_batch(name: str, n: int, n_failed: int) -> tuple[list[SampledTrace], dict[str, bool]]:
    rows = [a_sampled_trace(batch=name, trace_id=f"{name}{i:03}") for i in range(n)]
    return rows, {s.trace_id: i < n_failed for i, s in enumerate(rows)}


def trend(*batches: tuple[str, int, int]) -> Trend | None:
    made = [a_batch(*b) for b in batches]
    failed = {t: v for _, verdicts in made for t, v in verdicts.items()}
    mode = a_mode("rude", *(t for t, v in failed.items() if v))
    return measure_trends([mode], failed, [s for rows, _ in made for s in rows]).get("rude")


def test_a_share_that_clearly_fell_is_down_and_one_that_clearly_rose_is_up() -> None:
    fell, rose = trend(("a", 60, 30), ("b", 60, 5)), trend(("a", 60, 5), ("b", 60, 30))
    assert fell and (fell.direction, fell.before.value, fell.now.value) == ("down", 0.5, 5 / 60)
    assert rose and rose.direction == "up"


def test_a_small_change_is_inconclusive() -> None:
    found = trend(("a", 40, 10), ("b", 40, 7))
    assert found and found.direction == "inconclusive"


def test_without_two_batches_of_enough_judged_traces_there_is_no_trend() -> None:
    assert trend(("a", 60, 30)) is None
    assert trend(("a", 60, 30), ("b", 9, 0)) is None
    assert measure_trends([a_mode("rude", "r1")], {}, []) == {}


def test_the_batch_before_is_the_latest_that_shares_no_trace() -> None:
    old, verdicts = a_batch("a", 40, 20)
    overlapping = [a_sampled_trace(batch="b", trace_id=f"c{i:03}") for i in range(20)]
    newest, more = a_batch("c", 40, 2)
    failed = {**verdicts, **more}
    mode = a_mode("rude", *(t for t, v in failed.items() if v))
    found = measure_trends([mode], failed, [*old, *overlapping, *newest])["rude"]
    assert (found.before.value, found.now.value) == (0.5, 0.05)


def test_of_seven_modes_in_equal_batches_hardly_ever_one_seems_to_change() -> None:
    rng, some = np.random.default_rng(3), []
    for _ in range(150):
        made = [a_batch(name, 90, 90) for name in ("a", "b")]
        traces = [t for _, verdicts in made for t in verdicts]
        modes = [a_mode(f"m{k}", *(t for t in traces if rng.random() < 0.1)) for k in range(7)]
        found = measure_trends(modes, dict.fromkeys(traces, True), [s for rows, _ in made for s in rows])
        some.append(any(t.direction != "inconclusive" for t in found.values()))
    assert np.mean(some) <= 0.08  # 0.21 with intervals of 95 %
