"""`flywheel evals`, `evals compare`, `evals approve` and `report`: what they print and write, and how they exit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from junitparser import JUnitXml

from flywheel_pipeline.cli import main
from flywheel_pipeline.commands.evals_table import escape
from flywheel_pipeline_tests.builders import a_mode
from flywheel_pipeline_tests.flows.evaluated import BASE, NEW, evaluated_home
from flywheel_pipeline_tests.homes import Place, a_home
from flywheel_pipeline_tests.web.browsing import EVIL

COVERS = (
    "commands/evals_table.py",
    "commands/comparing.py",
    "commands/junit.py",
    "web/evaluate/report.py",
)


def run(place: Place, *words: str) -> Result:
    return CliRunner().invoke(main, [*words, "--home", str(place.root)])


@pytest.mark.parametrize(
    ("pairs", "threshold", "code"),
    [
        (["pp"] * 19 + ["ff"], "0.9", 0),
        (["pp"] * 17 + ["ff"] * 3, "0.9", 100),
        (["pp"] * 8 + ["ff"] + ["--"], "0.85", 1),
        (["pp"] * 8 + ["ff"] + ["--"], "0.8", 0),
        (["pp"] * 8 + ["ff"] + ["--"], "0.95", 100),
    ],
)
def test_a_threshold_sets_the_exit_code(tmp_path: Path, pairs: list[str], threshold: str, code: int) -> None:
    done = run(evaluated_home(tmp_path / "home", *pairs), "evals", "--fail-under", threshold)
    assert done.exit_code == code, done.output


def test_a_threshold_is_not_reached_while_a_failure_mode_has_no_evaluator_that_may_decide(tmp_path: Path) -> None:
    place = evaluated_home(tmp_path / "home", *["pp"] * 20)
    modes = [a_mode(mode_id="rude", name="Rude"), a_mode(mode_id="late", name="Late")]
    place.lake.write("failure_taxonomy", modes)
    for words in (("evals",), ("evals", "compare")):
        done = run(place, *words, "--fail-under", "0.9")
        assert done.exit_code == 1 and "1 of 2 failure modes have no evaluator that may decide" in done.output
    assert run(place, "evals").exit_code == 0


def test_the_rates_of_production_are_shown_with_their_bounds(tmp_path: Path) -> None:
    done = run(evaluated_home(tmp_path / "home", *["pp"] * 8, "ff", "--"), "evals")
    assert done.exit_code == 0
    assert f"{BASE} (production): 10 cases" in done.output
    assert "8 passed, 1 failed, 1 not evaluated: 80% to 90%" in done.output
    assert "Rude       89% (57% to 98%, n=9), 1 unknown" in done.output


def test_nothing_evaluated_is_an_error(tmp_path: Path) -> None:
    assert run(a_home(tmp_path / "home"), "evals").exit_code == 1
    assert run(a_home(tmp_path / "home2"), "evals", "compare").exit_code == 1
    place = evaluated_home(tmp_path / "home3", "pp")
    place.lake.write("golden_set", [])
    assert run(place, "evals").exit_code == 1


def test_a_comparison_names_what_broke_and_exits_with_100(tmp_path: Path) -> None:
    done = run(evaluated_home(tmp_path / "home", *["pp"] * 40, "pf", "fp"), "evals", "compare")
    assert done.exit_code == 100
    assert f"{BASE} (production) -> {NEW} (candidate, hold): 42 cases" in done.output
    assert "1 broken, 0 not evaluated, 0 flaky, 0 still fails, 1 fixed, 40 still passes" in done.output
    assert "broken         g-40  [Rude]  Question g-40?" in done.output
    assert done.output.rstrip().endswith("quality failed: passed before and not now: 1 case (g-40)")


def test_an_approved_failure_lets_the_comparison_pass(tmp_path: Path) -> None:
    place = evaluated_home(tmp_path / "home", *["pp"] * 40, "pf")
    refused = run(place, "evals", "approve", "g-40", "--reason", "x")
    assert refused.exit_code == 1 and "passes under production" in refused.output
    done = run(place, "evals", "approve", "g-40", "--reason", "a new price list", "--of", "candidate")
    assert (done.exit_code, done.output) == (0, "g-40 may fail by judge:rude: a new price list\n")
    assert run(place, "evals", "compare").exit_code == 0
    back = run(place, "evals", "compare", NEW, BASE)
    assert "removable  g-40 passes by judge:rude now" in back.output


def test_the_home_may_be_given_before_the_subcommand(tmp_path: Path) -> None:
    place = evaluated_home(tmp_path / "home", "pp")
    done = CliRunner().invoke(main, ["evals", "--home", str(place.root), "compare"])
    assert f"{BASE} (production) -> {NEW}" in done.output


def test_junit_has_a_test_case_per_golden_case(tmp_path: Path) -> None:
    place = evaluated_home(tmp_path / "home", "pp", "pf", "p-", "ff", "fp", text=EVIL + "\x00\x1b")
    run(place, "evals", "compare", "--junit", str(tmp_path / "out" / "junit.xml"))
    (suite,) = JUnitXml.fromfile(str(tmp_path / "out" / "junit.xml"))
    results: dict[str, Any] = {case.name: [type(r).__name__ for r in case.result] for case in suite}
    assert results == {"g-0": [], "g-1": ["Failure"], "g-2": ["Error"], "g-3": ["Skipped"], "g-4": []}
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (5, 1, 1, 1)


def test_the_summary_is_appended_and_texts_stay_texts(tmp_path: Path) -> None:
    place = evaluated_home(tmp_path / "home", *["pp"] * 40, "pf", text=f"{EVIL} @team | ![x](http://evil.example)")
    file = tmp_path / "summary.md"
    file.write_text("before\n", "utf-8")
    run(place, "evals", "compare", "--summary", str(file))
    text = file.read_text("utf-8")
    assert text.startswith("before\n### Evals: quality failed")
    for markup in ("<script", "@team", "![", "](", "http://"):
        assert markup not in text
    assert "| broken | `g-40` |" in text


def test_texts_of_users_do_not_steer_the_terminal(tmp_path: Path) -> None:
    done = run(evaluated_home(tmp_path / "home", "pf", text="\x1b[2J\x07"), "evals", "compare")
    assert "\x1b" not in done.output and "\x07" not in done.output


def test_escaped_markdown_keeps_the_words() -> None:
    assert escape("a  b\nc") == "a b c"
    assert escape("1 < 2 | [x](y) @a") == "1 &lt; 2 \\| \\[x\\]\\(y\\) &#64;a"


def test_the_report_is_one_file_that_needs_nothing_else_and_runs_nothing(tmp_path: Path) -> None:
    place = evaluated_home(tmp_path / "home", *["pp"] * 3, "pf", "fp", text=EVIL)
    file = tmp_path / "report.html"
    done = run(place, "report", "--output", str(file))
    assert done.exit_code == 0 and done.output.startswith(f"Wrote {file}: {BASE} (production) -> {NEW}")
    text = file.read_text("utf-8")
    assert "<script" not in text and "<img" not in text and "&lt;script&gt;" in text
    assert "<del>" in text and "<ins>" in text
    assert "http://" not in text.replace("http://www.w3.org", "") and "src=" not in text.replace("src=x", "")
    assert text.count('class="card case"') == 2


def test_a_report_of_production_alone_needs_no_candidate(tmp_path: Path) -> None:
    place = evaluated_home(tmp_path / "home", "pp", "ff")
    place.lake.write("prompt_candidate", [])
    done = run(place, "report", "--output", str(tmp_path / "report.html"))
    assert done.exit_code == 0 and "(production) on 2 cases" in done.output
    assert f"<h1>{BASE} (production)</h1>" in (tmp_path / "report.html").read_text("utf-8")
