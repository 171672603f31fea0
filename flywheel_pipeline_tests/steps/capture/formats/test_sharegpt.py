"""ShareGPT: conversations of `from` and `value`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flywheel_pipeline.steps.capture.formats import Source, UnreadableError, recognise, sharegpt

SOURCE = Source("a.jsonl", 1, "shop")


def a_record(*turns: tuple[str, str], **changes: Any) -> dict[str, Any]:
    listed = [{"from": speaker, "value": said} for speaker, said in turns]
    return {"id": "s1", "created_at": "2025-06-01T10:00:00Z", "conversations": listed, **changes}


def read(record: dict[str, Any]) -> Any:
    assert recognise(record) is sharegpt
    (trace,) = sharegpt.read(record, SOURCE)
    return trace


def test_the_last_question_and_its_answer_count() -> None:
    trace = read(a_record(("human", "Open?"), ("gpt", "Yes."), ("human", "Now?"), ("gpt", "No."), system="Be brief."))
    assert (trace.trace_id, trace.source_format, trace.n_turns) == ("s1", "sharegpt", 2)
    assert (trace.input, trace.output) == ("Now?", "No.")
    assert json.loads(trace.messages)[0] == {"role": "system", "content": "Be brief."}


def test_calls_and_observations_are_joined() -> None:
    call = '{"name": "hours", "arguments": {"day": "Sunday"}}'
    trace = read(a_record(("human", "Open?"), ("function_call", call), ("observation", "no"), ("gpt", "No.")))
    made = json.loads(trace.messages)
    assert made[1]["tool_calls"][0]["function"]["name"] == "hours"
    assert made[1]["tool_calls"][0]["id"] == made[2]["tool_call_id"]
    assert (trace.output, trace.n_tool_calls, trace.n_turns) == ("No.", 1, 1)


def test_turns_may_be_called_otherwise() -> None:
    turns = [{"role": "user", "content": "Open?"}, {"role": "assistant", "content": "Yes."}]
    assert read(a_record(conversations=turns)).output == "Yes."


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (a_record(("human", "Open?"), created_at=None), "without a time"),
        (a_record(("human", "Open?"), ("Zed", "x")), "turn 2 is by 'Zed'"),
        (a_record(("human", "Open?"), ("function_call", "[1]")), "no JSON object"),
        (a_record(conversations=[{"from": "human", "value": "x"}, "y"]), "turn 2 does not say who speaks"),
    ],
)
def test_what_cannot_be_read_is_reported(record: dict[str, Any], reason: str) -> None:
    with pytest.raises(UnreadableError, match=reason):
        list(sharegpt.read(record, SOURCE))


def test_the_time_may_have_any_usual_name() -> None:
    assert read(a_record(("human", "Open?"), created_at=None, ts="2025-06-01T10:00:00Z")).input == "Open?"


def test_a_table_with_a_conversation_of_roles_stays_a_table() -> None:
    turns = [{"role": "user", "content": "Open?"}, {"role": "assistant", "content": "Yes."}]
    assert recognise({"id": "1", "time": "2025-06-01T10:00:00Z", "conversation": turns}).NAME == "table"
