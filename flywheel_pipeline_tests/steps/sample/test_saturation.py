"""When to stop labelling."""

from __future__ import annotations

import pytest

from flywheel_pipeline.steps.sample import judge_saturation


@pytest.mark.parametrize(
    ("failures", "advice"),
    [
        ([], "Keep labelling: no failure"),
        ([0, 0], "Keep labelling: no failure"),
        ([5, 5], "Keep labelling: up to 30.0% of failures may be of a kind not seen yet, and 10 failures are too few"),
        ([20, 9, 1, 1], "Keep labelling: up to 13.7% of failures may be of a kind not seen yet (target 5%)"),
        ([40, 30, 20, 10], "Labelling can stop: up to 3.0%"),
    ],
)
def test_the_advice_follows_the_bound_and_needs_thirty_failures(failures: list[int], advice: str) -> None:
    assert judge_saturation(failures).advice.startswith(advice)


def test_modes_without_failures_do_not_count() -> None:
    saturation = judge_saturation([3, 0, 2])
    assert (saturation.n_failures, saturation.n_modes) == (5, 2)
