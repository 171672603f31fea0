"""Queues that stay as they are, and events that come to labels."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.steps.annotate import Sharing, fold_events, label_row, queue_of, trace_of
from flywheel_pipeline.steps.annotate.session import AGAIN, PICKED, REPEAT_AFTER, is_picked

IDS = [f"t{i}" for i in range(200)]
ALONE = Sharing(("mira",), overlap=0.2, repeated=0.1)


def says(key: str, verdict: str = "pass", **more: Any) -> dict[str, Any]:
    return {"event": "label", "key": key, "verdict": verdict, "annotator": "mira", **more}


UNDO, SUBMIT = {"event": "undo", "at": "later"}, {"event": "submit"}


def test_the_order_is_random_stays_and_is_another_for_everybody() -> None:
    queue = queue_of("mira", IDS, ALONE)
    assert queue == queue_of("mira", IDS[::-1], ALONE)
    assert [trace_of(k) for k in queue if k in IDS] != IDS
    assert queue != queue_of("ben", IDS, Sharing(("ben",), 0.2, 0.1))


def test_about_a_tenth_comes_again_much_later() -> None:
    queue = queue_of("mira", IDS, ALONE)
    again = [k for k in queue if k.endswith(AGAIN)]
    assert 10 < len(again) < 32
    for key in again:
        first, second = queue.index(trace_of(key)), queue.index(key)
        assert second - first > REPEAT_AFTER or second >= len(queue) - len(again)


def test_several_annotators_share_the_traces_and_have_an_overlap() -> None:
    sharing = Sharing(("ann", "ben", "mira"), overlap=0.25, repeated=0.0)
    queues = {name: set(queue_of(name, IDS, sharing)) for name in sharing.annotators}
    shared = set.intersection(*queues.values())
    assert set.union(*queues.values()) == set(IDS)
    assert 30 < len(shared) < 70
    rest = [q - shared for q in queues.values()]
    assert sum(map(len, rest)) == len(set.union(*rest)) and min(map(len, rest)) > 30


def test_the_latest_label_of_an_item_counts_and_an_undo_brings_the_one_before_back() -> None:
    events = [says("a"), says("b", "fail", code="Made it up"), says("a", "fail", comment="no")]
    assert {k: e["verdict"] for k, e in fold_events(events).labels.items()} == {"b": "fail", "a": "fail"}
    assert {k: e["verdict"] for k, e in fold_events([*events, UNDO]).labels.items()} == {"a": "pass", "b": "fail"}
    assert fold_events([*events, UNDO, UNDO, UNDO, UNDO]).labels == {}
    assert fold_events(events).codes == ["Made it up"]


def test_codes_are_those_of_the_labels_that_stand_the_latest_first() -> None:
    events = [says("a", code="A"), says("b", code="B"), says("c", code="A"), says("b", code="C")]
    assert fold_events(events).codes == ["C", "A"]
    assert fold_events([*events, UNDO]).codes == ["A", "B"]


def test_only_what_is_new_is_submitted() -> None:
    events = [says("a"), SUBMIT, says("b"), says("a", "fail", comment="after all")]
    assert list(fold_events(events).pending) == ["b", "a"]
    assert fold_events([*events, SUBMIT]).pending == {}
    assert fold_events([says("a"), SUBMIT, says("a", "fail"), UNDO]).pending == {}  # as it was submitted


def test_a_label_that_was_submitted_and_undone_is_deferred_in_the_next_file_and_dated_when_it_was_undone() -> None:
    (event,) = fold_events([says("a", "fail", comment="no", at="sooner"), SUBMIT, UNDO]).pending.values()
    assert label_row(event, event["at"]) == {
        "trace_id": "a", "verdict": "defer", "annotator": "mira", "labelled_at": "later",
    }  # fmt: skip


def test_a_second_look_is_marked_as_one() -> None:
    assert label_row(says("a" + AGAIN), "now") == {
        "trace_id": "a", "verdict": "pass", "annotator": "mira", "is_repeat": True, "labelled_at": "now",
    }  # fmt: skip


def test_the_label_of_a_picked_trace_is_marked_as_one() -> None:
    assert label_row(says("a" + PICKED), "now") == {
        "trace_id": "a", "verdict": "pass", "annotator": "mira", "is_picked": True, "labelled_at": "now",
    }  # fmt: skip
    assert is_picked("a" + PICKED) and not is_picked("a" + AGAIN) and trace_of("a" + PICKED) == "a"


actions = st.lists(
    st.one_of(
        st.builds(says, st.sampled_from("abc"), st.sampled_from(["pass", "defer"])), st.just(UNDO), st.just(SUBMIT)
    )
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(actions)
def test_whatever_was_done_the_latest_row_of_all_files_says_what_the_page_says(done: list[dict[str, Any]]) -> None:
    rows: list[dict[str, Any]] = []
    session = fold_events([])
    for at, event in enumerate([*done, SUBMIT]):
        if event["event"] == "submit":
            rows += [label_row(e, e["at"]) for e in session.pending.values()]
        session.add({**event, "at": at})
    latest = {row["trace_id"]: row["verdict"] for row in sorted(rows, key=lambda r: r["labelled_at"])}
    labels = {k: e["verdict"] for k, e in session.labels.items()}
    assert {k: v for k, v in latest.items() if k in labels} == labels
    assert all(latest[k] == "defer" for k in latest if k not in labels)
    assert len({(r["trace_id"], r["labelled_at"]) for r in rows}) == len(rows)  # two rows of one time would contradict


@settings(max_examples=300, deadline=None, derandomize=True)
@given(actions)
def test_the_labels_that_stand_are_those_that_were_not_undone(done: list[dict[str, Any]]) -> None:
    history: list[dict[str, Any]] = []
    for event in done:
        if event["event"] == "label":
            history.append(event)
        elif event["event"] == "undo" and history:
            history.pop()
    session = fold_events(done)
    assert session.labels == {e["key"]: e for e in history}
    assert session.latest == (history[-1] if history else None) and session.n_labels == len(session.labels)
