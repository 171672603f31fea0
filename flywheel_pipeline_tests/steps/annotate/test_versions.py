"""What earlier versions of a label file said is reported beside the last one, once, and counts for nothing."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.steps.annotate import measure_agreement, measure_drift, read_versions, resolve_labels

HEAD = "trace_id,verdict,comment,annotator,labelled_at\n"


def version(*rows: str) -> bytes:
    return (HEAD + "".join(r + "\n" for r in rows)).encode()


def test_a_verdict_is_read_from_the_last_version_that_held_it() -> None:
    versions = [
        version("t1,fail,rude,mira,"),
        version("t2,pass,,mira,", "t1,fail,rude,mira,"),
        version("t2,pass,,mira,"),
    ]
    found = read_versions("a.csv", versions)
    assert [(a.trace_id, a.source_line, a.is_superseded) for a in found.annotations] == [("t2", 2, False)]
    assert [(a.trace_id, a.source_line, a.is_superseded) for a in found.superseded] == [("t1", 3, True)]
    assert found.n_rows == 1


def test_what_moved_in_the_file_or_came_back_is_not_superseded() -> None:
    one, other = "t1,fail,rude,mira,", "t2,pass,,mira,"
    versions = [version(one, other), version(other), version(other, one)]
    assert read_versions("a.csv", versions).superseded == ()


rows = st.lists(
    st.sampled_from(["t1,pass,,mira,", "t1,fail,rude,mira,", "t2,pass,,ben,", "t2,fail,slow,ben,"]), max_size=3
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(rows.map(lambda r: version(*r)), min_size=1, max_size=4))
def test_every_verdict_ever_given_is_there_and_only_the_last_version_decides(versions: Any) -> None:
    found = read_versions("a.csv", versions)
    reported = {(a.trace_id, a.verdict, a.annotator) for a in (*found.annotations, *found.superseded)}
    assert reported == {
        (a.trace_id, a.verdict, a.annotator) for v in versions for a in read_versions("a.csv", [v]).annotations
    }
    labels = resolve_labels([found], ["t1", "t2"], "expert")
    alone = resolve_labels([read_versions("a.csv", versions[-1:])], ["t1", "t2"], "expert")
    assert [a for a in labels.annotations if not a.is_superseded] == list(alone.annotations)
    assert labels.rejects == alone.rejects and not [a for a in labels.annotations if a.is_superseded and a.is_current]


def test_a_superseded_verdict_is_no_disagreement_but_a_changed_mind() -> None:
    before, after = version("t1,fail,rude,mira,2025-06-02"), version("t1,pass,,mira,2025-06-02")
    ben = read_versions("b.csv", [version("t1,pass,,ben,2025-06-02")])
    said = resolve_labels([read_versions("a.csv", [before, after]), ben], ["t1"], "expert").annotations
    assert [a.agreed for a in measure_agreement(said)] == [1.0]
    drift = measure_drift(said)
    assert (drift.n_again, [(b.verdict, a.verdict) for b, a in drift.changed]) == (1, [("fail", "pass")])


def test_what_an_earlier_version_said_of_no_known_trace_is_no_reject() -> None:
    labels = resolve_labels(
        [read_versions("a.csv", [version("t9,pass,,mira,"), version("t1,pass,,mira,")])], ["t1"], "x"
    )
    assert [a.trace_id for a in labels.annotations] == ["t1"] and labels.rejects == ()
