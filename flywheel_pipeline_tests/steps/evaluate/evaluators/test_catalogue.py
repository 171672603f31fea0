"""The one list of kinds: each is listed under its own name, and settings are checked where they enter."""

from __future__ import annotations

from typing import Any

import pytest

from flywheel_pipeline.steps.evaluate.evaluators.catalogue import EVALUATORS, MAY_ERR, make_evaluator


def test_every_kind_stands_under_its_name_in_order() -> None:
    assert list(EVALUATORS) == [made.kind for made in EVALUATORS.values()] == sorted(EVALUATORS)


def test_every_kind_says_what_it_does() -> None:
    assert all((made.__doc__ or "").strip() for made in EVALUATORS.values())


def test_what_estimates_the_experts_verdict_is_listed_as_such() -> None:
    assert {"judge", "tone", "learned"} <= set(MAY_ERR)


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("lengths", {}, "there is no kind 'lengths'; the kinds are "),
        ("length", {"max": 3}, "length has no setting 'max'; its settings are unit, at_least, at_most"),
        ("contains", {}, "contains needs the setting 'texts'"),
        ("learned", {"min_confidence": 0.4}, "settings.min_confidence: "),
        ("judge", {"model": "x"}, "judge has no setting 'model'; its settings are none"),
        ("regex", {"pattern": "("}, "settings.pattern: "),
    ],
)
def test_what_is_wrong_is_named(kind: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as error:
        make_evaluator(kind, settings)
    assert message in str(error.value)


def test_settings_become_the_evaluators_fields() -> None:
    assert make_evaluator("length", {"at_most": 90}).at_most == 90
