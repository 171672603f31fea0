"""The stand-in answers every question of the golden step in its shape, and the same every time."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from flywheel_pipeline.adapters.llm.offline import generator
from flywheel_pipeline.ports import Ask
from flywheel_pipeline.steps.golden.cases import Draft
from flywheel_pipeline.steps.golden.generate import dimensions_ask, paraphrase_ask, phrase_ask, realism_ask
from flywheel_pipeline_tests.builders import a_conversation

REAL = ["Where is my parcel?", "Can I return the hub within 30 days?"]


def answered(ask: Ask) -> dict[str, Any]:
    reply = generator.reply([dict(m) for m in ask.messages])
    assert ask.schema is not None
    ask.schema.model_validate_json(reply)
    return dict(json.loads(reply))


@pytest.mark.parametrize("question", [*REAL, "refund", "Is it 3.5 kg, or 4? I ordered FW-123."])
def test_a_paraphrase_is_other_words_with_the_same_numbers(question: str) -> None:
    found = answered(paraphrase_ask(Draft("failure", None, tuple(a_conversation(question))), 2, "demo"))["questions"]
    assert len(set(found)) == 2 and question not in found
    assert all(sorted(re.findall(r"\d+", t)) == sorted(re.findall(r"\d+", question)) for t in found)


def test_a_tuple_is_phrased_with_all_its_values_and_criteria() -> None:
    found = answered(phrase_ask({"feature": "refund", "persona": "gardener"}, REAL, "demo"))
    assert "refund" in found["question"] and "gardener" in found["question"] and found["criteria"]


def test_what_shares_words_with_real_messages_is_rated_more_real() -> None:
    scores = [answered(realism_ask(t, REAL, "demo"))["score"] for t in ("Has my parcel left?", "Foo bar baz", "x")]
    assert scores == [4, 3, 2]


@pytest.mark.parametrize("questions", [REAL, ["a"]])
def test_dimensions_have_values(questions: list[str]) -> None:
    assert len(answered(dimensions_ask(questions, ["Made up"], "demo"))["dimensions"]) == 3


def test_anything_else_gets_an_empty_reply() -> None:
    assert generator.reply([{"role": "user", "content": "hello"}]) == "{}"
