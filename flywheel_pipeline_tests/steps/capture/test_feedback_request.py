"""What `POST /v1/feedback` takes, and what comes of it when it is captured."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from flywheel_pipeline.flows.capture import capture_traces
from flywheel_pipeline.steps.capture.export_request import DecodeLimits
from flywheel_pipeline.steps.capture.feedback_request import BadFeedbackError, read_feedback, rows_of
from flywheel_pipeline.steps.capture.request_size import TooManyError
from flywheel_pipeline_tests.builders import a_chat_record
from flywheel_pipeline_tests.homes import a_home

AT = datetime(2025, 6, 3, 10, tzinfo=timezone.utc)


def captured(tmp_path: Path, *sent: dict[str, Any]) -> tuple[list[float | None], int]:
    """Return the scores of the traces t0, t1, … that were sent, and how many scores have no scale."""
    place = a_home(tmp_path / "home")
    place.put_traces("traces.jsonl", *(a_chat_record(trace_id=f"t{n}", feedback=None) for n in range(len(sent))))
    place.put_traces("feedback.jsonl", *rows_of([{"trace_id": f"t{n}", **row} for n, row in enumerate(sent)], AT))
    capture_traces(place.bench)
    found = place.lake.frame("select feedback_score from raw_traces order by trace_id")["feedback_score"]
    unscaled = place.one("select sum(n_unscaled) from capture_log")
    return [None if score != score else float(score) for score in found], int(unscaled)


@pytest.mark.parametrize(
    ("sent", "score"),
    [
        ({"score": 1}, 1.0), ({"score": 0}, 0.0), ({"score": 0.25}, 0.25), ({"score": True}, 1.0),
        ({"score": "up"}, 1.0), ({"score": "👎"}, 0.0), ({"score": "thumbs_down"}, 0.0),
        ({"score": 1, "scale": [1, 5]}, 0.0), ({"score": 4, "scale": [1, 5]}, 0.75),
        ({"score": 5, "scale": [5, 1]}, 0.0), ({"score": True, "name": "dislike"}, 0.0),
        ({"score": 5, "scale": [1, 5], "name": "customer_effort"}, 0.0), ({"score": "4/5"}, 0.75),
        ({"score": 9, "name": "nps"}, 0.9),
    ],
)  # fmt: skip
def test_a_score_means_what_it_means_in_every_format(tmp_path: Path, sent: dict[str, Any], score: float) -> None:
    (found,), unscaled = captured(tmp_path, sent)
    assert found == pytest.approx(score)
    assert unscaled == 0


@pytest.mark.parametrize("sent", [{"score": 4}, {"score": "meh"}, {"score": 1, "name": "rating"}])
def test_a_score_of_an_unknown_scale_is_kept_and_counted_but_no_opinion(tmp_path: Path, sent: dict[str, Any]) -> None:
    assert captured(tmp_path, sent) == ([None], 1)


def test_scores_of_one_name_show_their_scale_together(tmp_path: Path) -> None:
    sent = [{"score": n, "name": "rating"} for n in (1, 3, 5)]
    assert captured(tmp_path, *sent) == ([0.0, 0.5, 1.0], 0)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"score": 7, "scale": [1, 5]}, r"within its scale \[1, 5\]"),
        ({"score": "up", "scale": [1, 5]}, "within its scale"),
        ({"score": 3, "scale": [1, 1]}, "two different numbers"), ({"score": 3, "scale": "15"}, "different numbers"),
        ({"score": 3, "scale": [1, True]}, "two different numbers"), ({"score": float("nan")}, "must be a number"),
        ({"score": 10**400}, "must be a number"), ({"score": float("inf")}, "must be a number"),
        ({"score": [1]}, "must be a number"), ({"score": "x" * 201}, "longer than 200"), ({}, "give a score"),
        ({"score": " "}, "give a score"), ({"score": 1, "source": "annotator"}, "unknown key 'source'"),
        ({"score": 1, "name": 5}, "name must be text"), ({"score": 1, "name": "expert_rating"}, "by annotator"),
        ({"score": 1, "name": "judge_verdict"}, "by model"),
    ],
)  # fmt: skip
def test_what_no_client_should_send_is_refused_with_its_reason(value: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadFeedbackError, match=reason):
        rows_of({"trace_id": "t", **value}, AT)


def test_of_several_all_or_none_are_taken() -> None:
    with pytest.raises(BadFeedbackError, match="item 2: trace_id is missing"):
        rows_of([{"trace_id": "t", "score": 1}, {"score": 1}], AT)


def test_a_row_can_be_written_as_json_and_holds_what_was_sent() -> None:
    (row,) = rows_of({"trace_id": "t", "score": 4, "scale": [1, 5]}, AT)
    assert json.loads(json.dumps(row)) == {
        "trace_id": "t", "score": 4, "comment": None, "scale": [1, 5], "at": "2025-06-03T10:00:00Z",
    }  # fmt: skip


def test_a_request_holds_no_more_opinions_than_it_may() -> None:
    limits = DecodeLimits(line=1_000, objects=100_000)
    rows = [b'{"trace_id":"t","score":1}'] * 10_001
    with pytest.raises(TooManyError, match="send at most 10,000 at once"):
        read_feedback(b"[" + b",".join(rows) + b"]", AT, limits)
    assert read_feedback(rows[0], AT, limits)[1] == 1
    with pytest.raises(BadFeedbackError, match="not JSON"):
        read_feedback(b"{", AT, limits)
