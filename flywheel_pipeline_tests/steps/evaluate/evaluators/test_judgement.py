"""What an evaluator says of an answer."""

from __future__ import annotations

from flywheel_pipeline.steps.evaluate.evaluators.judgement import Judgement


def test_a_judgement_without_a_score_says_everything_by_its_label() -> None:
    assert Judgement("pass", "as asked").score is None
