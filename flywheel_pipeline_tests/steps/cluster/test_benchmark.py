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
    given_labels,
    main,
    measure,
    ordinary,
    read_labelled,
    recall,
)
from flywheel_pipeline_tests.conftest import REPO

FAILURES = REPO / "flywheel_pipeline_tests" / "benchmarks" / "agent_failures.jsonl"


def test_on_agent_failures_modes_are_nearer_to_the_categories_than_any_ordinary_clustering() -> None:
    rows = read_labelled(FAILURES)
    found = measure(rows, WordAnalyst(TfidfEmbed(), {}), set(), 10, "words")
    best = ordinary([r.text for r in rows], [r.category for r in rows], TfidfEmbed())[0][1]
    assert found.ari > best + 0.1
    assert found.coverage == 1.0
    assert 5 <= found.n_modes <= 10


def test_a_few_labels_put_failures_into_the_very_categories() -> None:
    rows = read_labelled(FAILURES)
    given = given_labels(rows, 4, seed=0)
    assert len(given) == 36
    found = measure(rows, WordAnalyst(TfidfEmbed(), {}), given, 10, "words")
    assert sum(found.recall.values()) / 9 > 0.5


def test_recall_counts_the_mode_that_holds_most_of_a_category_or_the_named_one() -> None:
    truth, found = ["a", "a", "a", "b"], ["b", "b", "a", UNASSIGNED]
    assert recall(truth, found, named=False) == {"a": pytest.approx(2 / 3), "b": 0.0}
    assert recall(truth, found, named=True) == {"a": pytest.approx(1 / 3), "b": 0.0}


def test_equal_partitions_agree_fully_and_one_heap_not_at_all() -> None:
    assert agreement(["a", "a", "b"], ["x", "x", "y"]) == pytest.approx((1.0, 1.0))
    assert agreement(["a", "a", "b"], ["x", "x", "x"])[0] == pytest.approx(0.0)


def test_of_every_category_one_failure_is_left_to_be_measured(tmp_path: Path) -> None:
    lines = [{"text": f"t{i}", "category": "a" if i else "b", "trace": "about t"} for i in range(3)]
    (tmp_path / "f.jsonl").write_text("\n".join(json.dumps(r) for r in lines), "utf-8")
    rows = read_labelled(tmp_path / "f.jsonl")
    assert [r.trace for r in rows] == ["about t"] * 3
    assert len(given_labels(rows, 5, seed=1)) == 1


def test_the_command_prints_every_measure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = FAILURES.read_text("utf-8").splitlines()[:30]
    (tmp_path / "f.jsonl").write_text("\n".join(lines), "utf-8")
    main([str(tmp_path / "f.jsonl"), "--embedder", "tfidf"])
    told = capsys.readouterr().out
    for word in ("30 failures in 3 categories", "ARI", "AMI", "coverage", "recall of plan", "seconds", "peak memory"):
        assert word in told
