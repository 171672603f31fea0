"""The checks on label files and verdicts warn, or stop the run, when they should."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from flywheel_pipeline.defs.assets.annotations import annotations as annotations_asset
from flywheel_pipeline.defs.checks.annotate import (
    annotators_known,
    both_verdicts_present,
    failures_described,
    failures_explained,
    few_deferred,
    label_files_clear,
    no_unresolved_contradictions,
    rows_match_label_files,
)
from flywheel_pipeline.defs.factory import Recipe
from flywheel_pipeline.defs.scope import Scope
from flywheel_pipeline.records import Annotation, EvaluatorScore, LabelLog, Reject
from flywheel_pipeline_tests.builders import a_trace, an_annotation, an_evaluator_score
from flywheel_pipeline_tests.homes import Place, a_home

COVERS = ("defs/assets/annotations.py",)

BASE = an_annotation(annotator="mira", is_current=True)
ASKING = (annotators_known, no_unresolved_contradictions, failures_explained, failures_described, few_deferred)
"""Checks that look at the settings."""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return a_home(tmp_path / "home")


def verdicts(n_pass: int, n_fail: int, n_defer: int = 0) -> list[Annotation]:
    said = ["pass"] * n_pass + ["fail"] * n_fail + ["defer"] * n_defer
    return [replace(BASE, trace_id=f"t{i}", verdict=v, source_line=i + 1) for i, v in enumerate(said)]


def result(place: Place, check: Recipe, rows: list[Annotation]) -> dg.AssetCheckResult:
    place.lake.write("annotations", rows)
    return checked(place, check)


def checked(place: Place, check: Recipe) -> dg.AssetCheckResult:
    found = check(lake=place.resource, bench=place.bench) if check in ASKING else check(lake=place.resource)
    assert isinstance(found, dg.AssetCheckResult)
    return found


def test_a_stranger_stops_the_run_only_where_people_are_named(place: Place) -> None:
    rows = [*verdicts(1, 1), replace(BASE, trace_id="t9", annotator="mallory")]
    assert result(place, annotators_known, rows).passed
    (place.root / "flywheel.yaml").write_text("annotate: {arbiter: mira, annotators: [ben]}")
    found = result(place, annotators_known, rows)
    assert not found.passed and "mallory" in str(found.description)
    assert result(place, annotators_known, verdicts(1, 1)).passed
    (spec,) = annotators_known.build(Scope(place.bench.settings)).check_specs
    assert spec.blocking


def test_a_contradiction_stops_the_run_and_says_where_it_is_and_who_decides(place: Place) -> None:
    (place.root / "flywheel.yaml").write_text("annotate: {arbiter: mira}")
    said = [replace(BASE, annotator=w, verdict=v, is_current=False) for w, v in (("ben", "pass"), ("ann", "fail"))]
    found = result(place, no_unresolved_contradictions, said)
    assert not found.passed and found.severity == dg.AssetCheckSeverity.ERROR
    reported = str(found.description)
    assert "fail by ann (b.csv, line 2) vs pass by ben" in reported and "mira (the arbiter) must decide" in reported
    assert found.metadata["n_traces"].value == 1
    assert result(place, no_unresolved_contradictions, [*said, replace(BASE, verdict="pass")]).passed
    (spec,) = no_unresolved_contradictions.build(Scope(place.bench.settings)).check_specs
    assert spec.blocking


@pytest.mark.filterwarnings("ignore:module 'sre_:DeprecationWarning")
def test_a_fail_without_a_reason_stops_the_run(place: Place) -> None:
    rows = [
        replace(BASE, code=None),
        replace(BASE, comment=None),
        replace(BASE, verdict="pass", code=None, comment=None),
    ]
    assert result(place, failures_explained, rows).passed
    found = result(place, failures_explained, [*rows, replace(BASE, code=None, comment=None)])
    assert not found.passed and found.metadata["n_found"].value == 1
    assert found.metadata["traces"].value == r"- [t1](http://127.0.0.1:4318/traces/#t1)"
    assert "1 of 3 fails" in str(found.description)


def test_a_failure_that_is_described_in_two_words_is_a_warning(place: Place) -> None:
    rows = [replace(BASE, verdict="fail", code=None, comment="bad answer"), replace(BASE, verdict="fail", code="Bad")]
    found = result(place, failures_described, rows)
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert found.metadata["n_found"].value == 1
    assert result(place, failures_described, rows[1:]).passed


@pytest.mark.parametrize(
    ("n_pass", "n_fail", "passed"), [(0, 0, True), (19, 0, True), (20, 0, False), (18, 2, True), (1, 19, False)]
)
def test_one_verdict_alone_is_a_warning_from_twenty_on(place: Place, n_pass: int, n_fail: int, passed: bool) -> None:
    assert result(place, both_verdicts_present, verdicts(n_pass, n_fail)).passed is passed


@pytest.mark.parametrize(("n_defer", "passed"), [(0, True), (2, True), (3, False)])
def test_many_deferrals_are_a_warning(place: Place, n_defer: int, passed: bool) -> None:
    assert result(place, few_deferred, verdicts(4, 4, n_defer)).passed is passed


def test_what_was_said_in_a_file_that_is_gone_stays_and_is_reported(place: Place) -> None:
    place.lake.write("raw_traces", [a_trace(trace_id=f"2025-06-02-{i}") for i in range(3)], part="2025-06-02")
    first = place.put_labels(
        "one.csv", "trace_id,verdict,comment\n2025-06-02-0,fail,made it all up\n2025-06-02-1,pass,\n"
    )
    annotations_asset(bench=place.bench)
    first.unlink()
    place.put_labels("two.csv", "trace_id,verdict\n2025-06-02-2,pass\n")
    annotations_asset(bench=place.bench)
    rows = place.lake.frame("select trace_id, verdict, source_file from annotations where is_current order by trace_id")
    assert rows.values.tolist() == [
        ["2025-06-02-0", "fail", "one.csv"], ["2025-06-02-1", "pass", "one.csv"], ["2025-06-02-2", "pass", "two.csv"],
    ]  # fmt: skip
    reported = matching(place)
    assert (
        not reported.passed
        and reported.severity == dg.AssetCheckSeverity.WARN
        and "one.csv" in (reported.description or "")
    )
    annotations_asset(bench=place.bench)
    assert place.one("select count(*) from annotations") == 3


def read_in(place: Place, *columns: str) -> list[list[Any]]:
    """What the table holds after the files were read once more."""
    annotations_asset(bench=place.bench)
    rows: list[list[Any]] = place.lake.frame(
        f"select {', '.join(columns)} from annotations order by all"
    ).values.tolist()
    return rows


def test_what_was_corrected_or_taken_out_stays_as_a_fact_that_does_not_count(place: Place) -> None:
    place.lake.write("raw_traces", [a_trace(trace_id=f"t{i}") for i in range(3)], part="2025-06-02")
    place.put_labels("one.csv", "trace_id,verdict,comment\nt0,fail,made it all up\nt1,pass,\nt2,fail,rude answer\n")
    read_in(place, "trace_id")
    place.put_labels("one.csv", "trace_id,verdict,comment\nt1,pass,\nt0,pass,\n")
    reported = ("trace_id", "verdict", "is_current", "is_superseded", "source_line")
    expected = [["t0", "fail", False, True, 2], ["t0", "pass", True, False, 3], ["t1", "pass", True, False, 2],
                ["t2", "fail", False, True, 4]]  # fmt: skip
    assert read_in(place, *reported) == expected
    assert matching(place).passed
    assert place.one("select n_rows from label_log") == 2
    shutil.rmtree(place.root / "lake" / "annotations")
    assert read_in(place, *reported) == expected
    versions = {v for (v,) in read_in(place, "distinct source_version")}
    kept = (place.root / "labels" / ".history" / "one.csv").iterdir()
    assert len(versions) == 2 and versions == {p.stem.rpartition("-")[2] for p in kept}


def test_a_typo_that_was_corrected_does_not_stop_the_run(place: Place) -> None:
    (place.root / "flywheel.yaml").write_text(
        "annotate: {arbiter: mira, annotators: [ben]}\nautomation: {settle_seconds: 0}"
    )
    place.lake.write("raw_traces", [a_trace()], part="2025-06-02")
    place.put_labels("one.csv", "trace_id,verdict,annotator\nt1,pass,bne\n")
    read_in(place, "trace_id")
    assert not checked(place, annotators_known).passed
    place.put_labels("one.csv", "trace_id,verdict,annotator,comment\nt1,fail,ben,made it up\n")
    assert read_in(place, "annotator", "is_current") == [["ben", True], ["bne", False]]
    assert checked(place, annotators_known).passed
    assert checked(place, no_unresolved_contradictions).passed


def test_a_file_that_is_renamed_and_then_corrected_contradicts_nobody(place: Place) -> None:
    place.lake.write("raw_traces", [a_trace()], part="2025-06-02")
    path = place.put_labels("one.csv", "trace_id,verdict,comment\nt1,fail,made it up\n")
    read_in(place, "trace_id")
    path.rename(path.with_name("two.csv"))
    reported = ("source_file", "verdict", "is_current", "is_superseded")
    renamed = [["one.csv", "fail", False, True], ["two.csv", "fail", True, False]]
    assert read_in(place, *reported) == renamed
    assert matching(place).passed
    place.put_labels("two.csv", "trace_id,verdict\nt1,pass\n")
    assert read_in(place, *reported) == [
        renamed[0], ["two.csv", "fail", False, True], ["two.csv", "pass", True, False],
    ]  # fmt: skip
    assert checked(place, no_unresolved_contradictions).passed


def matching(place: Place) -> dg.AssetCheckResult:
    found = rows_match_label_files(lake=place.resource, bench=place.bench)
    assert isinstance(found, dg.AssetCheckResult)
    return found


def test_rows_of_a_label_file_that_are_in_no_table_are_an_error(place: Place) -> None:
    path = place.put_labels("b.csv", "trace_id,verdict\nt1,pass\nt2,pass\n")
    right = an_annotation(verdict="pass", code=None, comment=None, source_line=2)
    fingerprint = hashlib.sha256(path.read_bytes()).hexdigest()
    place.lake.write("label_log", [LabelLog(path.name, fingerprint, 5, 1, 1, 1, 1, 1)])
    place.lake.write("annotations", [right, replace(right, is_superseded=True)])
    place.lake.write("rejects", [Reject("labels", "b.csv", 3, "why", "")], part="labels")
    place.lake.write("evaluator_scores", [an_evaluator_score()])
    assert matching(place).passed
    for rows in ([], [right, replace(right, trace_id="t2", source_line=3)]):
        place.lake.write("annotations", rows)
        found = matching(place)
        assert not found.passed and found.severity == dg.AssetCheckSeverity.ERROR
    place.lake.write("annotations", [right])
    place.lake.write("evaluator_scores", [])
    assert not matching(place).passed


def test_a_doubt_about_a_label_file_is_a_warning_and_shows_how_it_was_read(place: Place) -> None:
    place.lake.write("raw_traces", [a_trace()], part="2025-06-02")
    place.put_labels("b.csv", "trace_id,Result,why,mode,user,code\nt1,fail,made it up,chat,Hi?,EN\n")
    annotations_asset(bench=place.bench)
    found = label_files_clear(lake=place.resource)
    assert isinstance(found, dg.AssetCheckResult)
    assert not found.passed and found.severity == dg.AssetCheckSeverity.WARN
    assert "b.csv: column 'code' is not read as the open code" in (found.description or "")
    (log,) = place.lake.read("label_log", LabelLog)
    assert json.loads(log.columns) == {"trace_id": "trace_id", "verdict": "Result", "comment": "why"}
    assert json.loads(log.unused) == ["mode", "user", "code"]
    (place.root / "flywheel.yaml").write_text("labels: {columns: {code: null}}\nautomation: {settle_seconds: 0}")
    annotations_asset(bench=place.bench)
    found = label_files_clear(lake=place.resource)
    assert isinstance(found, dg.AssetCheckResult) and found.passed


def test_scores_of_evaluators_are_in_a_table_of_their_own(place: Place) -> None:
    place.lake.write("raw_traces", [a_trace()], part="2025-06-02")
    text = "trace_id,verdict,comment,annotator_kind\nt1,fail,made it up,LLM\nt9,pass,,CODE\nt1,pass,,HUMAN\n"
    place.put_labels("b.csv", text)
    annotations_asset(bench=place.bench)
    (score,) = place.lake.read("evaluator_scores", EvaluatorScore)
    assert (score.trace_id, score.label, score.annotator_kind) == ("t1", "fail", "LLM")
    assert [a.verdict for a in place.lake.read("annotations", Annotation)] == ["pass"]
    assert [r.line for r in place.lake.read("rejects", Reject, "source = 'labels'")] == [3]
    assert matching(place).passed
