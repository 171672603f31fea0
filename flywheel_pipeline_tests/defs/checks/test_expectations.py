"""The asset checks fail when they should, and blocking ones stop what follows."""

from __future__ import annotations

import csv
import hashlib
import io
import shutil
import tracemalloc
import zipfile
from pathlib import Path

import dagster as dg
import pytest

from flywheel_pipeline.adapters.quality import expectations, run_on_table
from flywheel_pipeline.commands.summary import summarize
from flywheel_pipeline.definitions import build_definitions
from flywheel_pipeline.defs.checks import HIDDEN
from flywheel_pipeline.flows.evaluate import judges_of
from flywheel_pipeline.records import TABLES, LabelLog, PromptCandidate
from flywheel_pipeline.steps.annotate.xlsx import MAX_UNPACKED
from flywheel_pipeline_tests.builders import (
    a_candidate,
    a_case,
    a_mode,
    a_trace,
    an_alignment,
    an_annotation,
    an_answer,
    an_eval_result,
)
from flywheel_pipeline_tests.homes import Place, a_home
from flywheel_pipeline_tests.steps.annotate.counting import count_rows
from flywheel_pipeline_tests.steps.cluster.reviewed import a_mode as a_reviewed_mode
from flywheel_pipeline_tests.steps.cluster.reviewed import known, put_taxonomy

COVERS = ("defs/checks/evaluate.py",)

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return a_home(tmp_path / "home")


def check(place: Place, asset: str, name: str) -> dg.AssetCheckEvaluation:
    """Run one check of an asset on what is in the lake now."""
    defs = build_definitions(place.bench.settings)
    selection = dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey(asset), name))
    job = dg.define_asset_job("one_check", selection=selection)
    made = dg.Definitions.merge(defs, dg.Definitions(jobs=[job])).resolve_job_def("one_check")
    done = made.execute_in_process(run_config=QUIET, raise_on_error=False)
    (found,) = done.get_asset_check_evaluations()
    return found


def test_missing_repeated_and_forbidden_values_are_found(place: Place) -> None:
    rows = [an_annotation(trace_id="t1"), an_annotation(trace_id="t2", verdict="maybe"), an_annotation(source_line=0)]
    place.lake.write("annotations", rows)
    place.lake.write("raw_traces", [a_trace(trace_id="t1")], part="2025-06-02")
    wanted = [e for e in expectations("annotations") if e.column in ("trace_id", "verdict", "source_line")]
    failed = {o.name: o for o in run_on_table(place.lake.frame, "annotations", wanted) if not o.passed}
    assert set(failed) == {"verdict_allowed", "trace_id_known", "source_line_in_range"}
    assert failed["trace_id_known"].examples == ("t2 (1 times)",)


def test_expectations_pass_on_a_table_without_rows(place: Place) -> None:
    assert all(o.passed for o in run_on_table(place.lake.frame, "annotations", expectations("annotations")))


@pytest.mark.parametrize("table", ["raw_traces", "golden_set", "eval_results"])
def test_expectations_hold_for_valid_rows(place: Place, table: str) -> None:
    place.lake.write("raw_traces", [a_trace()], part="2025-06-02")
    place.lake.write("failure_taxonomy", [a_mode()])
    place.lake.write("golden_set", [a_case()])
    place.lake.write("answers", [an_answer()])
    place.lake.write("eval_results", [an_eval_result()])
    assert [o.name for o in run_on_table(place.lake.frame, table, expectations(table)) if not o.passed] == []


def logged(path: Path, n_rows: int) -> LabelLog:
    return LabelLog(path.name, hashlib.sha256(path.read_bytes()).hexdigest(), n_rows, n_rows, 0, 0)


def test_a_label_file_that_changed_since_it_was_read_is_a_warning(place: Place) -> None:
    path = place.put_labels("b.csv", "trace_id,verdict\nt1,pass\n")
    place.lake.write("label_log", [logged(path, 1)])
    place.lake.write("annotations", [an_annotation(verdict="pass", code=None, comment=None)])
    place.put_labels("b.csv", "trace_id,verdict,comment\nt1,fail,wrong\n")
    place.put_labels("new.csv", "trace_id,verdict\nt1,pass\n")
    found = check(place, "annotations", "rows_match_label_files")
    assert not found.passed and found.severity == dg.AssetCheckSeverity.WARN
    assert "b.csv, new.csv" in (found.description or "")


def test_a_case_family_in_two_splits_is_an_error(place: Place) -> None:
    place.lake.write("golden_set", [a_case(case_id="g1", split="train"), a_case(case_id="g2", split="test")])
    found = check(place, "golden_set", "one_split_per_family")
    assert not found.passed and found.severity == dg.AssetCheckSeverity.ERROR


@pytest.mark.parametrize(
    ("statuses", "passed"),
    [(["trusted", "trusted"], True), (["trusted", "unusable"], False), (["advisory"], False), (["unusable"], False)],
)
def test_a_judge_that_may_not_decide_is_a_warning_that_says_what_to_label(
    place: Place, statuses: list[str], passed: bool
) -> None:
    put_taxonomy(place, known(*(a_reviewed_mode(str(i), f"t{i}") for i in range(len(statuses)))))
    versions = [m.version("offline/judge") for m in judges_of(place.bench)]
    rows = [
        an_alignment(evaluator=f"judge:{i}", mode_id=str(i), status=s, evaluator_version=v, need_fails=s == "advisory")
        for i, (s, v) in enumerate(zip(statuses, versions, strict=True))
    ]
    place.lake.write("judge_alignment", rows)
    found = check(place, "judge_alignment", "judges_agree_with_expert")
    assert (found.passed, found.severity) == (passed, dg.AssetCheckSeverity.WARN)
    assert passed or "label" in str(found.description) or "disagrees" in str(found.description)


def test_a_trusted_judge_that_changed_since_may_not_decide(place: Place) -> None:
    put_taxonomy(place, known(a_reviewed_mode("fm-1", "t1")))
    place.lake.write("judge_alignment", [an_alignment(evaluator_version="before")])
    found = check(place, "judge_alignment", "judges_agree_with_expert")
    assert not found.passed and "has changed since it was measured" in str(found.description)


def test_a_broken_evaluation_and_a_refused_candidate_warn(place: Place) -> None:
    place.lake.write("eval_results", [an_eval_result(label=None, score=None, error="RateLimitError")])
    found = check(place, "eval_results", "every_answer_judged")
    assert not found.passed
    assert (found.description or "").startswith("verdicts missing: 1, of which 1 because: RateLimitError.")
    place.lake.write("prompt_candidate", [a_candidate(decision="reject", reason="3 broken")])
    refused = check(place, "prompt_candidate", "gate")
    assert not refused.passed and "3 broken" in (refused.description or "")


def test_judges_that_contradict_the_expert_decide_nothing_and_people_learn_what_to_do(
    demo: Place, tmp_path: Path
) -> None:
    """Passes and fails of the demo's labels are exchanged: no judge agrees, and the candidate is held."""
    shutil.copytree(
        demo.root, tmp_path / "h", ignore=shutil.ignore_patterns("dagster", "lake", "taxonomy", "golden", ".history")
    )
    place = Place(tmp_path / "h")
    rows = list(csv.DictReader((place.root / "labels" / "2025-06-10-mira.csv").read_text("utf-8").splitlines()))
    for path in (place.root / "labels").iterdir():
        path.unlink()
    reported = {"pass": "fail", "fail": "pass"}
    lines = [f"{r['trace_id']},{reported[r['verdict']]},made up a feature" for r in rows]
    place.put_labels("inverted.csv", "\n".join(["trace_id,verdict,comment", *lines]))
    result = place.turn()
    assert result.success
    assert any("judges_agree_with_expert" in line and line.startswith("warning") for line in place.said)
    assert {c.decision for c in place.lake.read("prompt_candidate", PromptCandidate)} <= {"hold"}
    assert any("cannot be rated: no judge may decide yet" in line for line in summarize(place.bench))
    assert place.one("select count(*) from eval_results") > 0


@pytest.mark.parametrize(
    ("name", "data", "rows"),
    [
        ("a.csv", b'trace_id,comment\nt1,"two\nlines"\n\nt2,x\n', 2),
        ("a.csv", b'\n\ntrace_id;comment\nt1;"two\nlines"\n', 1),
        ("a.tsv", b"trace_id\tverdict\nt1\tpass\n", 1),
        ("a.jsonl", b'{"trace_id": "t1"}\n\n{"trace_id": "t2"}\n', 2),
        ("a.json", b'[{"trace_id": "t1"}, {"trace_id": "t2"}]', 2),
        ("a.json", b"[{", 1),
        ("a.json", b'{"data": {}, "annotations": true}', 1),
        ("a.json", b'{"fields": {}, "responses": true}', 1),
        ("a.json", b'{"fields": {}, "responses": {"verdict": 3}}', 1),
        ("a.pdf", b"%PDF", 1),
        ("a.csv", b"", 1),
    ],
)
def test_rows_of_label_files_are_counted(name: str, data: bytes, rows: int) -> None:
    assert count_rows(name, data) == rows


def test_every_table_is_checked_against_its_record(place: Place) -> None:
    defs = build_definitions(place.bench.settings)
    reported = {(k.asset_key.to_user_string(), k.name) for c in defs.asset_checks or [] for k in c.check_keys}
    assert {t for t, name in reported if name == "rows_as_declared"} == TABLES.keys() - HIDDEN


def test_a_workbook_that_decompresses_to_too_much_is_counted_without_unpacking_it() -> None:
    out = io.BytesIO()
    rows = b"<row><c><v>1</v></c></row>" * 40_000
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book, book.open("xl/worksheets/sheet1.xml", "w") as part:
        for _ in range(MAX_UNPACKED // len(rows) + 1):
            part.write(rows)
    tracemalloc.start()
    assert count_rows("a.xlsx", out.getvalue()) == 1
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()
