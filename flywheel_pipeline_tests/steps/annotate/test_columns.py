"""The columns of a label file go by name."""

from __future__ import annotations

from flywheel_pipeline.steps.annotate.columns import by_name


def test_the_first_name_that_is_understood_wins_and_the_others_are_kept():
    assert by_name({"label": "x", "Verdict?": "pass", "id": 1, "team": 2}) == (
        {"trace_id": 1, "verdict": "pass"},
        {"label": "x", "team": 2},
    )
