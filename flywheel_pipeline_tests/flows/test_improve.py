"""What the gate of a home decides from: the expert's labels of flipped cases, read strictly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flywheel_pipeline.adapters.home.files import FLIP_LABELS_FILE
from flywheel_pipeline.errors import CorruptFileError
from flywheel_pipeline.flows.improve import flip_labels
from flywheel_pipeline_tests.builders import a_prompt
from flywheel_pipeline_tests.homes import Place

BASE = a_prompt("Base prompt.")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "home").mkdir()
    return Place(tmp_path / "home")


def a_label(**changes: Any) -> dict[str, Any]:
    return {"base": BASE.version, "candidate": "c1", "case_id": "g-1", "before": "fail", "after": "pass", **changes}


def write(place: Place, *rows: dict[str, Any]) -> None:
    place.bench.home.append_only(FLIP_LABELS_FILE).extend(lambda _: list(rows))


def test_labels_are_by_candidate_and_the_last_counts(place: Place) -> None:
    write(place, a_label(), a_label(case_id="g-2", after="fail"), a_label(candidate="c2"), a_label(after="fail"))
    assert flip_labels(place.bench, BASE) == {
        "c1": {"g-1": (False, False), "g-2": (False, False)}, "c2": {"g-1": (False, True)},
    }  # fmt: skip


def test_labels_of_answers_under_another_production_prompt_do_not_count(place: Place) -> None:
    write(place, a_label(base="older"))
    assert flip_labels(place.bench, BASE) == {}


@pytest.mark.parametrize("change", [{"after": "unsure"}, {"before": None}, {"case_id": 3}, {"candidate": None}])
def test_a_label_that_is_not_understood_is_an_error_with_its_line(place: Place, change: dict[str, Any]) -> None:
    write(place, a_label(), a_label(**change))
    with pytest.raises(CorruptFileError, match=r"flip_labels.jsonl, line 2"):
        flip_labels(place.bench, BASE)
