"""Pieces of one trace that came in several files make the trace that one file would have made."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.records import CapturedTrace
from flywheel_pipeline.steps.capture import join_pieces
from flywheel_pipeline.steps.capture.assemble import assemble_trace, merge_spans
from flywheel_pipeline.steps.capture.spans import Span
from flywheel_pipeline_tests.steps.capture.test_assemble import LLM, NOON, ROOT, a_span, some_spans, talk


def a_piece(file: str, *spans: Span, line: int = 1) -> CapturedTrace:
    merged, repeated = merge_spans(spans)
    return assemble_trace(merged, ("otlp", file, line), "shop", len(spans) - repeated)


def joined(*pieces: CapturedTrace) -> CapturedTrace:
    return join_pieces([vars(p) for p in pieces])


def without_place(trace: CapturedTrace) -> CapturedTrace:
    return replace(trace, source_file="", source_line=1)


def test_two_pieces_make_the_trace_of_one_file_and_it_comes_from_the_first() -> None:
    trace = joined(a_piece("1.jsonl", ROOT, line=7), a_piece("2.jsonl", LLM))
    assert trace == a_piece("1.jsonl", ROOT, LLM, line=7)
    assert talk(trace) == [("system", "Be brief."), ("user", "Where is it?"), ("assistant", "In Kiel.")]
    assert (trace.n_rows, trace.input_tokens, trace.source_file, trace.source_line) == (2, 11, "1.jsonl", 7)


def test_a_piece_that_says_the_same_again_changes_nothing() -> None:
    once = a_piece("1.jsonl", ROOT, LLM)
    assert joined(once, replace(once, source_file="2.jsonl")) == once


def test_the_trace_begins_with_its_first_span_whichever_file_holds_it() -> None:
    late = a_span("x", "root", 90_000)
    assert joined(a_piece("1.jsonl", late), a_piece("2.jsonl", ROOT)).started_at == NOON
    assert late.started_at is not None and late.started_at > NOON + timedelta(days=1)


def test_what_a_later_file_says_of_a_step_completes_it() -> None:
    begun, ended = (
        replace_span(LLM, reply=[], ended_at=None),
        Span("t1", "llm", reply=LLM.reply, started_at=LLM.started_at),
    )
    trace = joined(a_piece("1.jsonl", begun), a_piece("2.jsonl", ended))
    assert (trace.input, trace.output, trace.n_rows) == ("Where is it?", "In Kiel.", 2)


def replace_span(span: Span, **changes: Any) -> Span:
    return Span(**{**{n: getattr(span, n) for n in Span.__dataclass_fields__}, **changes})


@given(some_spans, st.integers(0, 7))
def test_however_the_spans_are_spread_over_files_the_trace_is_the_same(spans: list[Span], cut: int) -> None:
    spans = list({s.span_id: s for s in spans}.values())
    parts = [p for p in (spans[:cut], spans[cut:]) if p]
    trace = joined(*(a_piece(f"{i}.jsonl", *p) for i, p in enumerate(parts)))
    assert without_place(trace) == without_place(a_piece("all.jsonl", *spans))
    assert len(json.loads(trace.spans or "[]")) == len(spans)
