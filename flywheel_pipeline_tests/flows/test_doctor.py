"""`flywheel doctor` names what is wrong with a home and what to do, and repairs what can be computed."""

from __future__ import annotations

from pathlib import Path

import pytest

from flywheel_pipeline.adapters.home.files import GOLDEN_FILE, TAXONOMY_FILE
from flywheel_pipeline.flows.doctor import Finding, examine
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.settings import load_settings
from flywheel_pipeline_tests.builders import an_annotation


def bench_of(home: Path, settings: str = "{}") -> Workbench:
    home.mkdir(exist_ok=True)
    (home / "flywheel.yaml").write_text(settings)
    return Workbench(load_settings(home))


def problems(findings: list[Finding]) -> list[str]:
    return [f"{f.area}: {f.text}" for f in findings if not f.ok]


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    bench = bench_of(tmp_path / "home")
    bench.lake.write("annotations", [an_annotation()])
    return bench


def test_a_new_home_is_in_order(bench: Workbench) -> None:
    findings = examine(bench)
    assert problems(findings) == []
    assert {f.area for f in findings} == {"storage", "files", "tables", "models"}


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        (GOLDEN_FILE, b'{"a": 1}\nbroken\n', "line 2 is not JSON"),
        (GOLDEN_FILE, b'["a"]\n', "line 1 must be a JSON object"),
        (GOLDEN_FILE, b'{"a": "\xff"}\n', "is not UTF-8"),
        (TAXONOMY_FILE, b"a: [", "is not valid YAML"),
        (TAXONOMY_FILE, b"\xff\xfe", "is not valid YAML"),
        ("prompts/versions/x.json", b"{", "is not valid JSON"),
        ("samples/b.jsonl", b"{}\n{", "line 2 is not JSON"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(bench: Workbench, name: str, content: bytes, named: str) -> None:
    path = bench.settings.home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    (problem,) = problems(examine(bench))
    assert named in problem and str(path) in problem


def test_damaged_tables_are_named_then_set_aside(bench: Workbench) -> None:
    path = bench.lake.root / "annotations" / "all.parquet"
    path.write_bytes(b"no Parquet")
    (problem,) = problems(examine(bench))
    assert "all.parquet is damaged" in problem and "flywheel doctor --repair" in problem
    assert problems(examine(bench, repair=True)) == []
    assert not path.exists() and problems(examine(bench)) == []
    assert bench.lake.frame("select * from annotations").empty


def test_a_table_that_this_user_may_not_read_is_not_set_aside(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    for repair in (False, True):
        (problem,) = problems(examine(bench, repair=repair))
        assert "all.parquet cannot be read by this user" in problem
    assert (bench.lake.root / "annotations" / "all.parquet").exists()


def test_a_model_that_cannot_be_asked_is_a_problem(tmp_path: Path) -> None:
    bench = bench_of(
        tmp_path / "home",
        "{models: {judge: {model: openai/x, api_base: 'http://127.0.0.1:9', price: {input: 0, output: 0}}}}",
    )
    (problem,) = problems(examine(bench))
    assert problem.startswith("models: judge: ") and "nothing answers at http://127.0.0.1:9" in problem
    assert problems(examine(bench, ask_models=False)) == []


def test_a_home_that_cannot_be_written_to_is_a_problem(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    (problem,) = problems(examine(bench))
    assert "cannot be written to (Read-only file system)" in problem
