"""The spans of a trace -> one row: question and answer, the whole conversation, sums, times, the first error."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.records import CapturedTrace
from flywheel_pipeline.steps.capture.assemble import MAX_TAGS, assemble_trace, merge_spans
from flywheel_pipeline.steps.capture.formats import UnreadableError
from flywheel_pipeline.steps.capture.spans import Span
from flywheel_pipeline.steps.capture.talk import root_of

NOON = datetime(2025, 6, 2, 12)
PLACE = ("otlp", "a.jsonl", 3)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def a_span(id_: str, parent: str | None = None, start: float = 0, **values: Any) -> Span:
    return Span("t1", id_, parent, **{"name": id_, "started_at": at(start), "ended_at": at(start + 1), **values})


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def said(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def trace_of(*spans: Span) -> CapturedTrace:
    merged, repeated = merge_spans(spans)
    return assemble_trace(merged, PLACE, "shop", len(spans) - repeated)


def talk(trace: CapturedTrace) -> list[tuple[str, str]]:
    return [(m["role"], m["content"]) for m in json.loads(trace.messages)]


SYSTEM = {"role": "system", "content": "Be brief."}
ROOT = a_span("root", kind="agent", input="Where is it?", output="In Kiel.", ended_at=at(5))
LLM = a_span(
    "llm", "root", 1, kind="llm", messages=[SYSTEM, user("Where is it?")], reply=[said("In Kiel.")],
    model="m-1", input_tokens=11, output_tokens=5, cost_usd=0.25,
)  # fmt: skip


def test_a_whole_trace_is_one_row_with_its_place() -> None:
    trace = trace_of(ROOT, LLM)
    assert trace.spans is not None and len(json.loads(trace.spans)) == 2
    expected = {
        "trace_id": "t1", "session_id": None, "started_at": NOON, "latency_ms": 5000.0, "app": "shop",
        "prompt_name": None, "prompt_version": None, "model": "m-1", "input": "Where is it?", "output": "In Kiel.",
        "retrieved": "[]", "n_turns": 1, "n_tool_calls": 0, "feedback_score": None, "feedback_comment": None,
        "error": None, "input_tokens": 11, "output_tokens": 5, "cost_usd": 0.25, "tags": "{}", "source_format": "otlp",
        "source_file": "a.jsonl", "source_line": 3, "n_rows": 2,
    }  # fmt: skip
    assert {k: v for k, v in vars(trace).items() if k not in ("messages", "spans")} == expected
    assert talk(trace) == [("system", "Be brief."), ("user", "Where is it?"), ("assistant", "In Kiel.")]


def test_the_fullest_generation_tells_the_conversation() -> None:
    first = a_span("l1", "root", 1, kind="llm", messages=[user("Hi")], reply=[said("Hello")])
    full = a_span(
        "l2", "root", 2, kind="llm", messages=[user("Hi"), said("Hello"), user("Where?")], reply=[said("Kiel.")]
    )
    title = a_span("l3", "root", 3, kind="llm", messages=[user("Summarise: Where?")], reply=[said("A parcel")])
    trace = trace_of(a_span("root"), first, full, title)
    assert talk(trace) == [("user", "Hi"), ("assistant", "Hello"), ("user", "Where?"), ("assistant", "Kiel.")]
    assert (trace.input, trace.output, trace.n_turns) == ("Where?", "Kiel.", 2)


def test_the_answer_of_the_root_is_the_last_word_where_no_generation_says_it() -> None:
    trace = trace_of(
        a_span("root", output="Sorry, only adults."),
        a_span("l", "root", 1, kind="llm", messages=[user("Q")], reply=[said("A")]),
    )
    assert talk(trace) == [("user", "Q"), ("assistant", "A"), ("assistant", "Sorry, only adults.")]
    assert trace.output == "Sorry, only adults."


def test_root_alone_is_question_and_answer() -> None:
    trace = trace_of(a_span("root", input='{"question": "Where?"}', output='{"answer": "Kiel."}'))
    assert (trace.input, trace.output, talk(trace)) == ("Where?", "Kiel.", [("user", "Where?"), ("assistant", "Kiel.")])


def test_a_generation_without_a_user_takes_the_question_from_the_root() -> None:
    trace = trace_of(ROOT, a_span("l", "root", 1, kind="llm", messages=[SYSTEM], reply=[said("In Kiel.")]))
    assert talk(trace) == [("system", "Be brief."), ("user", "Where is it?"), ("assistant", "In Kiel.")]


def test_tool_steps_that_no_message_tells_of_are_calls_before_the_answer() -> None:
    trace = trace_of(
        ROOT, LLM, a_span("k", "root", 0.5, kind="tool", name="track", input='{"parcel": 5}', output="Kiel")
    )
    assert [r for r, _ in talk(trace)] == ["system", "user", "assistant", "tool", "assistant"]
    assert trace.n_tool_calls == 1
    assert json.loads(trace.messages)[2]["tool_calls"][0]["function"] == {"name": "track", "arguments": '{"parcel": 5}'}


def test_a_tool_step_that_a_message_mentions_is_kept_once() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "track", "arguments": "{}"}}
    model = a_span(
        "l", "root", 1, kind="llm", messages=[user("Q"), {**said(""), "tool_calls": [call]}], reply=[said("A")]
    )
    assert trace_of(ROOT, model, a_span("k", "root", 2, kind="tool", name="track")).n_tool_calls == 1


def test_documents_of_all_retrievals_are_kept_once_each() -> None:
    one, two = {"id": "1", "content": "a"}, {"id": "2", "content": "b"}
    trace = trace_of(ROOT, a_span("r1", "root", 1, documents=[one, two]), a_span("r2", "root", 2, documents=[two]))
    assert json.loads(trace.retrieved) == [one, two]


def test_tokens_and_cost_are_those_of_the_deepest_steps_that_tell_of_them() -> None:
    both = {"input_tokens": 10, "output_tokens": 4, "cost_usd": 0.5}
    wrapper = a_span("w", "root", 1, kind="llm", **both)
    trace = trace_of(
        a_span("root", input_tokens=99),
        wrapper,
        a_span("l1", "w", 2, kind="llm", **both),
        a_span("l2", "root", 3, kind="llm", **both),
    )
    assert (trace.input_tokens, trace.output_tokens, trace.cost_usd) == (20, 8, 1.0)


def test_what_nobody_tells_of_is_empty_and_not_zero() -> None:
    trace = trace_of(a_span("root", ended_at=None))
    assert (trace.input_tokens, trace.output_tokens, trace.cost_usd, trace.latency_ms, trace.output) == (None,) * 5


def test_a_cost_of_zero_is_zero_also_after_the_spans_were_stored() -> None:
    free = a_span("l", "root", 1, kind="llm", cost_usd=0.0, input_tokens=0)
    assert (trace_of(ROOT, free).cost_usd, trace_of(ROOT, free).input_tokens) == (0.0, 0)
    again = [Span.of(s) for s in json.loads(trace_of(ROOT, free).spans or "[]")]
    assert (trace_of(*again).cost_usd, trace_of(*again).input_tokens) == (0.0, 0)


def test_an_error_counts_where_the_root_has_it_or_nothing_was_answered() -> None:
    failed = a_span("k", "root", 1, kind="tool", error="timeout")
    assert trace_of(ROOT, LLM, failed).error is None  # it was answered all the same
    assert trace_of(a_span("root", input="Q"), failed, a_span("k2", "root", 2, error="later")).error == "timeout"
    assert trace_of(a_span("root", input="Q", output="A", error="cut off"), failed).error == "cut off"


def test_what_the_root_does_not_say_the_first_step_that_does_is_asked() -> None:
    trace = trace_of(
        a_span("root", tags={"env": "prod", "n": 1}),
        a_span("b", "root", 1, session_id="s1", prompt_name="p", prompt_version="3", app="x", tags={"n": 2, "m": 3}),
        a_span("c", "root", 2, session_id="s2"),
    )  # fmt: skip
    assert (trace.session_id, trace.prompt_name, trace.prompt_version, trace.app) == ("s1", "p", "3", "x")
    assert json.loads(trace.tags) == {"env": "prod", "n": 1, "m": 3}


def test_tags_are_few_whatever_the_spans_hold() -> None:
    trace = trace_of(*(a_span(f"s{i}", tags={f"k{i}-{j}": "x" for j in range(50)}) for i in range(20)))
    assert len(json.loads(trace.tags)) == MAX_TAGS


def test_the_record_of_the_whole_trace_is_the_root_also_where_it_began_later() -> None:
    whole = Span("t1", "t1", kind="trace", started_at=at(2), input="Q", output="A")
    assert root_of([a_span("x", "gone"), whole]) is whole
    assert trace_of(a_span("x", "t1", 0, input="inner"), whole).started_at == NOON


def test_a_missing_root_is_no_error_the_earliest_top_step_that_says_something_stands_for_it() -> None:
    silent, first, second = a_span("a", "gone", 0), a_span("b", "gone", 1, input="Q"), a_span("c", "lost", 2, input="P")
    assert root_of([silent, first, second]) is first
    assert trace_of(second, first, silent).input == "Q"


@pytest.mark.parametrize(
    "parents", [{"a": "b", "b": "a"}, {"a": "a"}, {"a": "b", "b": "c", "c": "a"}, {"a": "b", "b": "b"}]
)
def test_a_cycle_of_parents_ends(parents: dict[str, str]) -> None:
    spans = [
        a_span(s, p, i, kind="llm", messages=[user("Q")], reply=[said("A")], input_tokens=3)
        for i, (s, p) in enumerate(parents.items())
    ]
    trace = trace_of(*spans)
    assert (trace.input, trace.output, trace.started_at, trace.n_rows) == ("Q", "A", NOON, len(spans))
    assert trace.input_tokens is None or trace.input_tokens <= 3 * len(spans)


def test_a_step_that_is_its_own_parent_still_counts_its_tokens() -> None:
    own = a_span("a", "a", kind="llm", messages=[user("Q")], input_tokens=3)
    assert trace_of(own, a_span("b", "a", 1)).input_tokens == 3


def test_a_clock_that_runs_years_behind_gives_no_negative_time() -> None:
    trace = trace_of(ROOT, a_span("l", "root", ended_at=NOON - timedelta(days=3650)))
    assert trace.latency_ms is not None and trace.latency_ms >= 0
    assert trace_of(a_span("x", ended_at=NOON - timedelta(days=3650))).latency_ms is None


def test_spans_without_any_time_are_refused() -> None:
    with pytest.raises(UnreadableError, match="no span of the trace has a start time"):
        trace_of(Span("t1", "a"), Span("t1", "b", "a"))


def test_a_long_chain_of_steps_is_summed_in_reasonable_time() -> None:
    chain = [a_span(f"{i:05}", f"{i - 1:05}" if i else None, i / 1000, input_tokens=1) for i in range(2000)]
    assert trace_of(*chain).input_tokens == 1


ids = st.sampled_from("abcdef")
messages = st.lists(st.sampled_from([user("Q"), user("R"), said("A"), SYSTEM]), max_size=3)
some_spans = st.lists(
    st.builds(
        a_span, ids, st.none() | ids | st.just("gone"), st.floats(-1e9, 1e9),
        kind=st.sampled_from(["trace", "llm", "tool", "agent", "other"]), messages=messages, reply=messages,
        input=st.none() | st.sampled_from(["Q", '{"messages": []}', "[]"]), output=st.none() | st.just("A"),
        ended_at=st.none() | st.just(at(9)), input_tokens=st.none() | st.integers(0, 9), error=st.none() | st.just("E"),
    ),
    min_size=1, max_size=7,
)  # fmt: skip


@given(some_spans)
def test_any_spans_make_a_row_whose_columns_agree(spans: list[Span]) -> None:
    trace = trace_of(*spans)
    messages = json.loads(trace.messages)
    assert trace.started_at == min(s.started_at for s in merge_spans(spans)[0] if s.started_at)
    assert trace.latency_ms is None or trace.latency_ms >= 0
    assert trace.n_turns == sum(m["role"] == "user" for m in messages)
    assert trace.output is None or trace.output in [m["content"] for m in messages]
    words = [m["content"] for m in messages if m["role"] == "user"]
    assert trace.input in [*words, *(s.input for s in spans)] or not (words or trace.input)
    assert len(json.loads(trace.spans or "[]")) == len({s.span_id for s in spans})
    assert trace.n_rows >= 1


@given(some_spans)
def test_a_row_made_of_stored_spans_is_the_same_row(spans: list[Span]) -> None:
    trace = trace_of(*spans)
    again = [Span.of(s) for s in json.loads(trace.spans or "[]")]
    assert assemble_trace(merge_spans(again)[0], PLACE, "shop", trace.n_rows) == trace
