"""Traces that a person sends to an annotator: a batch of their own that no sample drew."""

from __future__ import annotations

from pathlib import Path

import pytest

from flywheel_pipeline.errors import HomeError
from flywheel_pipeline.flows.traces.pick import picked_to_label, send_to_annotator
from flywheel_pipeline_tests.builders import a_trace
from flywheel_pipeline_tests.homes import Place, a_home


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = a_home(tmp_path / "home")
    (made.root / "flywheel.yaml").write_text("annotate: {arbiter: mira, annotators: [ben]}")
    made.lake.write("raw_traces", [a_trace(trace_id=f"t{n}") for n in range(3)])
    return made


def test_sent_traces_wait_for_whom_they_were_sent_to(place: Place) -> None:
    rows = send_to_annotator(place.bench, ["t1", "t0", "t1"], " Look at the refund. ", by="ben")
    assert [r.trace_id for r in rows] == ["t1", "t0"] and len({r.batch for r in rows}) == 1
    assert {(r.to, r.note, r.sent_by) for r in rows} == {("mira", "Look at the refund.", "ben")}
    assert picked_to_label(place.bench) == rows
    assert place.lines("picked.jsonl")[0].keys() == {"batch", "trace_id", "to", "note", "sent_by", "sent_at"}


def test_the_same_is_not_sent_twice_but_with_another_note_it_is(place: Place) -> None:
    send_to_annotator(place.bench, ["t0"], "refund")
    assert send_to_annotator(place.bench, ["t0"], "refund") == []
    assert len(send_to_annotator(place.bench, ["t0", "t1"], "refund")) == 1
    assert len(send_to_annotator(place.bench, ["t0"], "tone")) == 1
    assert len(send_to_annotator(place.bench, ["t0"], "refund", to="ben")) == 1


@pytest.mark.parametrize(
    ("ids", "changes", "message"),
    [
        ([], {}, "Name 1 to 500 traces"),
        (["t0", "gone"], {}, "No captured trace has the id 'gone'"),
        (["t0"], {"to": "eve"}, "'eve' is not an annotator"),
        (["t0"], {"note": "x" * 2_001}, "longer than 2,000"),
    ],
)
def test_what_cannot_be_sent_is_refused_and_nothing_is_written(
    place: Place, ids: list[str], changes: dict[str, str], message: str
) -> None:
    with pytest.raises(HomeError, match=message):
        send_to_annotator(place.bench, ids, **changes)
    assert not (place.root / "picked.jsonl").exists()


def test_a_trace_that_is_not_captured_any_more_is_not_shown(place: Place) -> None:
    send_to_annotator(place.bench, ["t0", "t1"])
    place.lake.write("raw_traces", [a_trace(trace_id="t1")])
    assert [p.trace_id for p in picked_to_label(place.bench)] == ["t1"]
