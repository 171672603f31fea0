"""The command line: every command documented, errors without tracebacks."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flywheel_pipeline.adapters.registry import Registry
from flywheel_pipeline.cli import main
from flywheel_pipeline.flywheel import Flywheel
from flywheel_pipeline.records import PromptVersion
from flywheel_pipeline.steps.annotate import read_labels
from flywheel_pipeline_tests.builders import a_candidate, a_mode, a_prompt, a_sampled_trace, a_trace
from flywheel_pipeline_tests.conftest import REPO
from flywheel_pipeline_tests.homes import Place, a_home, some_traces

COVERS = (
    "commands/annotate.py",
    "commands/dagster_runs.py",
    "commands/home.py",
    "commands/sample.py",
)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return a_home(tmp_path / "home")


def flywheel(place: Place, *words: str) -> Result:
    return CliRunner().invoke(main, [words[0], "--home", str(place.root), *words[1:]])


def test_every_command_is_in_the_readme() -> None:
    chapters = (REPO / "flywheel_pipeline").rglob("README.md")
    readme = "\n".join(page.read_text("utf-8") for page in (REPO / "README.md", *chapters))
    assert [name for name in main.commands if f"flywheel {name}" not in readme] == []


def test_init_makes_a_home_and_overwrites_nothing(tmp_path: Path) -> None:
    home = tmp_path / "data"
    assert CliRunner().invoke(main, ["init", str(home)]).exit_code == 0
    (home / "flywheel.yaml").write_text("app: {name: mine}")
    assert CliRunner().invoke(main, ["init", str(home)]).exit_code == 0
    assert (home / "flywheel.yaml").read_text() == "app: {name: mine}"
    assert (home / "traces").is_dir() and "/lake/" in (home / ".gitignore").read_text()


def test_run_turns_the_flywheel_and_tells_what_it_found(place: Place) -> None:
    place.put_traces("a.jsonl", *some_traces(3))
    done = flywheel(place, "run")
    assert done.exit_code == 0, done.output
    assert "captured   3 traces from 1 file, 0 rows rejected" in done.output
    assert "no golden cases yet" in done.output


def test_run_without_a_home_says_how_to_make_one_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["run", "--home", str(tmp_path / "nowhere")])
    assert done.exit_code == 1 and "flywheel init" in done.output
    assert not (tmp_path / "nowhere").exists()


def test_dev_without_a_home_says_how_to_make_one_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["dev", "--home", str(tmp_path / "nowhere")])
    assert done.exit_code == 1 and "flywheel init" in done.output
    assert not (tmp_path / "nowhere").exists()


def test_run_without_a_system_prompt_says_what_to_do(place: Place) -> None:
    (trace,) = some_traces(1)
    place.put_traces("a.jsonl", {**trace, "messages": trace["messages"][1:]})
    done = flywheel(place, "run")
    assert done.exit_code == 1
    assert "stopped by No prompt is registered" in done.output and "Traceback" not in done.output


def test_a_wrong_setting_names_the_key_and_the_allowed_ones(place: Place) -> None:
    (place.root / "flywheel.yaml").write_text("sample: {sizes: 5}")
    done = flywheel(place, "run")
    assert done.exit_code == 1
    assert "sample.sizes: unknown key" in done.output and "size, window_days" in done.output
    assert "Traceback" not in done.output


def test_sql_prints_a_table_json_or_csv(place: Place) -> None:
    place.lake.write("raw_traces", [a_trace(trace_id="t1", output='say "hi", ok')], part="2025-06-02")
    query = "select trace_id, output from raw_traces"
    assert "(1 rows)" in flywheel(place, "sql", query).output
    assert json.loads(flywheel(place, "sql", query, "--format", "json").output) == [
        {"trace_id": "t1", "output": 'say "hi", ok'}
    ]
    assert flywheel(place, "sql", query, "--format", "csv").output == 'trace_id,output\nt1,"say ""hi"", ok"\n'
    wrong = flywheel(place, "sql", "select nothing from nowhere")
    assert wrong.exit_code == 1 and "Tables: " in wrong.output and "Traceback" not in wrong.output


def test_a_prompt_is_set_promoted_and_rolled_back(place: Place, tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("You are kind.")
    assert flywheel(place, "prompt", str(tmp_path / "p.txt")).exit_code == 0
    registry = Registry(place.root / "prompts")
    base = registry.production()
    assert base is not None and base.text == "You are kind."
    better = PromptVersion.of("system", "You are kind and brief.", base.version, "")
    registry.add(better)
    place.lake.write("prompt_candidate", [a_candidate(candidate_id=better.version, base_version=base.version)])
    assert flywheel(place, "promote").exit_code == 0
    assert registry.production() == better
    assert base.version in flywheel(place, "rollback").output
    assert registry.production() == base


def a_batch(place: Place, batch: str, *days: int) -> None:
    traces = [a_trace(trace_id=f"{batch}-{d}", started_at=datetime(2025, 6, d)) for d in days]
    place.lake.write("raw_traces", traces, part=batch)
    place.lake.write("sampled_traces", [a_sampled_trace(batch=batch, trace_id=t.trace_id) for t in traces], part=batch)


@pytest.mark.parametrize("form", ["csv", "xlsx", "jsonl", "label-studio"])
def test_a_batch_is_written_to_be_labelled_and_read_as_not_filled_in(place: Place, tmp_path: Path, form: str) -> None:
    a_batch(place, "old", 1, 2)
    a_batch(place, "new", 3, 4, 5)
    ending = {"label-studio": ".json"}.get(form, f".{form}")
    for batch, n in (("old", 2), (None, 3)):
        file = tmp_path / f"{batch}{ending}"
        words = ["labels", "export", "--home", str(place.root), "--format", form, str(file)]
        done = CliRunner().invoke(main, [*words, *(["--batch", batch] if batch else [])])
        assert done.exit_code == 0 and f"{n} traces to label, 0 of them labelled" in done.output, done.output
        assert read_labels(file.name, file.read_bytes()).n_unlabelled == n


def test_an_export_that_cannot_be_says_why(place: Place, tmp_path: Path) -> None:
    def export(*words: str) -> str:
        done = CliRunner().invoke(main, ["labels", "export", "--home", str(place.root), *words])
        assert done.exit_code == 1 and "Traceback" not in done.output
        return done.output

    assert f"`flywheel run --home {place.root}` draws one" in export()
    a_batch(place, "old", 1)
    assert "there are: old" in export("--batch", "none")
    assert "must end in .xlsx" in export("--format", "xlsx", str(tmp_path / "a.csv"))
    assert not list(tmp_path.glob("a.*"))
    assert CliRunner().invoke(main, ["labels", "config"]).output.startswith("<View>")


def test_promote_refuses_what_the_gate_refused(place: Place) -> None:
    registry = Registry(place.root / "prompts")
    prompt = a_prompt()
    registry.add(prompt)
    registry.promote(prompt.version)
    refused = a_candidate(candidate_id="bad1", base_version=prompt.version, decision="reject", reason="breaks things")
    place.lake.write("prompt_candidate", [refused])
    done = flywheel(place, "promote", "bad1")
    assert done.exit_code == 1 and "breaks things" in done.output
    assert registry.production() == prompt


def test_demo_does_not_touch_somebody_elses_home(place: Place) -> None:
    done = flywheel(place, "demo")
    assert done.exit_code == 1 and "is the home of 'app'" in done.output
    assert not list((place.root / "traces").iterdir())


def test_settings_prints_every_value_with_defaults(place: Place) -> None:
    place.lake.write("failure_taxonomy", [a_mode()])
    done = flywheel(place, "settings")
    assert "window_days: 7" in done.output and "model: offline/judge" in done.output


def test_settings_of_a_home_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["settings", "--home", str(tmp_path / "typo")])
    assert done.exit_code == 1 and "There is no flywheel home at" in done.output and "window_days" not in done.output


def test_sample_draws_a_batch_by_hand_and_says_what_is_in_it(place: Place) -> None:
    place.put_traces("a.jsonl", *some_traces(30))
    for step in ("capture", "sample"):
        Flywheel(place.root).run(step)
    done = flywheel(place, "sample", "--size", "5", "--seed", "9", "--strata", "source_format, app")
    assert done.exit_code == 0, done.output
    assert "5 of " in done.output and "traces to label: samples/" in done.output
    assert "Keep labelling: " in done.output
    assert len(list((place.root / "samples").iterdir())) == 2


def test_sample_says_what_is_wrong(place: Place, tmp_path: Path) -> None:
    place.put_traces("a.jsonl", *some_traces(3))
    assert flywheel(place, "run").exit_code == 0
    assert "'June' is not a day" in flywheel(place, "sample", "--since", "June").output
    assert "has a column or a tag 'colour'" in flywheel(place, "sample", "--strata", "colour").output
    assert "No traces" in flywheel(place, "sample", "--since", "2031-01-01", "--until", "2031-01-02").output
    nowhere = CliRunner().invoke(main, ["sample", "--home", str(tmp_path / "nowhere")])
    assert nowhere.exit_code == 1 and "flywheel init" in nowhere.output
