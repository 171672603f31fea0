"""Traces like one: found among all by the words of their questions, in the order of their similarity."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from flywheel_pipeline.flows.traces import similar
from flywheel_pipeline.flows.traces.browse import count_traces, list_traces
from flywheel_pipeline.flows.traces.filters import FilterError, Filters, read_filters
from flywheel_pipeline.flows.traces.similar import Neighbours, find_similar
from flywheel_pipeline_tests.builders import NOON, a_trace
from flywheel_pipeline_tests.homes import Place, a_home

QUESTIONS = (
    "Can I return opened batteries?",
    "can i RETURN an opened battery, please? 4711",
    "Is the return of a battery free?",
    "Where is the nearest shop?",
    "hi",
    "",
    "返品したいのですが電池は可能ですか",
    "返品したいです",
)


def a_place(folder: Path, questions: Sequence[str] = QUESTIONS) -> Place:
    made = a_home(folder / "home")
    traces = [
        a_trace(trace_id=f"t{n}", input=q, started_at=NOON + timedelta(minutes=n)) for n, q in enumerate(questions)
    ]
    made.lake.write("raw_traces", traces)
    return made


def test_similar_questions_are_found_whatever_their_endings_numbers_and_case(tmp_path: Path) -> None:
    place = a_place(tmp_path)
    found = find_similar(place.bench, "t0")
    assert list(found.found) == ["t1", "t2"] and not found.is_cut
    assert found.found["t1"] == 1.0 > found.found["t2"] >= similar.LEAST
    assert list(find_similar(place.bench, "t6").found) == ["t7"]


def test_nothing_similar_is_an_answer_and_an_unknown_trace_is_refused(tmp_path: Path) -> None:
    place = a_place(tmp_path)
    alone, empty = find_similar(place.bench, "t3"), find_similar(place.bench, "t5")
    assert alone.found == {} and alone.has_terms
    assert empty.found == {} and not empty.has_terms
    with pytest.raises(FilterError, match="'gone'"):
        find_similar(place.bench, "gone")


def test_like_is_a_filter_among_others_that_lists_the_most_similar_first(tmp_path: Path) -> None:
    place = a_place(tmp_path)
    filters = Neighbours(place.bench).narrowed(read_filters([("like", "t0")]))
    first = list_traces(place.bench, filters, size=1)
    assert [t.trace_id for t in first.traces] == ["t1"] and first.next
    second = list_traces(place.bench, filters, first.next, size=1)
    assert [t.trace_id for t in second.traces] == ["t2"] and second.next is None
    assert count_traces(place.bench, filters).n == 2
    both = Neighbours(place.bench).narrowed(read_filters([("like", "t0"), ("words", "free")]))
    assert [t.trace_id for t in list_traces(place.bench, both).traces] == ["t2"]
    with pytest.raises(FilterError):  # and never all traces, as if there were no such filter
        list_traces(place.bench, Filters(like="t0"))


def test_new_traces_are_found_and_a_long_list_says_that_it_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = a_place(tmp_path)
    neighbours = Neighbours(place.bench)
    assert len(neighbours.of("t0").found) == 2
    place.lake.write("raw_traces", [a_trace(trace_id="new", input="return opened battery")], part="2025-07-01")
    assert set(neighbours.of("t0").found) == {"t1", "t2", "new"}
    monkeypatch.setattr(similar, "MOST", 2)
    cut = find_similar(place.bench, "t0")
    assert set(cut.found) == {"t1", "new"} and cut.is_cut
