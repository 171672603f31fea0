"""Times, numbers, texts and ids as they come in real exports."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.steps.capture.formats.common import (
    UnreadableError,
    as_json,
    clean,
    content_id,
    last_exchange,
    number,
    text,
    utc,
    whole,
)
from flywheel_pipeline_tests.builders import NOON, a_conversation

UNIX_NOON = 1_748_865_600


@pytest.mark.parametrize(
    "value",
    [
        "2025-06-02T12:00:00Z",
        "2025-06-02T12:00:00z",
        " 2025-06-02 12:00:00 ",
        "2025-06-02T14:00:00+02:00",
        "2025-06-02T06:30:00-05:30",
        "2025-06-02T12:00:00.000000+00:00",
        UNIX_NOON,
        float(UNIX_NOON),
        UNIX_NOON * 10**3,
        UNIX_NOON * 10**6,
        UNIX_NOON * 10**9,
        str(UNIX_NOON),
        f"{UNIX_NOON}.0",
        str(UNIX_NOON * 10**9),
    ],
)
def test_a_time_in_any_usual_form_becomes_naive_utc(value: Any) -> None:
    assert utc(value) == NOON
    assert utc(value).tzinfo is None


def test_parts_of_a_second_are_kept() -> None:
    assert utc("2025-06-02T12:00:00.250Z") == utc(UNIX_NOON + 0.25) == datetime(2025, 6, 2, 12, 0, 0, 250_000)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "yesterday",
        "2025-13-01",
        "12:00",
        [],
        {},
        pytest.param(10**400, id="an int of 400 digits"),
        "²",
        "1.2.3",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_what_is_no_time_is_unreadable_and_shown(value: Any) -> None:
    with pytest.raises(UnreadableError, match="is not a time") as error:
        utc(value)
    assert len(str(error.value)) < 120


def test_an_endless_time_is_unreadable_and_does_not_hang() -> None:
    code = (
        "from flywheel_pipeline.steps.capture.formats.common import UnreadableError, utc\n"
        "for value in (float('inf'), '9' * 400):\n"
        "    try: utc(value)\n"
        "    except UnreadableError: print('unreadable')\n"
    )
    try:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=8, check=True)
    except subprocess.TimeoutExpired:
        pytest.fail("utc does not return")
    assert done.stdout.split() == ["unreadable"] * 2


@pytest.mark.parametrize(
    ("value", "expected"), [(None, None), (0, 0.0), (1.5, 1.5), (3, 3.0), ("12", 12.0), ("1,234", 1234.0)]
)
def test_a_number_is_taken_as_it_is(value: Any, expected: float | None) -> None:
    assert number({"latency_ms": value}, "latency_ms") == expected
    assert number({}, "latency_ms") is None


@pytest.mark.parametrize(
    "value",
    [
        "twelve",
        "-1",
        True,
        -1,
        -0.5,
        float("inf"),
        float("nan"),
        [1],
        {},
        pytest.param(10**400, id="an int of 400 digits"),
    ],
)
def test_what_is_no_number_of_at_least_zero_is_unreadable_and_names_its_key(value: Any) -> None:
    with pytest.raises(UnreadableError, match="latency_ms"):
        number({"latency_ms": value}, "latency_ms")
    with pytest.raises(UnreadableError, match="latency_ms"):
        whole({"latency_ms": value}, "latency_ms")


def test_a_whole_number_fits_64_bits() -> None:
    assert whole({"n": 12.0}, "n") == 12
    assert whole({}, "n") is None
    with pytest.raises(UnreadableError, match="n is too large"):
        whole({"n": 2**63}, "n")


@pytest.mark.parametrize(
    ("value", "expected"), [("a", "a"), ("", None), (None, None), (5, "5"), ({"b": 1, "a": [2]}, '{"a":[2],"b":1}')]
)
def test_a_text_may_be_anything_and_is_nothing_when_empty(value: Any, expected: str | None) -> None:
    assert text({"k": value}, "k") == expected


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(st.characters(codec=None) | st.sampled_from("\x00\ud800\udfff")))
def test_a_cleaned_text_can_be_stored_and_a_clean_one_stays(value: Any) -> None:
    cleaned = clean(value)
    assert cleaned.encode("utf-8").decode("utf-8") == cleaned
    assert "\x00" not in cleaned
    assert len(cleaned) == len(value)
    assert clean(cleaned) == cleaned
    if "\x00" not in value and not any("\ud800" <= c <= "\udfff" for c in value):
        assert cleaned == value


def test_json_of_hostile_text_can_be_stored_and_read_again() -> None:
    stored = as_json({"b\ud800": "x\x00y", "a": "ü"})
    assert "\x00" not in stored
    assert json.loads(stored.encode("utf-8"))["a"] == "ü"
    assert stored.startswith('{"a":"ü"')


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.dictionaries(st.text(), json_values, max_size=5), st.randoms())
def test_an_id_from_content_depends_on_the_content_alone_and_not_on_the_order_of_keys(record: Any, random: Any) -> None:
    items = list(record.items())
    random.shuffle(items)
    assert content_id(dict(items)) == content_id(record)
    assert content_id({**record, "one more": 1}) != content_id(record)


def test_an_id_from_content_is_the_same_in_every_version() -> None:
    assert content_id({"messages": [], "started_at": "2025-06-02"}) == "c-1cc506b2cbf89b14894b"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["Q"], ("Q", None)),
        (["Q", "A"], ("Q", "A")),
        (["Q", "A", "Q2"], ("Q2", None)),
        (["Q", "A", "Q2", "A2"], ("Q2", "A2")),
        (["Q", " "], ("Q", None)),
        (["Q", "A", "Q2", ""], ("Q2", None)),
        ([], ("", None)),
    ],
)
def test_the_last_turn_of_the_user_is_the_question_and_what_came_after_it_the_answer(texts: Any, expected: Any) -> None:
    assert last_exchange(a_conversation(*texts)) == expected


def test_a_greeting_before_the_first_question_is_no_answer_to_it() -> None:
    greeting = {"role": "assistant", "content": "Hello, I am Fern."}
    assert last_exchange([greeting, *a_conversation("How do I pair the hub?")]) == ("How do I pair the hub?", None)
    assert last_exchange([greeting, *a_conversation("Q", "A")]) == ("Q", "A")


def test_tool_messages_between_question_and_answer_are_passed_over() -> None:
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": [{"type": "text", "text": "Where is\x00 it?"}]},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
        {"role": "tool", "content": "in Hall 4"},
        {"role": "assistant", "content": "In Hall 4. \ud800"},
    ]
    asked, answered = last_exchange(messages)
    assert asked == "Where is� it?"
    assert answered == "In Hall 4. ?"


@pytest.mark.parametrize("text", ["\\u0000", "a\\\\u0000", "\x00", "\\\x00", "\\\\\x00 \\u0000"])
def test_json_that_speaks_of_nul_stays_json_and_holds_none(text: str) -> None:
    assert json.loads(as_json([text])) == [text.replace("\x00", "�")]
