"""Scripted improvers: what a model may reply, good and bad, and worlds in which their edits matter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.improve.edits import Edit, EditReply
from flywheel_pipeline.steps.improve.failures import Failures
from flywheel_pipeline_tests.builders import a_mode
from flywheel_pipeline_tests.fakes import FakeLLM
from flywheel_pipeline_tests.steps.improve.test_search import number

FAILURES = Failures([a_mode(name="Made up")], 8)
BRIEF, EXACT, IDLE = "Be brief.", "Be exact.", "Be yourself."
"""Lines: the first fixes cases whose number is 1 modulo 4, the second those with 3, the third nothing."""


def world(text: str, case: GoldenCase) -> str:
    passes = number(case) % 2 == 0 or (BRIEF if number(case) % 4 == 1 else EXACT) in text
    return "pass" if passes else "fail"


def add(text: str, case: str = "train-1", **changes: Any) -> Edit:
    return Edit(**{"mode": "fm-1", "cases": [case], "text": text, "why": "It helps.", **changes})


def replies(*rounds: list[Edit] | str) -> FakeLLM:
    """An improver that replies so round by round, and nothing at last; a text is an error."""
    left = list(rounds)

    def answer(_: Any) -> EditReply | str:
        found = left.pop(0) if left else []
        return found if isinstance(found, str) else EditReply(edits=found)

    return FakeLLM(answer)


def by_the_case(edit_of: Callable[[str], str]) -> FakeLLM:
    """An improver that makes an edit for the first case that it is shown."""

    def answer(data: Any) -> EditReply:
        shown = [case["case"] for mode in data["failure_modes"] for case in mode["cases"]]
        return EditReply(edits=[add(edit_of(shown[0]), shown[0])])

    return FakeLLM(answer)
