"""The outcome of a check is shown again exactly as long as nothing that it depends on has changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flywheel_pipeline.adapters.quality import Outcome, expectations, kept, run_where_changed

WANTED = [e for e in expectations("annotations") if e.column in ("trace_id", "verdict")]


class Judge:
    """Counts how often a table is judged, and finds nothing."""

    def __init__(self, problem: str | None = None) -> None:
        self.n, self.problem = 0, problem

    def __call__(self, query: object, name: str, wanted: list[Any]) -> list[Outcome]:
        self.n += 1
        return [Outcome(e.name, True, self.n, 0, ("x (1 times)",), self.problem) for e in wanted]


def _no_query(sql: str, params: object) -> pd.DataFrame:
    raise AssertionError(sql)


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> Judge:
    found = Judge()
    monkeypatch.setattr(kept, "run_on_table", found)
    return found


def run(folder: Path, rows: str = "1", referred: str = "1", n: int = len(WANTED)) -> list[Outcome]:
    digests = {"annotations": rows, "raw_traces": referred}
    return run_where_changed(folder, digests.__getitem__, _no_query, "annotations", WANTED[:n])


def test_an_unchanged_table_is_judged_once(tmp_path: Path, judge: Judge) -> None:
    assert run(tmp_path) == run(tmp_path)
    assert judge.n == 1


@pytest.mark.parametrize("change", [{"rows": "2"}, {"referred": "2"}, {"n": 1}])
def test_a_change_of_rows_of_what_they_refer_to_or_of_the_expectations_is_judged(
    tmp_path: Path, judge: Judge, change: dict[str, Any]
) -> None:
    run(tmp_path)
    assert [o.n_rows for o in run(tmp_path, **change)] == [2] * change.get("n", len(WANTED))
    run(tmp_path)  # the change undone is a change, too: only the last outcome is kept
    assert judge.n == 3


def test_a_new_version_of_the_library_judges_again(
    tmp_path: Path, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path)
    monkeypatch.setattr(kept, "version", lambda library: "99")
    run(tmp_path)
    assert judge.n == 2


def test_a_check_that_could_not_be_carried_out_is_not_kept(tmp_path: Path, judge: Judge) -> None:
    judge.problem = "out of memory"
    run(tmp_path)
    run(tmp_path)
    assert judge.n == 2


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"key": 1}', "null"])
def test_a_damaged_file_is_judged_again(tmp_path: Path, judge: Judge, damage: str) -> None:
    run(tmp_path)
    (tmp_path / "annotations.json").write_text(damage)
    run(tmp_path)
    run(tmp_path)
    assert judge.n == 2
