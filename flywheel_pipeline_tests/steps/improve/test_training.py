"""The training file holds sound chats only, one per family, and nothing near a held-out case."""

from __future__ import annotations

import json
from typing import Any

from flywheel_pipeline.steps.golden import near_pairs
from flywheel_pipeline.steps.improve.training import Example, count_families, format_problem, training_file


def an_example(asked: str, **changes: Any) -> Example:
    values: dict[str, Any] = {
        "trace_id": "t1", "system": "Be kind.", "messages": ({"role": "user", "content": asked},),
        "answer": "The plan costs 9 euros.", "asked": asked,
    }  # fmt: skip
    return Example(**{**values, **changes})


PLAN = an_example("What does the yearly garden plan cost for two people?")
HOSE = an_example("Which hose fits the outdoor tap behind my shed?")


def test_each_family_is_in_it_once_as_a_chat_under_the_prompt() -> None:
    again = an_example("what does the yearly garden plan cost for two people")
    made = training_file([PLAN, HOSE, again], [], near_pairs, len)
    assert made.left_out == {"near-duplicates of another example": 1}
    first = json.loads(made.lines[0])["messages"]
    assert [m["role"] for m in first] == ["system", "user", "assistant"]
    assert (first[0]["content"], first[2]["content"]) == ("Be kind.", "The plan costs 9 euros.")
    assert made.describe()[0].startswith(f"2 examples, {sum(made.tokens):,} tokens")
    assert count_families([e.asked for e in (PLAN, HOSE, again)], near_pairs) == 2


def test_what_asks_nearly_what_a_held_out_case_asks_stays_out() -> None:
    made = training_file([PLAN, HOSE], ["Which hose fits the outdoor tap behind my shed??"], near_pairs, len)
    assert len(made.lines) == 1
    assert made.left_out == {"ask nearly what a case of the dev or test split asks": 1}


def test_what_is_no_chat_or_too_long_is_counted_with_the_reason() -> None:
    assert format_problem(PLAN) == ""
    user = {"role": "user", "content": "Hi"}
    problems = [
        an_example("a", answer=" "), an_example("b", system=""), an_example("c", messages=()),
        an_example("d", messages=({"role": "narrator", "content": "Once"}, user)),
        an_example("e", messages=({"role": "assistant", "content": ""}, user)),
    ]  # fmt: skip
    made = training_file([*problems, HOSE], [], near_pairs, lambda _: 16_001)
    assert made.lines == () and sum(made.left_out.values()) == 6
    assert made.left_out["longer than 16,000 tokens"] == 1
    assert made.describe()[0] == "0 examples, 0 tokens (none)"
