"""The evaluator `links`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flywheel_pipeline.ports import Answer
from flywheel_pipeline.records import Json
from flywheel_pipeline.steps.evaluate.evaluators.judgement import Judgement
from flywheel_pipeline.steps.evaluate.evaluators.links import Links, links_in
from flywheel_pipeline_tests.builders import a_case

DOCUMENTS = [
    {"id": "returns", "content": "Start at https://help.example.com/returns/?step=1&utm_source=mail."},
    {"id": "press", "url": "http://www.example.com/press", "content": "See [the kit](https://cdn.example.com/kit_(v2).zip)."},
]  # fmt: skip


def judged(output: str, **settings: Any) -> Judgement:
    case = a_case(context=Json(json.dumps(DOCUMENTS)), input="Is https://mine.example/order/7 right?")
    return Links(**settings).check(case, Answer(output))


@pytest.mark.parametrize(
    "link",
    [
        "https://help.example.com/returns?step=1", "http://HELP.example.com/returns/?step=1#top",
        "help.example.com/returns?step=1", "<https://www.example.com/press/>", "[here](https://example.com/press).",
        "https://cdn.example.com/kit_(v2).zip", "(https://example.com/press)", "**https://example.com/press**",
        "https://mine.example/order/7", "`https://example.com:443/press`",
        "https://example.com/press&#8203;?utm_campaign=x",
    ],
)  # fmt: skip
def test_a_link_of_a_document_or_of_the_user_passes_however_it_is_written(link: str) -> None:
    assert judged(f"Please look at {link}").label == "pass"


@pytest.mark.parametrize(
    "link",
    [
        "https://help.example.com/refunds", "https://help.example.com/returns?step=2", "https://evil.example/press",
        "https://example.com@evil.example/press", "www.example.org", "example.com/pres", "ftp://example.com/press",
        "[https://example.com/press](https://evil.example/press)", "https://example.com:8443/press", "mine.example.com",
        "https://exаmple.com/press",
    ],
)  # fmt: skip
def test_an_invented_link_fails_and_is_named(link: str) -> None:
    found = judged(f"Please look at {link}.")
    assert found.label == "fail"
    assert "no document has" in found.explanation


def test_the_score_is_the_share_of_known_links() -> None:
    assert judged("https://example.com/press or https://example.com/nothing").score == 0.5


def test_an_answer_without_links_passes_unless_one_is_required() -> None:
    assert judged("Look at our pages, e.g. in version 3.5 of node.js.The end").label == "pass"
    assert judged("Look at our pages.", required=True).label == "fail"


@pytest.mark.parametrize(
    ("allowed", "label"),
    [
        ("example.org", "pass"), ("https://docs.example.org/v1/", "pass"), ("docs.example.org/v", "fail"),
        ("ample.org", "fail"),
    ],
)  # fmt: skip
def test_hosts_and_beginnings_may_be_allowed(allowed: str, label: str) -> None:
    assert judged("https://docs.example.org/v1/x", allowed=(allowed,)).label == label


def test_links_are_found_once_in_order() -> None:
    assert links_in("b.com, a.com and http://b.com/!") == ["b.com", "a.com"]
