"""What a function of a person's own returns has one meaning or is an error with its reason; it is never guessed."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.ports import Answer
from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.evaluate.evaluators.own_function import LoadedFunction, OwnFunction, read_value
from flywheel_pipeline_tests.builders import a_case


@pytest.mark.parametrize(
    ("value", "label", "score"),
    [
        (True, "pass", 1.0),
        (False, "fail", 0.0),
        ("pass", "pass", None),
        ("unsure", "unsure", None),
        (0.5, "pass", 0.5),
        (0.49, "fail", 0.49),
        (1, "pass", 1.0),
        (0, "fail", 0.0),
        (np.float64(0.75), "pass", 0.75),
        (Decimal("0.25"), "fail", 0.25),
        ({"label": "fail", "score": 0.9}, "fail", 0.9),
        ({"score": 0.9}, "pass", 0.9),
    ],
)
def test_a_value_with_a_meaning_is_read(value: Any, label: str, score: float | None) -> None:
    found = read_value(value, 0.5)
    assert (found.label, found.score, found.broken) == (label, score, False)


@pytest.mark.parametrize(
    "value",
    [
        None, 1.7, -0.1, math.nan, math.inf, "PASS", "0.8", "", [], [0.5], {}, {"verdict": "pass"}, {"label": None},
        {"score": math.nan}, {"label": "pass", "score": 1.7}, {"label": True}, {"label": {"label": "pass"}},
        {"label": "pass", "score": None}, {"score": 1, "extra": 2}, {"score": True}, np.array([0.1, 0.2]), object(), 1j,
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_a_value_without_a_meaning_is_an_error_that_names_it(value: Any) -> None:
    found = read_value(value, 0.5)
    assert (found.label, found.score, found.broken) == (None, None, True)
    assert "expected True, False, a score from 0 to 1" in found.explanation


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_score_passes_from_the_threshold_on(score: float, pass_at: float) -> None:
    assert read_value(score, pass_at).label == ("pass" if score >= pass_at else "fail")


@given(st.floats(allow_nan=True, allow_infinity=True).filter(lambda x: not 0 <= x <= 1))
def test_a_number_outside_0_to_1_is_never_a_score(value: float) -> None:
    assert read_value(value, 0.5).broken


def test_the_reason_that_a_function_gives_is_kept_and_bounded() -> None:
    assert read_value({"label": "fail", "explanation": "too rude"}, 0.5).explanation == "too rude"
    assert len(read_value({"label": "fail", "explanation": "x" * 10**6}, 0.5).explanation) == 2_000


@dataclass
class FakeCode:
    value: Any = True
    problem: str = ""
    version: str = "v1"

    async def run(self, case: GoldenCase, answer: Answer) -> tuple[Any, str]:
        return self.value, self.problem


def test_a_function_that_failed_has_judged_nothing() -> None:
    judge = LoadedFunction(OwnFunction("m:f"), FakeCode(True, "m:f: ZeroDivisionError: division by zero"))
    found = asyncio.run(judge.judge(a_case(), Answer("Hello.")))
    assert (found.label, found.broken) == (None, True)
    assert "ZeroDivisionError" in found.explanation


def test_the_version_is_that_of_the_source() -> None:
    assert LoadedFunction(OwnFunction("m:f"), FakeCode(version="v2")).code_version == "v2"


@pytest.mark.parametrize("name", ["f", "m:", "a b:f", "../x.py:f:g", "m:f()"])
def test_a_function_is_named_by_module_and_name(name: str) -> None:
    with pytest.raises(ValueError, match="match pattern"):
        OwnFunction(name)
