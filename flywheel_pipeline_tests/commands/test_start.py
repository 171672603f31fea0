"""`flywheel start`: one command from an export to the browser."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from flywheel_pipeline.cli import main
from flywheel_pipeline_tests.homes import some_traces


def start(home: Path, file: Path) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["start", "--home", str(home), "--no-serve", str(file)])
    return done.exit_code, done.output


def test_a_home_is_made_and_the_first_batch_drawn(tmp_path: Path) -> None:
    export = tmp_path / "chats.jsonl"
    export.write_text("".join(json.dumps(row) + "\n" for row in some_traces(30)))
    code, output = start(tmp_path / "new", export)
    assert code == 0 and "30 traces from 30 rows" in output and "20 traces to label" in output
    assert f"`flywheel run --home {tmp_path / 'new'}`" in output and (tmp_path / "new" / "flywheel.yaml").exists()


def test_the_home_of_the_demo_and_a_missing_file_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    code, output = start(tmp_path / "new", tmp_path / "gone.jsonl")
    assert code == 1 and "There is no file" in output and not (tmp_path / "new").exists()
    demo = tmp_path / "demo"
    demo.mkdir()
    (demo / "flywheel.yaml").write_text("app: {name: fernwater-support}")
    (tmp_path / "a.jsonl").write_text("{}")
    code, output = start(demo, tmp_path / "a.jsonl")
    assert code == 1 and "is the home of the demo" in output and not (demo / "traces").exists()
