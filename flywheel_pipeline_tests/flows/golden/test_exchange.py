"""`flywheel golden export` and `import`: what they tell, write and leave alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from flywheel_pipeline.cli import main
from flywheel_pipeline.records import FailureAssignment, GoldenCase
from flywheel_pipeline.steps.golden import dump_case, load_cases, retirement, version_of
from flywheel_pipeline.steps.golden.exchange import FORMATS
from flywheel_pipeline_tests.builders import a_mode
from flywheel_pipeline_tests.homes import Place, a_home
from flywheel_pipeline_tests.steps.golden.exchange.cases import a_real_case

FILE = "golden/golden_set.jsonl"
CASES = [
    a_real_case(input="Is there a discount?", split="train", family="f-9", source_trace_id="t1"),
    a_real_case(input="Is it open?", kind="happy_path", reference="Till six.", criteria=None, mode_id=None,
                split="train", family="f-9", source_trace_id="t1"),
    a_real_case(input="Where is it?", kind="synthetic", split="test", family="f-1", source_trace_id="t2"),
]  # fmt: skip


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return a_home(tmp_path / "home")


@pytest.fixture
def filled(place: Place) -> Place:
    put(place, CASES)
    return place


def put(place: Place, cases: list[GoldenCase]) -> None:
    place.append(FILE, [dump_case(c) for c in cases])


def kept(place: Place) -> list[GoldenCase]:
    return load_cases(place.lines(FILE))


def golden(place: Place, *words: Any) -> str:
    done = CliRunner().invoke(main, ["golden", words[0], "--home", str(place.root), *map(str, words[1:])])
    assert done.exit_code == 0, done.output
    return done.output


def refused(place: Place, *words: Any) -> str:
    done = CliRunner().invoke(main, ["golden", words[0], "--home", str(place.root), *map(str, words[1:])])
    assert done.exit_code == 1 and "Traceback" not in done.output, done.output
    return done.output


@pytest.mark.parametrize("form", [f.name for f in FORMATS if f.name != "openai-finetune"])
def test_a_golden_set_moves_to_another_home_through_every_format(filled: Place, tmp_path: Path, form: Any) -> None:
    container = next(f.container for f in FORMATS if f.name == form)
    file = tmp_path / f"golden.{container}"
    said = golden(filled, "export", "--format", form, file)
    assert "3 of 3 cases are written" in said and "nothing is lost" in said
    other = a_home(tmp_path / "other")
    reported = golden(other, "import", file)
    source = kept(other)[0].added_in
    assert (
        "added      3 cases (2 train, 0 dev, 1 test)" in reported
        and source in reported
        and source.startswith("import:")
    )
    as_they_were = [GoldenCase(**{**vars(c), "added_in": "v1"}) for c in kept(other)]
    assert as_they_were == CASES
    assert "added      0 cases" in golden(other, "import", file) and "known      3 cases" in golden(
        other, "import", file
    )


def test_an_import_adds_lines_and_changes_none(filled: Place, tmp_path: Path) -> None:
    before = (filled.root / FILE).read_bytes()
    (tmp_path / "x.jsonl").write_text('{"question": "Do you ship?", "answer": "Yes."}\n')
    golden(filled, "import", tmp_path / "x.jsonl")
    assert (filled.root / FILE).read_bytes().startswith(before)
    assert len(kept(filled)) == len(CASES) + 1 and kept(filled)[-1].kind == "synthetic"
    (tmp_path / "y.jsonl").write_text('{"question": "Who are you?", "answer": "Fern."}\n')
    golden(filled, "import", "--kind", "happy_path", tmp_path / "y.jsonl")
    assert kept(filled)[-1].kind == "happy_path"


def test_rows_that_cannot_be_used_are_reported_counted_and_in_the_table_until_the_file_is_corrected(
    place: Place, tmp_path: Path
) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text('{"question": "Do you ship?"}\n{"question": \n{"colour": "red"}\n')
    said = golden(place, "import", "--report", tmp_path / "r.json", file)
    assert "rejected   1 rows" in said and "line 2: not valid JSON" in said and "added      2 cases" in said
    report = json.loads((tmp_path / "r.json").read_text())
    assert [(r["line"], r["reason"][:14]) for r in report["rejected"]] == [(2, "not valid JSON")]
    assert report["added"] == [c.case_id for c in kept(place)]
    query = "select source, file, line from rejects"
    assert place.lake.frame(query).values.tolist() == [["golden", "x.jsonl", 2]]
    file.write_text('{"question": "Do you ship?"}\n')
    golden(place, "import", file)
    assert len(place.lake.frame(query)) == 0


def test_an_import_of_which_nothing_can_be_used_fails_with_the_reason(place: Place, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('[{"colour": "red"}]')
    assert "no case could be read. line 1: of no known format" in refused(place, "import", tmp_path / "x.json")
    assert not (place.root / FILE).exists()


def test_what_an_import_does_not_keep_or_change_is_reported(filled: Place, tmp_path: Path) -> None:
    items = [
        {"datasetName": "d", "input": "Is it open?", "expectedOutput": "Till seven.", "metadata": {"topic": "hours"}},
        {"datasetName": "d", "input": "Is it shut?"},
    ]
    (tmp_path / "x.json").write_text(json.dumps(items))
    said = golden(filled, "import", tmp_path / "x.json")
    assert f"unchanged: line 1, {CASES[1].case_id}, says something else in reference" in said
    assert "not kept: metadata.topic of 1 rows" in said and "added      1 cases" in said


def test_personal_data_is_taken_out_of_what_is_imported(place: Place, tmp_path: Path) -> None:
    ask = [{"role": "user", "content": "I am ann@example.org, write to ann@example.org"}]
    (tmp_path / "x.jsonl").write_text(json.dumps({"messages": ask, "reference": "I wrote to ann@example.org."}) + "\n")
    golden(place, "import", tmp_path / "x.jsonl")
    text = (place.root / FILE).read_text()
    assert "ann@" not in text and text.count("<EMAIL_1>") == 5 and "<EMAIL_2>" not in text


def test_what_is_set_aside_holds_no_personal_data_and_nothing_that_a_terminal_obeys(
    place: Place, tmp_path: Path
) -> None:
    (tmp_path / "x.jsonl").write_text('{"input": "a", "\\u001b[2Jk": 1}\n{"input": "ann@example.org", "tags": \n')
    said = golden(place, "import", tmp_path / "x.jsonl")
    assert "\x1b" not in said and "not kept: �[2Jk of 1 rows" in said
    assert place.one("select excerpt from rejects") == '{"input": "<EMAIL_1>", "tags": '


def test_a_split_and_a_kind_are_chosen_and_test_cases_are_warned_about(filled: Place, tmp_path: Path) -> None:
    file, report = tmp_path / "x.jsonl", tmp_path / "r.json"
    said = golden(filled, "export", "--format", "jsonl", "--split", "train", "--kind", "happy_path", file)
    assert "1 of 1 cases are written" in said and "test split" not in said
    assert json.loads(file.read_text())["case_id"] == CASES[1].case_id
    said = golden(filled, "export", "--format", "langsmith", "--report", report, file)
    assert "1 cases are of the test split" in said
    assert json.loads(report.read_text())["where"]["reference"] == "outputs.answer"


def test_fine_tuning_gets_answered_cases_of_the_train_split_only(filled: Place, tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    said = golden(filled, "export", "--format", "openai-finetune", file)
    assert "left out: 1 cases of the test split, on which nothing may ever be trained" in said
    assert "Till six." in file.read_text() and "Where is it" not in file.read_text()
    again = refused(filled, "export", "--format", "openai-finetune", "--split", "test", tmp_path / "y.jsonl")
    assert "1 are of the test split, on which nothing may ever be trained" in again
    assert not (tmp_path / "y.jsonl").exists()


def test_a_case_is_exported_in_the_mode_that_the_taxonomy_gives_it_now(filled: Place, tmp_path: Path) -> None:
    filled.lake.write("failure_taxonomy", [a_mode(mode_id="fm-2")])
    filled.lake.write("failure_assignments", [FailureAssignment("t1", "fm-2", "HUMAN", 1.0, "x", "")])
    golden(filled, "export", "--format", "jsonl", tmp_path / "x.jsonl")
    modes = [json.loads(line)["mode_id"] for line in (tmp_path / "x.jsonl").read_text().splitlines()]
    assert modes == ["fm-2", None, None]


def test_a_retired_case_is_not_exported_and_a_pinned_version_is(filled: Place, tmp_path: Path) -> None:
    rows = filled.lines(FILE)
    before = version_of(load_cases(rows))
    filled.append(FILE, retirement(rows, CASES[0].case_id, "old", "2025-06-02"))
    assert "2 of 2 cases are written" in golden(filled, "export", "--format", "jsonl", tmp_path / "x.jsonl")
    (filled.root / "flywheel.yaml").write_text(f"golden: {{version: {before}}}\n")
    assert "3 of 3 cases are written" in golden(filled, "export", "--format", "jsonl", tmp_path / "x.jsonl")


def test_what_cannot_be_drawn_says_why(place: Place, tmp_path: Path) -> None:
    assert "there are: promptfoo, promptfoo-csv, agenta" in refused(place, "export", "--format", "x", tmp_path / "a")
    assert f"`flywheel run --home {place.root}` adds to it" in refused(
        place, "export", "--format", "csv", tmp_path / "a"
    )
    (tmp_path / "x.jsonl").write_text("{}")
    assert "There is no format 'x'" in refused(place, "import", "--format", "x", tmp_path / "x.jsonl")
    nowhere = Place(tmp_path / "nowhere")
    assert "flywheel init" in refused(nowhere, "import", tmp_path / "x.jsonl")
    put(place, CASES)
    before = (place.root / FILE).read_bytes()
    assert "append-only" in refused(place, "export", "--format", "jsonl", place.root / FILE)
    assert (place.root / FILE).read_bytes() == before
    assert not list(tmp_path.glob("a*")) and not nowhere.root.exists()
