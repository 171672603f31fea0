"""A span keeps all it says through JSON, and what two records of one step say is put together."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.steps.capture.assemble import merge_spans
from flywheel_pipeline.steps.capture.spans import KINDS, Span

NOON = datetime(2025, 6, 2, 12)
texts = st.text("ab é\n", min_size=1, max_size=5)
messages = st.lists(st.fixed_dictionaries({"role": st.just("user"), "content": texts}), max_size=2)
moments = st.integers(0, 10**12).map(lambda n: NOON + timedelta(microseconds=n))
spans = st.builds(
    Span,
    trace_id=texts, span_id=st.sampled_from("abcd"), parent_id=st.none() | texts, name=texts,
    kind=st.sampled_from(KINDS), started_at=st.none() | moments, ended_at=st.none() | moments, error=st.none() | texts,
    input=st.none() | texts, output=st.none() | texts, messages=messages, reply=messages,
    documents=st.lists(st.fixed_dictionaries({"content": texts}), max_size=2), model=st.none() | texts,
    session_id=st.none() | texts, input_tokens=st.none() | st.integers(1, 99), cost_usd=st.none() | st.floats(0.001, 9),
    tags=st.dictionaries(texts, st.integers() | texts, max_size=3), n_dropped=st.integers(0, 3),
)  # fmt: skip
several = st.lists(spans, max_size=8).map(lambda made: [*made, *made[:2]])


@given(spans)
def test_a_span_is_the_same_after_it_was_stored_as_json(span: Span) -> None:
    assert Span.of(json.loads(json.dumps(span.as_dict()))) == span


def test_zero_is_a_number_that_was_said_also_after_it_was_stored() -> None:
    span = Span("t", "a", input_tokens=0, output_tokens=0, cost_usd=0.0)
    assert Span.of(json.loads(json.dumps(span.as_dict()))) == span


def test_an_empty_text_overrules_nothing() -> None:
    assert Span("t", "a", output="A").merged(Span("t", "a", output="")).output == "A"


@given(spans)
def test_a_span_that_says_the_same_again_changes_nothing_and_is_counted(span: Span) -> None:
    assert span.merged(span) == span
    assert merge_spans([span, span, span]) == ([span], 2)


def test_the_later_record_completes_and_corrects_the_earlier() -> None:
    begun = Span("t", "a", "p", "chat", "llm", NOON, input="Q", tags={"env": "prod", "n": 1}, model="m-1")
    ended = Span("t", "a", ended_at=NOON + timedelta(seconds=1), output="A", tags={"n": 2}, model="m-2")
    assert begun.merged(ended) == Span(
        "t", "a", "p", "chat", "llm", NOON, NOON + timedelta(seconds=1), input="Q", output="A",
        tags={"env": "prod", "n": 2}, model="m-2",
    )  # fmt: skip
    assert merge_spans([begun, ended])[1] == 0


def test_a_later_record_that_does_not_know_the_kind_leaves_it() -> None:
    assert Span("t", "a", kind="llm").merged(Span("t", "a", output="A")).kind == "llm"


@given(several)
def test_merging_keeps_one_span_an_id_in_the_order_of_time(held: list[Span]) -> None:
    merged, repeated = merge_spans(held)
    ids = [s.span_id for s in merged]
    assert sorted(ids) == sorted({s.span_id for s in held})
    times = [s.started_at or datetime.max for s in merged]
    assert times == sorted(times)
    assert 0 <= repeated <= len(held) - len(merged)


@given(st.lists(spans, max_size=6, unique_by=lambda s: s.span_id), st.integers())
def test_the_order_in_which_different_steps_arrive_does_not_matter(held: list[Span], seed: int) -> None:
    other = random.Random(seed).sample(held, len(held))
    assert merge_spans(held) == merge_spans(other)


@given(several)
def test_merging_what_was_merged_changes_nothing(held: list[Span]) -> None:
    merged, _ = merge_spans(held)
    assert merge_spans(merged) == (merged, 0)


@given(several, st.integers(0, 10))
def test_merging_in_two_parts_is_merging_at_once(held: list[Span], at: int) -> None:
    """The spans of a trace may come in several files: they are merged within each and then together."""
    first, _ = merge_spans(held[:at])
    second, _ = merge_spans(held[at:])
    assert merge_spans([*first, *second])[0] == merge_spans(held)[0]


def as_values(span: Span) -> dict[str, Any]:
    return {name: getattr(span, name) for name in Span.__dataclass_fields__}


@given(spans, spans)
def test_what_one_of_two_records_says_is_not_lost(one: Span, other: Span) -> None:
    mine, theirs, both = as_values(one), as_values(other), as_values(one.merged(other))
    for name in mine.keys() - {"tags", "kind", "started_at", "ended_at"}:
        assert both[name] == (theirs[name] or mine[name])
    for name, extreme in (("started_at", min), ("ended_at", max)):
        assert both[name] == extreme((v[name] for v in (mine, theirs) if v[name]), default=None)
    assert both["tags"].keys() == mine["tags"].keys() | theirs["tags"].keys()
