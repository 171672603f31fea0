"""Variables are filled in; nothing else of a template is run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.steps.golden.exchange.formats.promptfoo.template import MAX_LENGTH, Filler


def fill(text: str, **variables: object) -> tuple[str, list[str]]:
    filler = Filler(variables)
    return filler.fill(text, "here"), filler.failed


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("About {{topic}}.", "About hoses."),
        ("About {{ topic | upper }}.", "About HOSES."),
        ("{{ plan.name }} and {{ list[0] }}", "Basic and a"),
        ("{{ other | default('none') }}", "none"),
        ("{{ nested }}", "All on hoses"),
        ("no template", "no template"),
    ],
)
def test_variables_and_simple_filters_are_filled_in(text: str, filled: str) -> None:
    known = {"topic": "hoses", "plan": {"name": "Basic"}, "list": ["a"], "nested": "All on {{topic}}"}
    assert fill(text, **known) == (filled, [])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{{ missing }}", "missing is not defined"),
        ("{{ env.KEY }}", "env is not defined"),
        ("{% for x in range(10) %}x{% endfor %}", "more than variables"),
        ("{{ 7 * 7 }}", "more than variables"),
        ("{{ topic.upper() }}", "more than variables"),
        ("{{ topic | center(999999999) }}", "more than variables"),
        ("{{ topic.__class__ }}", "not a template"),
        ("{{ topic", "not a template"),
        ("{{ topic }}" + "x" * MAX_LENGTH, "longer than"),
    ],
)
def test_anything_else_is_left_as_it_is_and_reported(text: str, reason: str) -> None:
    found, (failed,) = fill(text, topic="hoses")
    assert found == text
    assert failed.startswith("here: ") and reason in failed and "not filled in" in failed


def test_variables_that_name_each_other_never_grow_without_bound() -> None:
    known = {f"v{n}": f"{{{{v{n - 1}}}}}" * 50 for n in range(1, 9)} | {"v0": "x" * 1_000}
    found, failed = fill("{{v8}}", **known)
    assert len(found) <= MAX_LENGTH and failed


@given(st.text("{}%#a.|_ '(", max_size=24))
def test_no_text_raises(text: str) -> None:
    found, failed = fill(text, a="b")
    assert isinstance(found, str) and isinstance(failed, list)
