"""The batch of a home: kept as drawn, and honest where there are more traces than can be compared."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from flywheel_pipeline.defs.assets.sampled_traces import allocation, draw_batch
from flywheel_pipeline_tests.builders import NOON, a_trace
from flywheel_pipeline_tests.homes import Place, a_home

TOPICS = ("hub", "valve", "probe", "parcel", "refund", "plan", "battery", "wifi", "invoice", "frost")


def a_lake_of(place: Place, n: int, disliked: int) -> None:
    base = a_trace()
    traces = [
        replace(base, trace_id=f"t{i}", input=f"{TOPICS[i % 10]} {i}", feedback_score=0.0 if i < disliked else None)
        for i in range(n)
    ]
    place.lake.write("raw_traces", traces, part=f"{NOON:%Y-%m-%d}")


def test_a_batch_is_kept_as_it_was_drawn_although_traces_come_late(tmp_path: Path) -> None:
    place = a_home(tmp_path / "home")
    a_lake_of(place, 150, disliked=10)
    _, first = draw_batch(place.lake, place.bench)
    a_lake_of(place, 300, disliked=10)
    _, again = draw_batch(place.lake, place.bench)
    assert again == first
    assert len(list((place.root / "samples").iterdir())) == 1


def test_of_very_many_traces_the_weights_still_stand_for_all(tmp_path: Path) -> None:
    place = a_home(tmp_path / "home")
    a_lake_of(place, 30_000, disliked=300)
    started = time.monotonic()
    frame, rows = draw_batch(place.lake, place.bench)
    assert time.monotonic() - started < 60  # a draw over all of them would take hours
    assert len(frame) == 1_300 and len(rows) == 100
    assert {r.n_frame for r in rows} == {30_000}
    assert sum(r.stratum == "flagged" for r in rows) > 5  # 1 of 100 traces; risk makes it about 1 of 9
    assert 24_000 < sum(r.weight for r in rows) < 36_000
    assert allocation(frame, rows)[-1][:3] == ["all", 30_000, 100]
