"""How bad a mode is: a person's word for it, else what the labels say of its failures, else nothing."""

from __future__ import annotations

import pytest

from flywheel_pipeline.steps.cluster.severity import severity_of
from flywheel_pipeline_tests.steps.cluster.reviewed import a_mode

MODE = a_mode("rude", "r1", "r2", "r3", "r4")


def test_without_a_word_a_mode_weighs_what_a_medium_one_does() -> None:
    assert (severity_of(MODE, {}).level, severity_of(MODE, {"x1": "high"}).weight) == (None, 1.0)


@pytest.mark.parametrize(
    ("said", "level", "weight"),
    [
        (["high"], "high", 3.0),
        (["high", "low"], "medium", 5 / 3),
        (["Critical ", "medium"], "high", 2.0),
        (["low", "minor"], "low", 1 / 3),
        (["purple", "medium"], "medium", 1.0),
    ],
)
def test_the_labels_are_averaged_by_weight(said: list[str], level: str, weight: float) -> None:
    found = severity_of(MODE, dict(zip(["r1", "r2"], said, strict=False)))
    assert found.level == level
    assert found.weight == pytest.approx(weight)
    assert "of its 4 failures" in found.text


def test_a_persons_word_for_the_mode_goes_before_the_labels() -> None:
    found = severity_of(a_mode("rude", "r1", severity="low"), {"r1": "high"})
    assert found.level == "low"
    assert found.weight == pytest.approx(1 / 3)
