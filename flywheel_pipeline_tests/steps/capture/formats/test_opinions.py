"""A score is a user's opinion only where giver, polarity and scale are known; everything else keeps its name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.records import Feedback
from flywheel_pipeline.steps.capture.formats.common import Source
from flywheel_pipeline.steps.capture.formats.opinions import (
    Opinion,
    clicked,
    feedback_of,
    given_by,
    is_verdict,
    scale_of,
    scaled,
)
from flywheel_pipeline.steps.capture.formats.polarity import is_adverse

SOURCE = Source("scores.jsonl", 2, "shop", scales={"mood": (1, 7)})


def row(name: str, value: Any, source: str = "user", **more: Any) -> Feedback:
    (made,) = feedback_of(Opinion("t1", name, value, source, **more), SOURCE)
    return made


@pytest.mark.parametrize(
    ("source", "name", "expected"),
    [
        ("API", "user-feedback", "user"), ("API", "thumbs", "user"), ("API", "negative_user_feedback", "user"),
        ("API", "user_score", "user"), ("", "csat", "user"), ("sdk", "StarRating", "user"),
        ("API", "answer_correctness", "script"), ("API", "faithfulness", "script"),
        ("", "user_query_toxicity", "script"),
        ("sdk", "helpfulness", "script"), ("CODE", "exact_match", "script"), ("something", "relevance", "script"),
        ("ANNOTATION", "user-feedback", "annotator"), ("ANNOTATION", "correct", "annotator"),
        ("app", "thumbs", "annotator"), ("HUMAN", "correctness", "annotator"), ("ui", "tone", "annotator"),
        ("HUMAN", "user_feedback", "user"), ("HUMAN", "user_frustration", "user"), ("ui", "User feedback", "user"),
        ("EVAL", "user_satisfaction", "model"), ("LLM", "thumbs", "model"), ("LLM_JUDGE", "correct", "model"),
        ("online_scoring", "rating", "model"), ("auto", "score", "model"),
        ("API", "llm_rating", "model"), ("API", "judge_satisfaction", "model"), ("user", "predicted_csat", "model"),
        ("API", "expert_rating", "annotator"), ("", "reviewer_feedback", "annotator"), ("API", "👍", "user"),
    ],
)  # fmt: skip
def test_the_source_and_then_the_name_say_who_gave_a_score(source: str, name: str, expected: str) -> None:
    assert given_by(source, name) == expected


@pytest.mark.parametrize(
    "name",
    ["dislike", "negative_user_feedback", "user_frustration", "hallucination", "HallucinationScore", "toxicity",
     "error-analysis_OffTopic", "harmful", "off_topic", "off topic", "bias", "refusal", "not_helpful", "unhelpful",
     "thumbs_down", "thumbs-down", "downvotes", "incorrect", "jailbreak_risk", "complaint", "is_wrong",
     "didnt_help", "misleading", "too_long", "unclear", "disappointed", "needs_improvement", "outdated", "contains_pii"],
)  # fmt: skip
def test_of_names_that_mean_harm_one_is_bad(name: str) -> None:
    assert is_adverse(name)
    assert row(name, True).score == 0.0
    assert row(name, "no").score == 1.0


@pytest.mark.parametrize(
    "name",
    ["user_feedback", "correctness", "no_hallucination", "non-toxic", "harmless", "harmlessness", "unbiased",
     "hallucination_free", "helpful", "thumbs_up", "download_speed", "rating", "groundedness", "absence_of_errors"],
)  # fmt: skip
def test_of_all_other_names_one_is_good(name: str) -> None:
    assert not is_adverse(name)
    assert row(name, True).score == 1.0


@pytest.mark.parametrize(
    ("value", "score"),
    [("up", 1.0), ("Thumbs Up", 1.0), ("thumbs-down", 0.0), ("👎", 0.0), ("Negative", 0.0), ("yes", 1.0), ("meh", None),
     (0, None), (1, None), (-1, None), (4, None), ("4", None), (0.4, None)],
)  # fmt: skip
def test_words_are_verdicts_and_numbers_wait_for_their_scale(value: Any, score: float | None) -> None:
    made = row("feedback", value)
    assert made.score == score
    assert made.value is not None or made.label is not None


def test_a_word_that_means_one_thing_is_not_turned_by_the_name() -> None:
    assert row("dislike", "thumbs_down").score == 0.0
    assert row("hallucination", None, label="pass").score == 1.0


def test_a_stated_scale_makes_an_opinion_at_once() -> None:
    assert row("rating", 4, scale=(1, 5)).score == 0.75
    assert row("frustration", 4, scale=(1, 5)).score == 0.25
    assert row("mood", 7).score == 1.0  # the scale of the settings
    assert row("rating", 9, scale=(1, 5)).score is None
    assert row("grade", 6, scale=(6, 1)).score == row("pain", 10, scale=(10, 0)).score == 0.0
    assert row("frustration", 5, scale=(5, 1)).score == 0.0  # written downwards: the name does not turn it again


def test_a_score_without_anything_is_none_and_a_comment_alone_is_one() -> None:
    assert list(feedback_of(Opinion("t", "x", None), SOURCE)) == []
    assert row("feedback", None, comment="too slow").comment == "too slow"
    assert row("x" * 500, 1).name == "x" * 200


@pytest.mark.parametrize(
    ("name", "n", "low", "high", "expected"),
    [
        ("feedback", 1, 1, 1, (0, 1)), ("feedback", 9, 0, 1, (0, 1)), ("score", 3, 0.2, 0.9, (0, 1)),
        ("thumbs", 4, -1, 1, (-1, 1)), ("thumbs", 1, -1, -1, (-1, 1)), ("sentiment", 3, -0.5, 0.5, (-1, 1)),
        ("rating", 1, 1, 1, None), ("rating", 5, 1, 5, (1, 5)), ("rating", 3, 0, 1, (0, 1)), ("rating", 2, 3, 4, None),
        ("rating", 40, 2, 5, (1, 5)), ("rating", 40, 2, 8, (0, 10)), ("rating", 40, 12, 97, (0, 100)),
        ("rating", 40, 1, 2, None), ("feedback", 5, 1, 4, None), ("score", 1, 85, 85, None), ("score", 2, 1, 2, None),
        ("rating", 5, 0, 10, (0, 10)), ("rating", 5, 1, 10, (1, 10)), ("rating", 5, 0, 100, (0, 100)),
        ("stars", 1, 1, 1, (1, 5)), ("star_rating", 2, 2, 3, (1, 5)), ("nps", 1, 9, 9, (0, 10)),
        ("csat", 1, 4, 4, (1, 5)),
        ("nps", 2, 3, 40, None), ("quality_percent", 1, 80, 80, (0, 100)), ("rating", 40, -5, 5, None),
    ],
)  # fmt: skip
def test_the_values_of_a_name_show_its_scale_or_leave_it_open(
    name: str, n: int, low: float, high: float, expected: tuple[float, float] | None
) -> None:
    assert scale_of(name, n, low, high) == expected


@given(st.text(max_size=9), st.integers(1, 99), st.floats(-9, 120), st.floats(0, 120))
def test_a_scale_holds_all_of_its_values(name: str, n: int, low: float, more: float) -> None:
    scale = scale_of(name, n, low, low + more)
    assert scale is None or scale[0] <= low <= low + more <= scale[1]


@given(st.floats(0, 10), st.floats(0, 10), st.booleans())
def test_scaled_values_keep_their_order_or_turn_it(one: float, other: float, adverse: bool) -> None:
    a, b = scaled(one, (0, 10), adverse), scaled(other, (0, 10), adverse)
    assert a is not None and b is not None and 0 <= a <= 1
    assert (a <= b) == (one <= other) or a == b or adverse


def test_a_text_of_a_user_is_no_verdict() -> None:
    assert is_verdict("5") and is_verdict("Thumbs up") and not is_verdict("Great, but slow")


@pytest.mark.parametrize(
    ("value", "score"),
    [("4/5", 0.75), ("1 of 5", 0.0), ("8/10", 0.8), ("80 %", 0.8), ("3 stars", 0.5), ("★☆☆☆☆", 0.0), ("★★★★★", 1.0),
     ("4/7", None), ("six stars", None), ("7/5", None)],
)  # fmt: skip
def test_a_grade_may_state_its_scale(value: str, score: float | None) -> None:
    assert row("rating", value).score == score


def test_of_two_buttons_the_one_that_was_not_clicked_says_nothing() -> None:
    assert clicked({"thumbs_up": 0, "thumbs_down": 1}) == {"thumbs_down": 1}
    assert clicked({"like": False, "dislike": False, "rating": 0}) == {"rating": 0}
    assert clicked({"thumbs_up": 0}) == {"thumbs_up": 0}
    assert clicked({}) == {}


def test_a_heading_may_state_the_scale() -> None:
    assert scale_of("User rating (1-5)", 2, 1, 2) == (1, 5)
    assert scale_of("User rating (1-5)", 2, 1, 9) is None
    assert scale_of("rating 2024-12", 2, 2, 3) is None
