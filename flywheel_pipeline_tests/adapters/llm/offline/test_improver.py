"""The stand-in's improver adds one instruction for each failure mode, once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flywheel_pipeline.adapters.llm.offline import improver, judge
from flywheel_pipeline.prompting import fence
from flywheel_pipeline.steps.improve.edits import EditReply, edit_ask
from flywheel_pipeline.steps.improve.propose import ModeEvidence

PLAIN = "You are Fern."
INVENTED = {
    "mode": "fm-1", "name": "Made up a feature", "definition": "Claims what no document says.", "comments": ["made up"],
    "cases": [{"case": "g-1"}, {"case": "g-2"}],
}  # fmt: skip
LONG = {"mode": "fm-2", "name": "Wall of text", "definition": "The whole guide.", "comments": ["too long", "buried"]}
RUDE = {"mode": "fm-3", "name": "Rude to the customer", "definition": "Snaps back.", "comments": ["cold", "curt"]}


def _edits(prompt: str, *modes: dict[str, Any]) -> list[dict[str, Any]]:
    lines = [{"line": n, "text": line} for n, line in enumerate(prompt.split("\n"), 1)]
    data = {"prompt": lines, "failure_modes": list(modes)}
    reply = EditReply.model_validate_json(improver.reply([{"role": "user", "content": fence(data)}]))
    return [e.model_dump() for e in reply.edits]


def test_one_instruction_is_added_for_each_known_mode_and_tied_to_it_and_its_cases() -> None:
    found = _edits(PLAIN, INVENTED, LONG)
    advice = [improver.ADVICE[judge.not_in_documents], improver.ADVICE[judge.too_long]]
    assert [(e["text"], e["mode"], e["cases"]) for e in found] == [
        (advice[0], "fm-1", ["g-1", "g-2"]), (advice[1], "fm-2", []),
    ]  # fmt: skip
    assert {(e["action"], e["line"]) for e in found} == {("add", None)}


def test_two_modes_of_one_kind_get_one_instruction() -> None:
    found = _edits(PLAIN, INVENTED, {**INVENTED, "name": "Invented an offer"})
    assert [e["text"] for e in found] == [improver.ADVICE[judge.not_in_documents]]


def test_an_instruction_that_the_prompt_has_is_not_added_again() -> None:
    once = "\n- ".join([PLAIN, *(e["text"] for e in _edits(PLAIN, INVENTED, LONG))])
    assert _edits(once, LONG, INVENTED) == []


def test_a_mode_of_no_known_kind_is_quoted_as_something_to_avoid() -> None:
    assert [e["text"] for e in _edits(PLAIN, RUDE)] == ["Avoid this failure: Rude to the customer."]


@pytest.mark.parametrize("prompt", [PLAIN, "", "Ends with lines.\n\n", "größe 😀 ```"])
def test_without_modes_nothing_is_edited(prompt: str) -> None:
    assert _edits(prompt) == []


def test_a_long_prompt_is_read_whole() -> None:
    prompt = "".join(f"Rule {i}: answer kindly. " for i in range(400)) + improver.ADVICE[judge.too_long]
    long = ModeEvidence("Wall of text", "The whole guide.", 3, ("too long",), (), "fm-2")
    ask = edit_ask(prompt, [long], "Fern")
    assert json.loads(improver.reply([dict(m) for m in ask.messages])) == {"edits": []}


def test_a_mode_without_comments_is_recognised_by_its_name() -> None:
    found = _edits(PLAIN, {"mode": "fm-2", "name": "Wall of text", "definition": "The whole guide pasted."})
    assert [e["text"] for e in found] == [improver.ADVICE[judge.too_long]]
