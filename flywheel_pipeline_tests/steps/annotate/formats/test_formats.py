"""All formats: whatever is exchanged in an export, nothing stops the reader and every row is accounted for."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.steps.annotate import read_labels
from flywheel_pipeline.steps.annotate.formats import FORMATS
from flywheel_pipeline_tests.steps.annotate.formats.exports import (
    a_choice,
    a_langfuse_score,
    a_langsmith_feedback,
    a_phoenix_annotation,
    a_text,
    an_argilla_record,
    an_ls_annotation,
    an_ls_task,
    an_mlflow_assessment,
    an_mlflow_trace,
    an_opik_score,
    an_opik_trace,
)

COVERS = ("steps/annotate/formats/__init__.py",)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
ITEMS = {
    "label-studio": an_ls_task(an_ls_annotation(a_choice("fail", turn=3), a_text("x"))),
    "argilla": an_argilla_record(),
    "langfuse": a_langfuse_score(),
    "langsmith": a_langsmith_feedback(),
    "phoenix": a_phoenix_annotation(),
    "mlflow": an_mlflow_trace(an_mlflow_assessment()),
    "opik": an_opik_trace(an_opik_score()),
    "columns": {"trace_id": "t1", "verdict": "pass"},
}


def test_every_item_is_of_its_own_format() -> None:
    assert [f.NAME for f in FORMATS] == list(ITEMS)
    assert {name: next(f.NAME for f in FORMATS if f.recognises(item)) for name, item in ITEMS.items()} == {
        n: n for n in ITEMS
    }


@settings(max_examples=400)
@given(st.sampled_from(list(ITEMS.values())), st.data())
def test_no_export_with_a_part_exchanged_stops_the_reader_or_loses_a_row(
    item: dict[str, object], data: st.DataObject
) -> None:
    changed = json.loads(json.dumps(item))
    here = changed
    for _ in range(data.draw(st.integers(0, 4))):
        inner = [v for v in (here.values() if isinstance(here, dict) else here) if isinstance(v, dict | list) and v]
        here = data.draw(st.sampled_from(inner)) if inner else here
    key = data.draw(st.sampled_from(sorted(here) if isinstance(here, dict) else range(len(here))))
    here[key] = data.draw(anything)
    found = read_labels("export.json", json.dumps([changed]).encode())
    parts = (found.annotations, found.scores, found.rejects)
    assert found.n_rows == sum(map(len, parts)) + found.n_unlabelled + found.n_joined > 0


def test_a_file_may_hold_items_of_several_formats() -> None:
    found = read_labels("export.json", json.dumps(list(ITEMS.values())).encode())
    assert len(found.annotations) == len(ITEMS) + 1  # two people answered the record of Argilla
