"""A batch that is written and read again holds the same verdicts, whatever the format."""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.names import clean_name
from flywheel_pipeline.records import Annotation, Json
from flywheel_pipeline.steps.annotate import LabelFile, read_labels, resolve_labels
from flywheel_pipeline.steps.annotate.sources import HUMAN, kind_of_name
from flywheel_pipeline.steps.annotate.words import is_blank
from flywheel_pipeline.steps.annotate.write import (
    FORMATS,
    LABEL_STUDIO_CONFIG,
    ToLabel,
    cut,
    readable,
    write_labels,
)
from flywheel_pipeline.steps.annotate.xlsx import WorkbookError
from flywheel_pipeline_tests.builders import a_conversation, an_annotation
from flywheel_pipeline_tests.steps.annotate.counting import count_rows

NOW = datetime(2025, 6, 10, 9)
FILES = ("csv", "xlsx", "jsonl")


def to_label(label: Annotation | None = None, **changes: Any) -> ToLabel:
    values = {
        "trace_id": label.trace_id if label else "t1", "input": "=1+1", "output": "@x",
        "messages": tuple(a_conversation("=1+1", "@x")), "why_sampled": "thumbs down", "label": label,
    }  # fmt: skip
    return ToLabel(**{**values, **changes})


def back(form: str, *rows: ToLabel) -> LabelFile:
    data = write_labels(rows, form, NOW, "mira")
    found = read_labels(f"b{FORMATS[form]}", data)
    assert found.n_rows == count_rows(f"b{FORMATS[form]}", data) == len(rows)
    assert found.notes == ()
    return found


def same(a: Annotation) -> Annotation:
    """The annotation without where it was read and whether it counts."""
    return replace(a, batch="", source_file="", source_version="", source_line=1, is_current=False)


texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=8) | st.sampled_from(
    [
        "=1+1",
        "'=1",
        "-",
        "_x000D_",
        "a\r\nb",
        "\x01",
        '"quoted", yes;\tno',
        "ＳＵＭ",
        "007",
        "1e5",
        "TRUE",
        "2025-06-02",
        "1,5",
        "\u2028x",
        "👩‍🌾 שלום",
        "{}",
        "[1]",
        "+49 170",
        "@SUM(A1)",
        "null",
        "x" * 500,
    ]
)
said = texts.map(str.strip).filter(lambda t: not is_blank(t))
people = said.map(clean_name).filter(lambda name: bool(name) and not is_blank(name) and kind_of_name(name) == HUMAN)
names = said.filter(lambda t: len(t) <= 100)
moments = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1))
drawn = st.builds(
    an_annotation, trace_id=said, annotator=people, verdict=st.sampled_from(["pass", "fail", "defer"]), code=said,
    comment=st.none() | said, category=st.none() | said, first_failure_step=st.none() | st.integers(0, 99),
    severity=st.none() | said, rubric_version=st.none() | said, is_repeat=st.booleans(),
    labelled_at=st.none() | moments,
    extra=st.dictionaries(names, said | st.integers(0, 99) | st.booleans(), max_size=2).map(
        lambda d: Json(json.dumps(d, ensure_ascii=False))
    ),
)  # fmt: skip


@pytest.mark.parametrize("form", FILES)
@settings(max_examples=60)
@given(labels=st.lists(drawn, min_size=1, max_size=4))
def test_what_is_exported_and_read_again_is_identical(form: Any, labels: Any) -> None:
    found = back(form, *map(to_label, labels))
    assert found.rejects == ()
    assert [same(a) for a in found.annotations] == [same(a) for a in labels]


@settings(max_examples=60)
@given(labels=st.lists(drawn, min_size=1, max_size=3))
def test_what_is_taken_over_in_label_studio_is_identical(labels: Any) -> None:
    tasks = json.loads(write_labels([to_label(a) for a in labels], "label-studio", NOW, "mira"))
    for task, label in zip(tasks, labels, strict=True):
        (prediction,) = task.pop("predictions")
        task["annotations"] = [{"result": prediction["result"], "completed_by": {"email": label.annotator}}]
    found = read_labels("b.json", json.dumps(tasks).encode())
    kept = ("trace_id", "verdict", "code", "comment", "first_failure_step", "annotator")
    assert found.rejects == ()
    assert [[getattr(a, k) for k in kept] for a in found.annotations] == [[getattr(a, k) for k in kept] for a in labels]


@pytest.mark.parametrize("form", FILES)
def test_the_longest_text_that_a_cell_can_hold_comes_back_whole(form: Any) -> None:
    label = an_annotation(comment="ü" * 32_767)
    (found,) = back(form, to_label(label)).annotations
    assert found.comment == label.comment


def test_a_text_that_no_cell_of_excel_can_hold_is_refused_and_not_cut() -> None:
    label = an_annotation(comment="x" * 32_768)
    with pytest.raises(WorkbookError, match="32768 characters is too long for a cell of Excel: use another format"):
        write_labels([to_label(label)], "xlsx", NOW, "mira")
    assert back("csv", to_label(label)).annotations[0].comment == label.comment


@pytest.mark.parametrize("form", FORMATS)
def test_rows_that_nobody_fills_in_are_no_rejects(form: Any) -> None:
    found = back(form, to_label(), to_label(trace_id="t2"))
    assert (found.annotations, found.rejects, found.n_unlabelled) == ((), (), 2)


def test_no_cell_of_a_spreadsheet_is_a_formula_and_excel_knows_the_encoding() -> None:
    data = write_labels([to_label()], "csv", NOW, "=mira")
    assert data.startswith(b"\xef\xbb\xbf")
    cells = [c for row in csv.reader(io.StringIO(data.decode("utf-8-sig"))) for c in row]
    assert "'=1+1" in cells and "'=mira" in cells and not [c for c in cells if c[:1] in tuple("=+-@")]


def filled_in(form: str, row: ToLabel, **changes: str) -> LabelFile:
    """The file as it comes back after a person changed some of its cells."""
    data = write_labels([row], form, NOW, "mira")
    (cells,) = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    out = io.StringIO()
    writer = csv.DictWriter(out, [*cells])
    writer.writeheader()
    writer.writerow({**cells, **changes})
    return read_labels("back.csv", out.getvalue().encode())


@pytest.mark.parametrize("before", [None, datetime(2025, 6, 1)])
def test_a_verdict_that_is_changed_in_an_exported_file_counts_over_the_one_it_corrects(before: Any) -> None:
    old = an_annotation(verdict="pass", code=None, comment=None, annotator="mira", labelled_at=before)
    changed = filled_in("csv", to_label(old), verdict="fail", comment="It made that up.")
    (new,) = changed.annotations
    assert (new.verdict, new.corrects, new.labelled_at) == ("fail", "pass", NOW)
    labels = resolve_labels([LabelFile("b.csv", (old,), ()), changed], ["t1"], "expert")
    assert [a.verdict for a in labels.annotations if a.is_current] == ["fail"]


def test_a_verdict_that_is_filled_in_has_the_annotator_it_was_exported_for_and_no_invented_time() -> None:
    (new,) = filled_in("csv", to_label(), verdict="fail", comment="wrong").annotations
    assert (new.annotator, new.labelled_at, new.corrects, new.extra) == ("mira", None, None, "{}")


def test_a_conversation_is_plain_text_with_numbered_messages_and_tool_calls() -> None:
    call = {"function": {"name": "find", "arguments": '{"q": "hub"}'}}
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "Hi"}, {"role": "assistant", "content": None, "tool_calls": [call]},
    ]  # fmt: skip
    assert readable(messages) == '[0] USER\nHi\n\n[1] ASSISTANT\ncalls find({"q": "hub"})'


@pytest.mark.parametrize("form", FORMATS)
def test_very_long_conversations_are_cut_with_a_mark(form: Any) -> None:
    row = to_label(output="x" * 2_000_000, messages=({"role": "user", "content": "y" * 2_000_000},))
    assert back(form, row).n_unlabelled == 1
    assert "characters left out" in cut("x" * 1000, 100) and len(cut("x" * 1000, 100)) <= 100


def test_tasks_of_label_studio_fit_the_labelling_config() -> None:
    label = an_annotation(verdict="fail", code="made up", comment="No.")
    (task,) = json.loads(write_labels([to_label(label)], "label-studio", NOW, "mira"))
    view = ET.fromstring(LABEL_STUDIO_CONFIG)
    shown = {e.attrib["value"][1:] for e in view.iter() if e.attrib.get("value", "").startswith("$")}
    assert shown <= set(task["data"])
    names = {e.attrib["name"]: e.tag for e in view.iter() if "toName" in e.attrib}
    assert names == {
        "verdict": "Choices", "comment": "TextArea", "code": "TextArea", "first_failure_step": "Number",
    }  # fmt: skip
    (prediction,) = task["predictions"]
    assert {r["from_name"] for r in prediction["result"]} <= set(names)
    task["annotations"] = [{"result": prediction["result"], "completed_by": 1, "created_at": "2025-06-11T00:00:00Z"}]
    (found,) = read_labels("b.json", json.dumps([task]).encode()).annotations
    assert (found.trace_id, found.verdict, found.code, found.comment) == ("t1", "fail", "made up", "No.")
