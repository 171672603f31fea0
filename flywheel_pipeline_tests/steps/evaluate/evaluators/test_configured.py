"""An evaluator of the file: what it is about, which version it is, and that a bug of it breaks one judgement only."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest

from flywheel_pipeline.ports import Answer
from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.evaluate.evaluators.catalogue import make_evaluator
from flywheel_pipeline.steps.evaluate.evaluators.configured import Check, judge_answer
from flywheel_pipeline.steps.evaluate.evaluators.judgement import Judgement
from flywheel_pipeline.steps.evaluate.evaluators.own_function import LoadedFunction, OwnFunction
from flywheel_pipeline.steps.evaluate.evaluators.tone import Rating
from flywheel_pipeline_tests.builders import a_case
from flywheel_pipeline_tests.fakes import FakeLLM

SETTINGS = {"texts": ["hand you over"]}
CHECK = Check("hands-over", "contains", make_evaluator("contains", SETTINGS), SETTINGS, "fm-1")
TONE = {"scale": "warmth", "one": "cold", "five": "warm"}


def judged(check: Check, case: GoldenCase, output: str = "No.", llm: FakeLLM | None = None) -> Judgement:
    engine = llm or FakeLLM(lambda data: "not asked")
    return asyncio.run(judge_answer(check, case, Answer(output), "demo", engine)).judgement


@pytest.mark.parametrize(
    ("asked", "label"),
    [
        ("Let me talk to a HUMAN!", "fail"),
        ("a real\nperson, please", "fail"),
        ("Is it humane?", "pass"),
        ("personal data", "pass"),
        ("When do you open?", "pass"),
    ],
)
def test_it_is_about_messages_with_one_of_its_phrases_as_whole_words(asked: str, label: str) -> None:
    assert judged(replace(CHECK, when=("human", "real person")), a_case(input=asked)).label == label


def test_without_phrases_it_is_about_every_message() -> None:
    assert judged(CHECK, a_case(input="When do you open?")).label == "fail"


@pytest.mark.parametrize("changes", [{"settings": {"texts": ["b"]}}, {"kind": "forbidden"}, {"when": ("human",)}])
def test_its_version_changes_with_what_decides(changes: dict[str, Any]) -> None:
    assert replace(CHECK, **changes).version("m") != CHECK.version("m")


def test_its_version_stays_with_another_name_and_for_code_with_another_model() -> None:
    assert replace(CHECK, name="other").version("m") == CHECK.version("n")


def test_the_version_of_one_that_asks_changes_with_the_model() -> None:
    tone = Check("warm", "tone", make_evaluator("tone", TONE), TONE)
    assert tone.asks and not CHECK.asks
    assert tone.version("m") != tone.version("n")


def test_one_that_asks_reads_the_models_reply() -> None:
    tone = Check("warm", "tone", make_evaluator("tone", {**TONE, "lowest": 3}), TONE)
    assert judged(tone, a_case(), llm=FakeLLM(lambda data: Rating(rating=2))).label == "fail"
    assert judged(tone, a_case(), llm=FakeLLM(lambda data: "rate limit")).broken


@dataclass(frozen=True)
class Buggy:
    kind: ClassVar[str] = "buggy"
    code_version: ClassVar[str] = "1"

    def check(self, case: GoldenCase, answer: Answer) -> Judgement:
        raise ZeroDivisionError("division by zero")


def test_a_bug_is_no_judgement_of_this_answer() -> None:
    found = judged(Check("b", "buggy", Buggy()), a_case())
    assert (found.label, found.broken, found.explanation) == (None, True, "ZeroDivisionError: division by zero")


class Unruly:
    """A value that raises whatever is asked of it."""

    def __float__(self) -> float:
        raise RuntimeError("a tensor of two")

    def __repr__(self) -> str:
        raise RuntimeError("not to be shown")


@dataclass(frozen=True)
class Returns:
    value: Any
    version: str = "v1"

    async def run(self, case: GoldenCase, answer: Answer) -> tuple[Any, str]:
        return self.value, ""


@pytest.mark.parametrize("value", [Unruly(), {"score": Unruly()}, {"label": "pass", "explanation": Unruly()}])
def test_a_value_that_raises_when_it_is_read_breaks_one_judgement_only(value: Any) -> None:
    found = judged(Check("mine", "python", LoadedFunction(OwnFunction("m:f"), Returns(value))), a_case())
    assert (found.label, found.broken) == (None, True)
    assert "RuntimeError" in found.explanation
