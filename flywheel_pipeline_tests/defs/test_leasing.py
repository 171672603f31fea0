"""Real traces of a leasing assistant and a person's comments, where they are at hand."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from flywheel_pipeline.commands.summary import summarize
from flywheel_pipeline_tests.conftest import REPO
from flywheel_pipeline_tests.homes import Place, a_home

DATA = REPO.parent / "shared" / "data" / "leasing"
pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the leasing data is not part of the project")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    home = a_home(tmp_path_factory.mktemp("leasing") / "home")
    shutil.copy(DATA / "traces.jsonl", home.root / "traces")
    shutil.copy(DATA / "labels.csv", home.root / "labels")
    home.turn()
    return home


def test_every_trace_and_every_comment_is_taken_in(place: Place) -> None:
    assert place.result is not None and place.result.success, place.said
    assert place.one("select count(*) from raw_traces") == 100
    assert place.one("select count(*) from annotations a join raw_traces using (trace_id)") == 41
    assert place.one("select count(*) from rejects") == 0
    assert place.one("select sum(n_tool_calls) from raw_traces") > 100


def test_named_modes_cover_nearly_every_failure_and_the_others_are_shown(place: Place) -> None:
    modes = place.lake.frame("select name, n_failures from failure_taxonomy order by rank")
    assert 5 <= len(modes) <= 10 and modes["name"].str.len().min() > 3
    unassigned = place.one("select count(*) from failure_assignments where mode_id is null")
    assert modes["n_failures"].sum() + unassigned == 41
    assert unassigned <= 6
    assert modes["n_failures"].max() <= 41 // 2  # no mode swallows the rest


def test_without_a_single_pass_no_share_of_traffic_is_claimed_and_nothing_decided(place: Place) -> None:
    assert place.lake.frame("select distinct share_of from failure_taxonomy")["share_of"].tolist() == [
        "labelled traces"
    ]
    assert place.one("select count(*) from judge_alignment where status = 'trusted'") == 0
    rated = "\n".join(summarize(place.bench))
    assert "cannot be rated: no judge may decide yet" in rated
    assert place.lake.frame("select distinct decision from prompt_candidate")["decision"].tolist() == ["hold"]


def test_the_expert_s_own_categories_are_modes(place: Place) -> None:
    own = "select count(*) from failure_assignments where assigned_by = 'HUMAN'"
    assert place.one(own) == 5
    assert Path(place.root / "golden" / "golden_set.jsonl").stat().st_size > 0
