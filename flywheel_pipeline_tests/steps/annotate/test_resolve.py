"""Many verdicts -> the one that counts; of a contradiction none does until somebody decides."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.records import Annotation
from flywheel_pipeline.steps.annotate import (
    LabelFile,
    Labels,
    find_contradictions,
    find_disagreements,
    resolve_labels,
)
from flywheel_pipeline.steps.annotate.judgements import reject
from flywheel_pipeline_tests.builders import an_annotation

DAY = datetime(2025, 6, 2)


def verdict(verdict: str, annotator: str = "mira", day: int | None = None, line: int = 2, **changes: Any) -> Annotation:
    at = None if day is None else DAY + timedelta(days=day)
    return an_annotation(
        verdict=verdict, annotator=annotator, labelled_at=at, source_line=line, is_current=False, **changes
    )


def resolve(*annotations: Annotation, arbiter: str = "expert", known: Any = ("t1", "t2", "t3")) -> Labels:
    by_file: dict[str, list[Annotation]] = defaultdict(list)
    for a in annotations:
        by_file[a.source_file].append(a)
    return resolve_labels([LabelFile(f, tuple(rows), ()) for f, rows in by_file.items()], known, arbiter)


def current(labels: Labels) -> list[tuple[str, int]]:
    assert labels.rejects == ()
    return [(a.verdict, a.source_line) for a in labels.annotations if a.is_current]


def contradiction(labels: Labels, arbiter: str = "expert") -> str:
    """What is reported of the only contradiction, of which every verdict is kept and none counts."""
    assert labels.rejects == ()
    assert not any(a.is_current for a in labels.annotations)
    (found,) = find_contradictions(labels.annotations, arbiter)
    return str(found)


def test_a_single_verdict_counts_and_keeps_all_that_was_said() -> None:
    said = verdict("fail", severity="high", is_repeat=True)
    (kept,) = resolve(said).annotations
    assert vars(kept) == {**vars(said), "is_current": True}


def test_a_later_dated_verdict_of_the_same_person_counts_whatever_the_order_in_the_files() -> None:
    rows = [verdict("pass", day=2, line=2), verdict("fail", day=1, line=3), verdict("fail", day=0, line=4)]
    assert current(resolve(*rows)) == current(resolve(*reversed(rows))) == [("pass", 2)]
    assert len(resolve(*rows).annotations) == 3


def test_equal_verdicts_of_one_person_agree_and_the_newest_counts() -> None:
    assert current(resolve(verdict("fail", line=2), verdict("fail", line=3))) == [("fail", 3)]
    assert current(resolve(verdict("fail", day=1, line=2), verdict("fail", line=3))) == [("fail", 2)]
    assert current(resolve(verdict("fail", day=1, line=2), verdict("fail", day=0, line=3))) == [("fail", 2)]


@pytest.mark.parametrize(("first", "second"), [(None, None), (1, None), (None, 1), (1, 1)])
def test_differing_verdicts_of_one_person_that_cannot_be_ordered_are_kept_and_do_not_count(
    first: int | None, second: int | None
) -> None:
    labels = resolve(verdict("pass", day=first, line=2), verdict("fail", day=second, line=5, code=None))
    reported = contradiction(labels)
    assert [a.source_line for a in labels.annotations] == [2, 5]
    assert "contradicting verdicts on t1: pass by mira (b.csv, line 2) vs fail by mira (b.csv, line 5)" in reported
    assert "mira gave both; add labelled_at" in reported


def test_people_who_agree_need_no_arbiter_and_exactly_one_of_their_verdicts_counts() -> None:
    labels = resolve(verdict("fail", "mira", line=2), verdict("fail", "noor", line=3), verdict("fail", "ada", line=4))
    assert [v for v, _ in current(labels)] == ["fail"]
    assert len(labels.annotations) == 3


def test_people_who_differ_without_the_arbiter_are_both_kept_and_do_not_count() -> None:
    labels = resolve(verdict("pass", "mira", line=2), verdict("fail", "noor", line=3), arbiter="ada")
    assert [a.source_line for a in labels.annotations] == [2, 3]
    assert "ada (the arbiter) must decide" in contradiction(labels, "ada")


def test_a_verdict_that_was_changed_in_an_exported_file_counts_over_the_one_that_it_corrects() -> None:
    assert current(resolve(verdict("pass", line=2), verdict("fail", day=1, line=3, corrects="pass"))) == [("fail", 3)]
    rows = [verdict("pass", line=2), verdict("fail", day=1, line=3, corrects="pass"), verdict("pass", day=2, line=4)]
    assert current(resolve(*rows)) == [("pass", 4)]


@pytest.mark.parametrize("day", [None, -5, 0, 5])
def test_the_arbiter_s_verdict_counts_over_those_of_others_however_many_and_late(day: int | None) -> None:
    rows = [verdict("pass", "mira", 0, 2), verdict("pass", "noor", 1, 3), verdict("fail", "ada", day, 4)]
    assert current(resolve(*rows, arbiter="ada")) == current(resolve(*reversed(rows), arbiter="ada")) == [("fail", 4)]


def test_the_arbiter_decides_also_where_somebody_else_contradicts_themselves() -> None:
    rows = [verdict("pass", "mira", line=2), verdict("fail", "mira", line=3), verdict("fail", "ada", line=4)]
    assert current(resolve(*rows, arbiter="ada")) == [("fail", 4)]


def test_an_arbiter_who_contradicts_himself_decides_nothing() -> None:
    rows = [verdict("pass", "ada", line=2), verdict("fail", "ada", line=3), verdict("fail", "mira", line=4)]
    labels = resolve(*rows, arbiter="ada")
    assert len(labels.annotations) == 3
    assert "ada gave both" in contradiction(labels, "ada")


def test_each_person_s_latest_verdict_is_what_is_compared() -> None:
    rows = [verdict("pass", "mira", 0, 2), verdict("fail", "mira", 1, 3), verdict("fail", "noor", 0, 4)]
    assert [v for v, _ in current(resolve(*rows))] == ["fail"]


def test_a_contradiction_on_one_trace_leaves_the_others() -> None:
    rows = [verdict("pass", line=2), verdict("fail", line=3), verdict("fail", line=4, trace_id="t2")]
    labels = resolve(*rows)
    assert [(a.source_line, a.is_current) for a in labels.annotations] == [(2, False), (3, False), (4, True)]


def test_a_verdict_on_an_unknown_trace_is_rejected_and_takes_no_part() -> None:
    rows = [verdict("fail", line=2, trace_id="gone"), verdict("pass", line=3, trace_id="gone"), verdict("pass", line=4)]
    labels = resolve(*rows)
    assert [(a.trace_id, a.is_current) for a in labels.annotations] == [("t1", True)]
    assert [(r.line, r.reason) for r in labels.rejects] == [
        (line, "unknown trace_id 'gone': no captured trace has it") for line in (2, 3)
    ]


def test_rejects_of_reading_are_kept_and_everything_is_in_the_order_of_the_files() -> None:
    earlier = LabelFile("a.csv", (verdict("pass", line=9, source_file="a.csv"),), (reject("a.csv", 3, "bad", "x"),))
    later = LabelFile("b.csv", (verdict("pass", line=2),), (reject("b.csv", 1, "bad", "x"),))
    labels = resolve_labels([later, earlier], {"t1"}, "expert")
    assert [(a.source_file, a.source_line) for a in labels.annotations] == [("a.csv", 9), ("b.csv", 2)]
    assert [(r.file, r.line) for r in labels.rejects] == [("a.csv", 3), ("b.csv", 1)]


verdicts = st.lists(
    st.tuples(
        st.sampled_from(["t1", "t2", "gone"]),
        st.sampled_from(["pass", "fail", "defer"]),
        st.sampled_from(["mira", "noor", "ada"]),
        st.none() | st.integers(0, 3),
        st.sampled_from(["a.csv", "b.csv"]),
    ),
    max_size=12,
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(verdicts)
def test_every_verdict_ends_in_exactly_one_place_and_one_counts_for_every_trace_without_a_contradiction(
    rows: Any,
) -> None:
    said = [
        verdict(v, who, day, line, trace_id=trace, source_file=file, batch=file)
        for line, (trace, v, who, day, file) in enumerate(rows, 2)
    ]
    labels = resolve(*said, arbiter="ada")
    kept = [(a.source_file, a.source_line) for a in labels.annotations]
    rejected = [(r.file, r.line) for r in labels.rejects]
    assert sorted(kept + rejected) == sorted((a.source_file, a.source_line) for a in said)
    counting = Counter(a.trace_id for a in labels.annotations if a.is_current)
    open_ones = {c.trace_id for c in find_contradictions(labels.annotations, "ada")}
    assert counting == dict.fromkeys({a.trace_id for a in labels.annotations} - open_ones, 1)
    assert "gone" not in counting
    gone = {(a.source_file, a.source_line) for a in said if a.trace_id == "gone"}
    assert gone == set(rejected)


def test_a_deferred_trace_contradicts_nobody() -> None:
    assert current(resolve(verdict("defer", "ada", line=2), verdict("fail", "bob", line=3))) == [("fail", 3)]
    assert current(resolve(verdict("defer", "expert", line=2), verdict("pass", "bob", line=3))) == [("pass", 3)]
    assert current(resolve(verdict("defer", line=2), verdict("fail", line=3))) == [("fail", 3)]
    assert current(resolve(verdict("defer", "ada", line=2), verdict("defer", "bob", line=3))) == [("defer", 3)]


def test_a_later_deferral_by_the_same_annotator_takes_the_verdict_back() -> None:
    assert current(resolve(verdict("pass", day=1, line=2), verdict("defer", day=2, line=3))) == [("defer", 3)]


def test_who_judges_a_trace_differently_is_listed_with_what_each_says_now_and_what_counts() -> None:
    labels = resolve(
        verdict("fail", "ben", day=0), verdict("pass", "ben", day=1, line=3), verdict("fail", "mira", line=4),
        verdict("pass", "ann", line=5, trace_id="t2"), verdict("pass", "mira", line=6, trace_id="t2"),
        verdict("fail", "ann", line=7, trace_id="t3"), verdict("defer", "mira", line=8, trace_id="t3"),
        arbiter="mira",
    )  # fmt: skip
    (said,) = find_disagreements(labels.annotations)
    assert [(a.annotator, a.verdict, a.is_current) for a in said] == [("ben", "pass", False), ("mira", "fail", True)]


def test_verdicts_that_nobody_decided_between_are_a_disagreement_too() -> None:
    labels = resolve(verdict("fail", "ben"), verdict("pass", "ann", line=3))
    (said,) = find_disagreements(labels.annotations)
    assert {a.annotator for a in said} == {"ann", "ben"} and not any(a.is_current for a in said)
    assert find_disagreements([replace(a, is_superseded=a.annotator == "ben") for a in said]) == []
