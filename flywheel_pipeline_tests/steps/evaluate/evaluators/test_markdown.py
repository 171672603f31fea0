"""The evaluator `markdown`."""

from __future__ import annotations

from typing import Any

import pytest

from flywheel_pipeline.ports import Answer
from flywheel_pipeline.steps.evaluate.evaluators.judgement import Judgement
from flywheel_pipeline.steps.evaluate.evaluators.markdown import Markdown
from flywheel_pipeline_tests.builders import a_case

SAMPLES = {
    "heading": "# Hub", "bullet_list": "- a\n- b", "ordered_list": "1. a\n2. b",
    "table": "| a | b |\n|---|---|\n| 1 | 2 |",
    "code_block": "```\nx\n```", "inline_code": "press `x`", "bold": "**now**", "italic": "*now*",
    "link": "[a](https://b.example)", "image": "![a](https://b.example/i.png)", "quote": "> a", "html": "a <b>c</b>",
}  # fmt: skip


def judged(output: str, **settings: Any) -> Judgement:
    return Markdown(**settings).check(a_case(), Answer(output))


@pytest.mark.parametrize("element", SAMPLES)
def test_an_element_is_found_where_it_is_and_nowhere_else(element: str) -> None:
    for other, text in SAMPLES.items():
        there = element == other
        assert judged(text, require=(element,)).label == ("pass" if there else "fail"), (element, other)
        assert judged(text, forbid=(element,)).label == ("fail" if there else "pass"), (element, other)


def test_what_stands_in_code_is_no_element() -> None:
    assert judged("```\n# x\n- y\n```", forbid=("heading", "bullet_list")).label == "pass"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("```python\nx\n```", "pass"),
        ("> ```python\n> x\n> ```", "pass"),
        ("~~~Python\nx\n~~~\n", "pass"),
        ("- a\n\n  ```python\n  x\n  ```", "pass"),
        ("```py\nx\n```", "fail"),
        ("```\nx\n```", "fail"),
        ("```python\nx", "fail"),
        ("```python", "fail"),
        ("print(1)", "fail"),
        ("```python\nx\n```\n\n```sql\ny\n```", "fail"),
    ],
)
def test_every_code_block_is_closed_and_marked_with_its_language(text: str, label: str) -> None:
    assert judged(text, code_language="python").label == label


def test_a_wall_of_text_fails_and_is_quoted() -> None:
    wall = "one two\nthree four five"
    assert judged(f"short\n\n{wall}\n\nshort", max_paragraph_words=5).label == "pass"
    found = judged(f"short\n\n{wall}\n\nshort", max_paragraph_words=4)
    assert found == Judgement("fail", 'a paragraph has 5 words, at most 4 are allowed: "one two three four five"')


def test_every_problem_is_named() -> None:
    found = judged("# a", require=("table", "link"), forbid=("heading",))
    assert found.explanation == "the answer has no table, no link; the answer has heading, which is forbidden"


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({}, "nothing to check"),
        ({"require": ("tables",)}, "table"),
        ({"require": ("link",), "forbid": ("link",)}, "at once"),
        ({"code_language": "sql", "forbid": ("code_block",)}, "forbidden"),
    ],
)
def test_settings_that_check_nothing_or_contradict_each_other_are_refused(settings: Any, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        Markdown(**settings)
