"""A batch that people picked goes out to be labelled and comes back marked as picked, in no rate of traffic."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from flywheel_pipeline.errors import HomeError
from flywheel_pipeline.flows.annotate import collect_labels
from flywheel_pipeline.flows.label_export import export_labels
from flywheel_pipeline.flows.labelled import picked_traces
from flywheel_pipeline.flows.traces.pick import send_to_annotator
from flywheel_pipeline_tests.builders import a_sampled_trace, a_trace, an_annotation
from flywheel_pipeline_tests.homes import Place, a_home


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = a_home(tmp_path / "home")
    text = "annotate: {arbiter: mira, annotators: [ben]}\nautomation: {settle_seconds: 0}"
    (made.root / "flywheel.yaml").write_text(text)
    made.lake.write("raw_traces", [a_trace(trace_id=f"t{n}") for n in range(3)])
    return made


def sent(place: Place, *ids: str) -> str:
    return send_to_annotator(place.bench, ids, "Is it a promise?", "mira", "ben")[0].batch


def exported(place: Place, batch: str | None, form: str = "csv") -> Path:
    ending = {"csv": "csv", "label-studio": "json"}[form]
    return export_labels(place.bench, place.root / f"out.{ending}", batch, form, None)[0]


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text("utf-8-sig").splitlines()))


def collected(place: Place) -> dict[str, tuple[str, str, bool]]:
    found = collect_labels(place.bench)[0].annotations
    return {a.trace_id: (a.annotator, a.verdict, a.is_picked) for a in found if a.is_current}


def test_a_picked_batch_comes_back_as_picked(place: Place) -> None:
    rows = rows_of(exported(place, sent(place, "t0", "t1")))
    assert [(r["trace_id"], r["annotator"], r["is_picked"], r["why_sampled"]) for r in rows] == [
        (trace, "ben", "true", "mira sent it: Is it a promise?") for trace in ("t0", "t1")
    ]
    rows[0] |= {
        "verdict": "fail",
        "comment": "Promises a date.",
        "is_picked": "WAHR",
    }  # as a German spreadsheet writes it
    with (place.root / "labels" / "back.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert collected(place) == {"t0": ("ben", "fail", True)}
    assert picked_traces(place.bench) == {"t0"}


def test_a_task_of_label_studio_carries_the_mark(place: Place) -> None:
    (task,) = json.loads(exported(place, sent(place, "t2"), "label-studio").read_text())
    choice: dict[str, Any] = {"from_name": "verdict", "type": "choices", "value": {"choices": ["pass"]}}
    task["annotations"] = [{"completed_by": {"email": "ben"}, "result": [choice]}]
    (place.root / "labels" / "back.json").write_text(json.dumps([task]))
    assert collected(place) == {"t2": ("ben", "pass", True)}
    (place.root / "labels" / "back.json").unlink()
    flat = {
        **task["data"],
        "id": 1,
        "annotation_id": 7,
        "lead_time": 3,
        "verdict": "fail",
        "comment": "No.",
        "annotator": "ben",
    }
    (place.root / "labels" / "min.json").write_text(json.dumps([flat]))
    assert ("ben", "fail", True) in [
        (a.annotator, a.verdict, a.is_picked) for a in collect_labels(place.bench)[0].annotations
    ]


def test_a_verdict_that_counts_for_traffic_stays_so(place: Place) -> None:
    place.lake.write("annotations", [an_annotation(trace_id="t0", annotator="mira")])
    (row,) = rows_of(exported(place, sent(place, "t0")))
    assert (row["annotator"], row["verdict"], row["is_picked"]) == ("mira", "fail", "")


def test_the_newest_drawn_batch_is_the_default_and_an_unknown_one_is_refused(place: Place) -> None:
    batch = sent(place, "t0")
    with pytest.raises(HomeError, match=f"Name one that people sent with --batch: {batch}"):
        exported(place, None)
    place.lake.write("sampled_traces", [a_sampled_trace(trace_id="t1", batch="week-1")])
    assert [(r["trace_id"], r["is_picked"]) for r in rows_of(exported(place, None))] == [("t1", "")]
    with pytest.raises(HomeError, match=f"There is no batch 'gone'; there are: week-1, {batch}"):
        exported(place, "gone")
