"""One row per turn: conversations are put together in their order, whatever the order of the rows."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.adapters.re2 import Re2Match
from flywheel_pipeline.flows.capture import capture_traces
from flywheel_pipeline.ports import Block
from flywheel_pipeline.steps.capture import Captured, Rules, read_block
from flywheel_pipeline_tests.homes import a_home
from flywheel_pipeline_tests.steps.capture.test_read import RULES

COVERS = ("steps/capture/formats/turn_rows.py", "steps/capture/formats/turns_table.py")

AT = "2025-06-01T10:00:{:02}Z"


def a_turn(role: str, content: str, second: int | None = 0, **changes: Any) -> dict[str, Any]:
    at = {} if second is None else {"timestamp": AT.format(second)}
    return {"conversation_id": "c1", "role": role, "content": content, **at, **changes}


def read(*rows: dict[str, Any], rules: Rules = RULES) -> Captured:
    return read_block("a.csv", Block("rows", 2, rows=tuple(enumerate(rows, 2))), rules, Re2Match())


def asked(*rows: dict[str, Any]) -> tuple[str, str | None]:
    (trace,) = read(*rows).traces
    return trace.input, trace.output


TALK = [
    a_turn("user", "Open?"),
    a_turn("assistant", "Yes.", 1),
    a_turn("user", "Now?", 2),
    a_turn("assistant", "No.", 3),
]


def test_the_turns_of_a_conversation_are_one_trace() -> None:
    found = read(*TALK)
    (trace,) = found.traces
    assert (trace.trace_id, trace.session_id, trace.n_turns, trace.n_rows) == ("c1", "c1", 2, 4)
    assert (trace.input, trace.output, trace.source_format) == ("Now?", "No.", "turns")
    assert (trace.started_at, trace.latency_ms, found.n_rows_in) == (datetime(2025, 6, 1, 10), None, 4)


@given(st.permutations(TALK))
def test_the_order_of_the_rows_does_not_matter_where_times_differ(rows: list[dict[str, Any]]) -> None:
    assert asked(*rows) == ("Now?", "No.")


@given(st.permutations([{**row, "turn": n, "timestamp": AT.format(0)} for n, row in enumerate(TALK)]))
def test_the_number_of_a_turn_decides(rows: list[dict[str, Any]]) -> None:
    assert asked(*rows) == ("Now?", "No.")


def test_numbers_are_compared_as_numbers() -> None:
    rows = [a_turn("user", f"q{n}", turn=str(n)) for n in range(12)]
    assert asked(*random.Random(1).sample(rows, len(rows)))[0] == "q11"


def test_turns_of_one_time_stand_as_in_the_file_which_may_run_backwards() -> None:
    talk = [
        a_turn("user", "Open?"),
        a_turn("assistant", "Yes."),
        a_turn("user", "Now?", 9),
        a_turn("assistant", "No.", 9),
    ]
    assert asked(*talk) == asked(*reversed(talk)) == ("Now?", "No.")


@pytest.mark.parametrize(
    "rows",
    [
        [a_turn("assistant", "Yes."), a_turn("user", "Open?")],
        [a_turn("user", "Now?", 9), a_turn("user", "Open?"), a_turn("assistant", "Yes."), a_turn("user", "Hm?", 5)],
    ],
)
def test_an_order_that_nothing_determines_is_reported_for_every_row(rows: list[dict[str, Any]]) -> None:
    found = read(*rows)
    assert found.traces == []
    assert [r.line for r in found.rejects] == list(range(2, 2 + len(rows)))
    assert all("the order of the turns is not determined" in r.reason for r in found.rejects)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (a_turn("user", "Open?", None), "without a time"),
        (a_turn("Bob", "Open?"), "who spoke is unclear: role is 'Bob'"),
        (a_turn("user", "Open?", conversation_id=""), "column 'conversation_id' is empty"),
    ],
)
def test_a_row_that_cannot_be_placed_is_reported(row: dict[str, Any], reason: str) -> None:
    (found,) = read(row).rejects
    assert reason in found.reason


@pytest.mark.parametrize(
    ("speaker", "role"),
    [("visitor", "user"), ("Customer", "user"), ("bot", "assistant"), ("agent", "assistant"), ("outbound", "assistant"),
     ("inbound", "user"), ("system", "system"), ("tool", "tool")],
)  # fmt: skip
def test_speakers_are_known_by_many_names(speaker: str, role: str) -> None:
    (trace,) = read(a_turn("user", "Open?"), {**a_turn("", "x", 1), "role": speaker}).traces
    assert f'"role":"{role}"' in trace.messages


def test_a_repeated_row_is_a_repetition() -> None:
    found = read(*TALK, TALK[0])
    assert (found.n_rows_in, found.n_repeated, found.traces[0].n_turns) == (5, 1, 2)


def test_model_tokens_and_rating_come_with_the_turns() -> None:
    found = read(
        a_turn("user", "Open?"), a_turn("assistant", "Yes.", 1, model="m", completion_tokens="7", rating="5/5")
    )
    assert (found.traces[0].model, found.traces[0].output_tokens, found.traces[0].tags) == ("m", 7, "{}")
    assert [f.score for f in found.feedback] == [1.0]


def test_a_table_with_an_exchange_per_row_is_none_of_turns() -> None:
    row = {
        "conversation_id": "c",
        "role": "user",
        "question": "Open?",
        "answer": "Yes.",
        "content": "x",
        "timestamp": AT.format(0),
    }
    assert read(row).formats == {"table": 1}


def test_turns_in_several_blocks_and_files_are_one_conversation(tmp_path: Any) -> None:
    place = a_home(tmp_path / "home")
    header = "conversation_id,role,content,timestamp"
    first = [f"k{n},user,Question {n}?,{AT.format(0)}" for n in range(2_100)]
    place.put_traces("a.csv", "\n".join([header, *first, f"k5,assistant,Answer 5.,{AT.format(1)}"]).encode())
    place.put_traces("b.csv", "\n".join([header, f"k5,user,And then?,{AT.format(2)}"]).encode())
    capture_traces(place.bench)
    row = place.lake.frame("select input, output, n_turns, messages from raw_traces where trace_id = 'k5'").iloc[0]
    assert (row["input"], row["n_turns"]) == ("And then?", 2)
    assert row["messages"].index("Answer 5.") < row["messages"].index("And then?")
    assert place.one("select count(*) from raw_traces") == 2_100
