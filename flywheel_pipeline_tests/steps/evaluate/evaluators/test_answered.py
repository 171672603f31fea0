"""The code check: an error or an empty answer is a fail, whatever else is true."""

from __future__ import annotations

import pytest

from flywheel_pipeline.ports import Answer
from flywheel_pipeline.steps.evaluate.evaluators.answered import check_answered


@pytest.mark.parametrize("output", [None, "", "  \n\t "])
def test_an_empty_answer_fails(output: str | None) -> None:
    assert check_answered(Answer(output)) == ("fail", "the answer is empty")


@pytest.mark.parametrize("output", [None, "half an ans"])
def test_an_error_is_reported_and_is_no_verdict_even_where_something_was_answered(output: str | None) -> None:
    label, explanation = check_answered(Answer(output, error="connection lost"))
    assert label is None
    assert "connection lost" in explanation


def test_any_text_is_an_answer() -> None:
    assert check_answered(Answer("No."))[0] == "pass"
