"""Saved views: names for filters, in a file that a team shares."""

from __future__ import annotations

from pathlib import Path

import pytest

from flywheel_pipeline.errors import CorruptFileError, EditError
from flywheel_pipeline.flows.traces.views import list_views, save_view
from flywheel_pipeline_tests.homes import Place, a_home


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return a_home(tmp_path / "home")


def test_a_view_is_saved_changed_and_deleted(place: Place) -> None:
    assert list_views(place.bench) == {}
    save_view(place.bench, " Bad  answers ", "?feedback=negative&words=a+b%26c&app=")
    assert list_views(place.bench) == {"Bad answers": "feedback=negative&words=a+b%26c"}
    save_view(place.bench, "Late", "latency=5")
    assert save_view(place.bench, "Bad answers", "verdict=fail") == {"Late": "latency=5", "Bad answers": "verdict=fail"}
    assert save_view(place.bench, "Late", "") == {"Bad answers": "verdict=fail"}
    assert (place.root / "views.yaml").read_text().startswith("# Views of the page /traces/")


@pytest.mark.parametrize(
    ("name", "query", "message"),
    [("", "verdict=fail", "Name the view"), ("x" * 81, "verdict=fail", "Name the view"), ("v", "a=b", "no filter 'a'")],
)
def test_what_is_no_view_is_refused(place: Place, name: str, query: str, message: str) -> None:
    with pytest.raises(EditError, match=message):
        save_view(place.bench, name, query)
    assert list_views(place.bench) == {}


@pytest.mark.parametrize("text", ["- a\n", "a: [1]\n", "a: {b: c}\n", "a: b: c\n"])
def test_a_file_that_holds_something_else_is_reported(place: Place, text: str) -> None:
    (place.root / "views.yaml").write_text(text)
    with pytest.raises(CorruptFileError, match="views"):
        list_views(place.bench)
