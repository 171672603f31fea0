"""The checks on the taxonomy warn when they should."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from flywheel_pipeline.defs.assets.failure_taxonomy import agreement_metadata, problem_metadata
from flywheel_pipeline.defs.checks.cluster import (
    assignments_stable,
    every_mode_in_use,
    groups_named,
    most_failures_covered,
    no_new_failure_modes_expected,
)
from flywheel_pipeline.defs.factory import Recipe
from flywheel_pipeline.defs.scope import Scope
from flywheel_pipeline.records import FailureAssignment
from flywheel_pipeline.settings import Settings
from flywheel_pipeline.stats import proportion
from flywheel_pipeline.steps.cluster import Taxonomy
from flywheel_pipeline_tests.builders import a_mode, an_annotation
from flywheel_pipeline_tests.homes import Place, a_home, an_instance

COVERS = (
    "defs/assets/failure_taxonomy.py",
    "defs/checks/__init__.py",
)

SCOPE = Scope(Settings(home=Path("home")))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return a_home(tmp_path / "home")


def an_assignment(trace_id: str, mode_id: str) -> FailureAssignment:
    said: dict[str, Any] = {"trace_id": trace_id, "mode_id": mode_id, "assigned_by": "LLM", "confidence": 1.0}
    return FailureAssignment(**{**{f.name: "" for f in fields(FailureAssignment)}, **said})


def result(place: Place, check: Recipe) -> dg.AssetCheckResult:
    found = check(lake=place.resource, **({"bench": place.bench} if check is most_failures_covered else {}))
    assert isinstance(found, dg.AssetCheckResult) and found.severity == dg.AssetCheckSeverity.WARN
    (spec,) = check.build(Scope(place.bench.settings)).check_specs
    assert not spec.blocking
    return found


@pytest.mark.parametrize(("n_assigned", "passed"), [(10, True), (9, True), (8, False), (0, False)])
def test_failures_that_no_mode_covers_are_a_warning_from_a_tenth_on(
    place: Place, n_assigned: int, passed: bool
) -> None:
    place.lake.write("annotations", [an_annotation(trace_id=f"t{i}") for i in range(10)])
    assigned = [an_assignment(f"t{i}", "fm-1") for i in range(n_assigned)]
    place.lake.write("failure_assignments", assigned)
    found = result(place, most_failures_covered)
    assert found.passed is passed
    assert found.metadata["n_unassigned"].value == 10 - n_assigned
    assert f"{n_assigned * 10}% (" in (found.description or "") and "n=10" in (found.description or "")


@pytest.mark.parametrize(
    ("failures", "passed", "reported"),
    [
        ([30, 30, 30], True, "stop"),
        ([30, 30, 1, 1, 1], False, "target 5%"),
        ([10, 10], False, "too few to tell"),
        ([], False, "no failure"),
    ],
)
def test_modes_that_are_not_saturated_are_a_warning(
    place: Place, failures: list[int], passed: bool, reported: str
) -> None:
    assigned = [an_assignment(f"{m}-{i}", f"fm-{m}") for m, n in enumerate(failures) for i in range(n)]
    place.lake.write("failure_assignments", assigned)
    found = result(place, no_new_failure_modes_expected)
    assert found.passed is passed and reported in (found.description or "")


def test_a_mode_without_failures_is_a_warning_unless_it_is_retired(place: Place) -> None:
    used, retired = a_mode(mode_id="a"), a_mode(mode_id="b", n_failures=0, status="retired")
    place.lake.write("failure_taxonomy", [used, retired])
    assert result(place, every_mode_in_use).passed
    place.lake.write("failure_taxonomy", [used, retired, a_mode(mode_id="c", n_failures=0, name="Idle")])
    found = result(place, every_mode_in_use)
    assert not found.passed and found.description == "without failures: Idle"


def test_nothing_labelled_is_nothing_uncovered(place: Place) -> None:
    assert result(place, most_failures_covered).passed and result(place, every_mode_in_use).passed


@pytest.mark.parametrize(
    ("agreed", "passed", "reported"),
    [
        ((95, 100), True, "agree: 95% (89% to 98%, n=100)"),
        ((50, 100), False, "agree: 50% (40% to 60%, n=100)"),
        ((9, 10), True, "agree: 90% (60% to 98%, n=10); inconclusive"),
        ((7, 10), False, "agree: 70% (40% to 89%, n=10); inconclusive"),
        (None, True, "not measured in this run: no failure was assigned twice"),
    ],
)
def test_assignments_that_two_passes_disagree_on_are_a_warning(
    agreed: tuple[int, int] | None, passed: bool, reported: str
) -> None:
    built = Taxonomy((), (), agreement=proportion(*agreed) if agreed else None)
    shown = agreement_metadata(built)
    with an_instance() as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization("failure_taxonomy", metadata=shown))
        found = assignments_stable(dg.build_asset_check_context(instance=instance), scope=SCOPE)
    assert isinstance(found, dg.AssetCheckResult)
    assert (found.passed, found.description, found.severity) == (passed, reported, dg.AssetCheckSeverity.WARN)


@pytest.mark.parametrize(
    ("problems", "described"),
    [
        ((), "nothing is missing"),
        (("no usable names for 3 groups of failures: cut off",), "no usable names for 3 groups of failures: cut off"),
    ],
)
def test_groups_that_a_model_did_not_name_are_a_warning_with_the_reason(
    problems: tuple[str, ...], described: str
) -> None:
    with an_instance() as instance:
        shown = problem_metadata(Taxonomy((), (), problems=problems))
        instance.report_runless_asset_event(dg.AssetMaterialization("failure_taxonomy", metadata=shown))
        found = groups_named(dg.build_asset_check_context(instance=instance), scope=SCOPE)
    assert isinstance(found, dg.AssetCheckResult)
    assert (found.passed, found.severity) == (not problems, dg.AssetCheckSeverity.WARN)
    assert str(found.description).endswith(described)
