"""The evaluator `similarity`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.ports import Answer
from flywheel_pipeline.records import Json
from flywheel_pipeline.steps.evaluate.evaluators.judgement import Judgement
from flywheel_pipeline.steps.evaluate.evaluators.similarity import Similarity
from flywheel_pipeline_tests.builders import a_case


def by_length(texts: Sequence[str]) -> Any:
    """The cosine of two texts is the ratio of their lengths, so that a test can choose it."""
    angles = [np.arccos(min(1.0, len(t) / max(map(len, texts)))) for t in texts]
    return np.array([[np.cos(a), np.sin(a)] for a in angles])


def judged(answer: str, reference: str | None = "the lamp is sent back by post", **values: Any) -> Judgement:
    others = values.pop("others", None)
    case = a_case(reference=reference, reference_alternatives=others and Json(others), input="How?")
    evaluator = Similarity(**{"pass_above": 0.9, "fail_below": 0.3, **values}).with_embed(by_length)
    return evaluator.check(case, Answer(answer))


def test_a_close_answer_passes_a_distant_one_fails_and_between_it_abstains() -> None:
    assert judged("post the lamp back").label == "unsure"
    assert judged("the lamp goes back by the post").label == "pass"
    assert judged("post").label == "fail"


def test_a_contradiction_fails_however_close_it_is() -> None:
    found = judged("You have 90 days.", "You have 30 days.")
    assert found == Judgement("fail", 'the answer contradicts the reference: "90 days" instead of "30 days"')


def test_a_missing_fact_is_unsure_however_close_it_is() -> None:
    found = judged("It takes some days..", "It takes 30 days ...")
    assert found.label == "unsure"
    assert found.explanation == 'similarity 1.00; "30 days" is missing'


def test_one_reference_that_agrees_is_enough() -> None:
    found = judged("You have 90 days.", "You have 30 days.", others='["You have 90 days!"]')
    assert found.label == "pass"


def test_without_thresholds_it_only_fails_contradictions() -> None:
    blank: dict[str, Any] = {"pass_above": None, "fail_below": None}
    assert judged("the lamp is sent back by post", **blank).label == "unsure"
    assert judged("You have 90 days.", "You have 30 days.", **blank).label == "fail"


def test_without_a_reference_or_vectors_there_is_no_verdict() -> None:
    assert judged("post", None) == Judgement(None, "the case has no reference")
    assert Similarity(pass_above=0.9).check(a_case(reference="post"), Answer("post")).broken


def test_the_score_to_calibrate_with_is_none_where_the_facts_decide() -> None:
    evaluator = Similarity().with_embed(by_length)
    assert evaluator.score(a_case(reference="the post"), "the post") == 1.0
    assert evaluator.score(a_case(reference="30 days"), "90 days") is None
    assert evaluator.score(a_case(reference=None), "90 days") is None


def test_vectors_of_nothing_are_no_similarity() -> None:
    evaluator = Similarity(pass_above=0.5, fail_below=0.2).with_embed(lambda texts: np.zeros((len(texts), 3)))
    assert evaluator.check(a_case(reference="yes sir"), Answer("of course")).label == "fail"
    broken = Similarity(pass_above=0.5).with_embed(lambda texts: np.full((len(texts), 3), np.nan))
    assert broken.check(a_case(reference="yes sir"), Answer("of course")).label == "unsure"


@given(st.floats(0.1, 1), st.floats(0.1, 1), st.sampled_from(["post", "by the post", "the lamp is sent by post"]))
def test_a_higher_threshold_never_passes_more(a: float, b: float, answer: str) -> None:
    low, high = sorted((a, b))
    strict = judged(answer, pass_above=high, fail_below=0.05)
    lenient = judged(answer, pass_above=low, fail_below=0.05)
    assert strict.label != "pass" or lenient.label == "pass"


@pytest.mark.parametrize("values", [{"pass_above": 0.3, "fail_below": 0.5}, {"pass_above": 2}, {"embedder": ""}])
def test_wrong_settings_are_refused(values: Any) -> None:
    with pytest.raises(ValueError, match=r"fail_below|pass_above|embedder"):
        Similarity(**values)
