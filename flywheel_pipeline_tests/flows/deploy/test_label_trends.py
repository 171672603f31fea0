"""Failure modes in the newest labelled batch and in the one before."""

from __future__ import annotations

from pathlib import Path

import yaml

from flywheel_pipeline.flows.deploy.label_trends import label_trends
from flywheel_pipeline_tests.builders import a_sampled_trace, an_annotation
from flywheel_pipeline_tests.homes import Place, a_home

N = 60


def a_home_with_two_batches(path: Path, fails: tuple[int, int]) -> Place:
    """A home whose two batches of `N` have these failures of one mode."""
    place = a_home(path)
    rows, labels, members = [], [], []
    for number, n_failed in enumerate(fails, 1):
        for i in range(N):
            trace, batch = f"b{number}-{i}", f"2026-01-0{number}_2026-01-0{number}_n{N}_x"
            rows.append(a_sampled_trace(trace_id=trace, batch=batch))
            labels.append(an_annotation(trace_id=trace, verdict="fail" if i < n_failed else "pass", batch=batch))
            members += [{"trace_id": trace, "text": "too long"}] if i < n_failed else []
    mode = {"mode_id": "fm-1", "name": "Too long", "definition": "Too long.", "members": members}
    retired = {"mode_id": "fm-2", "name": "Gone", "definition": "-", "members": [], "status": "retired"}
    (path / "taxonomy").mkdir(exist_ok=True)
    (path / "taxonomy" / "failure_modes.yaml").write_text(yaml.safe_dump({"modes": [mode, retired]}))
    place.lake.write("sampled_traces", rows)
    place.lake.write("annotations", labels)
    return place


def test_a_mode_that_went_away_is_shown_with_both_shares(tmp_path: Path) -> None:
    ((name, trend),) = label_trends(a_home_with_two_batches(tmp_path, (20, 1)).bench)
    assert (name, trend.direction) == ("Too long", "down")
    assert (round(trend.before.value, 2), round(trend.now.value, 2)) == (0.33, 0.02)


def test_with_one_batch_there_is_nothing_to_compare(tmp_path: Path) -> None:
    place = a_home_with_two_batches(tmp_path, (20, 1))
    place.lake.write("sampled_traces", [a_sampled_trace(trace_id=f"b1-{i}") for i in range(N)])
    assert label_trends(place.bench) == []
