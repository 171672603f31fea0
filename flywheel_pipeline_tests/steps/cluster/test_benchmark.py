"""The benchmark measures right, and on a hundred comments the pipeline beats what is ordinarily done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flywheel_pipeline.adapters.embed import TfidfEmbed
from flywheel_pipeline.steps.cluster import WordAnalyst
from flywheel_pipeline_tests.benchmarks.taxonomy import (
    UNASSIGNED,
    agreement,
    calibration,
    compare,
    given_labels,
    main,
    measure,
    ordinary,
    read_labelled,
    recall,
    score,
)
from flywheel_pipeline_tests.conftest import REPO

FAILURES = REPO / "flywheel_pipeline_tests" / "benchmarks" / "agent_failures.jsonl"


def test_agent_failures_are_grouped_in_five_to_ten_modes_far_better_than_by_chance() -> None:
    rows = read_labelled(FAILURES)
    found = measure(rows, WordAnalyst(TfidfEmbed()), set(), 10)
    assert found.ari > 0.2
    assert 0.7 < found.coverage < 1.0
    assert 5 <= found.n_modes <= 10


def test_ordinary_clusterings_are_measured_best_first() -> None:
    rows = read_labelled(FAILURES)[:24]
    found = ordinary([r.text for r in rows], [r.category for r in rows], TfidfEmbed())
    assert len(found) > 30 and found == sorted(found, key=lambda s: -s[1])


def test_a_few_labels_put_failures_into_the_very_categories() -> None:
    rows = read_labelled(FAILURES)
    given = given_labels(rows, 4, seed=0)
    assert len(given) == 36
    found = measure(rows, WordAnalyst(TfidfEmbed()), given, 10)
    assert sum(found.recall.values()) / 9 > 0.5


def test_recall_counts_the_mode_that_holds_most_of_a_category_or_the_named_one() -> None:
    truth, found = ["a", "a", "a", "b"], ["b", "b", "a", UNASSIGNED]
    assert recall(truth, found, named=False) == {"a": pytest.approx(2 / 3), "b": 0.0}
    assert recall(truth, found, named=True) == {"a": pytest.approx(1 / 3), "b": 0.0}


def test_equal_partitions_agree_fully_and_one_heap_not_at_all() -> None:
    assert agreement(["a", "a", "b"], ["x", "x", "y"]) == pytest.approx((1.0, 1.0))
    assert agreement(["a", "a", "b"], ["x", "x", "x"])[0] == pytest.approx(0.0)


def test_of_every_category_one_failure_is_left_to_be_measured(tmp_path: Path) -> None:
    lines = [{"text": f"t{i}", "category": "a" if i else "b"} for i in range(3)]
    (tmp_path / "f.jsonl").write_text("\n".join(json.dumps(r) for r in lines), "utf-8")
    rows = read_labelled(tmp_path / "f.jsonl")
    assert len(given_labels(rows, 5, seed=1)) == 1


def test_the_command_prints_every_measure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = FAILURES.read_text("utf-8").splitlines()[:36]
    (tmp_path / "f.jsonl").write_text("\n".join(lines), "utf-8")
    main([str(tmp_path / "f.jsonl"), "--embedder", "tfidf", "--seeds", "2", "--labels-per-category", "4"])
    printed = capsys.readouterr().out
    for word in ("36 failures in 3 categories", "over 2 seeds", "ARI", "coverage", "recall of plan", "peak memory",
                 "nearest centroid", "less logistic regression: ARI", "expected error", "confidence"):  # fmt: skip
        assert word in printed


def test_confidence_is_calibrated_where_the_share_right_is_the_mean_confidence() -> None:
    table, error = calibration([(0.75, True)] * 3 + [(0.75, False)] + [(0.1, False)] * 4)
    assert table == [("0.0 to 0.2", 4, pytest.approx(0.1), 0.0), ("0.6 to 0.8", 4, 0.75, 0.75)]
    assert error == pytest.approx(0.05)


def test_a_way_is_compared_with_another_on_the_same_draws() -> None:
    low, high = ([score(["a", "b"] * 4, [(m, 1.0) for m in modes], True)] * 2 for modes in ("abababbb", "abababab"))
    assert compare(high, high, 1) == (0.0, 1.0)
    assert compare(high, low, 1)[0] > 0


def test_without_labels_a_mode_is_right_about_the_category_that_is_its_commonest() -> None:
    found = score(["a", "a", "b", "b"], [("x", 0.9), ("x", 0.9), ("x", 0.8), (UNASSIGNED, 0.0)], False)
    assert found.sure == ((0.9, True), (0.9, True), (0.8, False))
    assert (found.n_modes, found.coverage) == (1, 0.75)
