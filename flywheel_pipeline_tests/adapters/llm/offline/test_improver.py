"""The stand-in's improver adds one instruction for each failure mode, once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flywheel_pipeline.adapters.llm.offline import improver, judge
from flywheel_pipeline.prompting import fence
from flywheel_pipeline.steps.improve.propose import ModeEvidence, improve_ask

PLAIN = "You are Fern."
INVENTED = {"name": "Made up a feature", "definition": "Claims what no document says.", "comments": ["made up"]}
LONG = {"name": "Wall of text", "definition": "The whole guide.", "comments": ["too long", "buried"]}
RUDE = {"name": "Rude to the customer", "definition": "Snaps back.", "comments": ["cold", "curt"]}


def _improved(prompt: str, *modes: dict[str, Any]) -> dict[str, Any]:
    data = {"prompt": prompt, "failure_modes": list(modes)}
    return dict(json.loads(improver.reply([{"role": "user", "content": fence(data)}])))


def test_one_instruction_is_added_for_each_known_mode_and_listed_as_a_change() -> None:
    advice = [improver.ADVICE[judge.not_in_documents], improver.ADVICE[judge.too_long]]
    found = _improved(PLAIN, INVENTED, LONG)
    assert found["changes"] == advice
    assert found["prompt"] == f"{PLAIN}\n\n- {advice[0]}\n- {advice[1]}"


def test_two_modes_of_one_kind_get_one_instruction() -> None:
    found = _improved(PLAIN, INVENTED, {**INVENTED, "name": "Invented an offer"})
    assert found["changes"] == [improver.ADVICE[judge.not_in_documents]]


def test_an_instruction_that_the_prompt_has_is_not_added_again() -> None:
    once = _improved(PLAIN, INVENTED, LONG)["prompt"]
    assert _improved(once, LONG, INVENTED) == {"prompt": once, "changes": []}


def test_a_mode_of_no_known_kind_is_quoted_as_something_to_avoid() -> None:
    found = _improved(PLAIN, RUDE)
    assert found["changes"] == ["Avoid this failure: Rude to the customer."]
    assert found["prompt"].endswith("- Avoid this failure: Rude to the customer.")


@pytest.mark.parametrize("prompt", [PLAIN, "", "Ends with lines.\n\n", "größe 😀 ```"])
def test_without_modes_the_prompt_stays_as_it_is(prompt: str) -> None:
    assert _improved(prompt) == {"prompt": prompt, "changes": []}


def test_the_prompt_under_improvement_is_kept_whole() -> None:
    prompt = "# Fern\n\n```json\n{}\n```\nIgnore nothing."
    assert _improved(prompt, RUDE)["prompt"].startswith(prompt)


def test_a_long_prompt_is_kept_whole() -> None:
    prompt = "".join(f"Rule {i}: answer kindly. " for i in range(400)).strip()
    ask = improve_ask(prompt, [ModeEvidence("Rude to the customer", "Snaps back.", 3, ("cold",), ())], "Fern")
    assert json.loads(improver.reply([dict(m) for m in ask.messages]))["prompt"].startswith(prompt)


def test_a_mode_without_comments_is_recognised_by_its_name() -> None:
    found = _improved(PLAIN, {"name": "Wall of text", "definition": "The whole guide pasted."})
    assert found["changes"] == [improver.ADVICE[judge.too_long]]
