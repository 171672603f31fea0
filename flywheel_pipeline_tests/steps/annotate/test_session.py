"""Queues that stay as they are, and events that come to labels."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.steps.annotate import Sharing, fold_events, label_row, queue_of, trace_of
from flywheel_pipeline.steps.annotate.session import AGAIN, REPEAT_AFTER

IDS = [f"t{i}" for i in range(200)]
ALONE = Sharing(("mira",), overlap=0.2, repeated=0.1)


def says(key: str, verdict: str = "pass", **more) -> dict:
    return {"event": "label", "key": key, "verdict": verdict, "annotator": "mira", **more}


UNDO = {"event": "undo"}


def hand_in(n_events: int) -> dict:
    return {"event": "hand_in", "n_events": n_events}


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


def test_only_what_is_new_is_handed_in() -> None:
    events = [says("a"), hand_in(1), says("b"), says("a", "fail", comment="after all")]
    assert list(fold_events(events).pending) == ["b", "a"]
    assert fold_events([*events, hand_in(4)]).pending == {}


def test_a_label_that_was_handed_in_and_taken_back_is_deferred_in_the_next_file() -> None:
    (event,) = fold_events([says("a", "fail", comment="no"), hand_in(1), UNDO]).pending.values()
    row = label_row(event, "2025-06-02T12:00:00+00:00")
    assert row == {
        "trace_id": "a", "verdict": "defer", "annotator": "mira", "labelled_at": "2025-06-02T12:00:00+00:00",
    }  # fmt: skip


def test_a_second_look_is_marked_as_one() -> None:
    assert label_row(says("a" + AGAIN), "now") == {
        "trace_id": "a", "verdict": "pass", "annotator": "mira", "is_repeat": True, "labelled_at": "now",
    }  # fmt: skip


actions = st.lists(
    st.one_of(st.builds(says, st.sampled_from("abc"), st.sampled_from(["pass", "defer"])), st.just(UNDO), st.just(None))
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(actions)
def test_whatever_was_done_all_files_together_say_what_the_page_says(done) -> None:
    filed: dict[str, str] = {}
    events: list[dict] = []
    for event in [*done, None]:  # None is a hand-in
        if event is None:
            filed |= {k: e["verdict"] for k, e in fold_events(events).pending.items()}
        events.append(hand_in(len(events)) if event is None else event)
    labels = {k: e["verdict"] for k, e in fold_events(events).labels.items()}
    assert {k: v for k, v in filed.items() if k in labels} == labels
    assert all(filed[k] == "defer" for k in filed if k not in labels)


def test_a_label_that_another_process_kept_during_the_hand_in_still_waits() -> None:
    assert list(fold_events([says("a"), says("b"), hand_in(1)]).pending) == ["b"]
