"""The page of trials: what it refuses, and one trial from the keyboard in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flywheel_pipeline.errors import EditError
from flywheel_pipeline.web.improve.try_page import _Endpoints
from flywheel_pipeline_tests.flows.trying import BETTER, PROMPT, a_home_to_try
from flywheel_pipeline_tests.homes import Place
from flywheel_pipeline_tests.web.browsing import EVIL, check_axe, needs_chromium, open_page, playwright, serve_pages


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    path: Path = tmp_path_factory.mktemp("try") / "home"
    return a_home_to_try(path)


def test_the_page_begins_with_the_production_prompt_and_the_modes_that_have_cases(place: Place) -> None:
    found = _Endpoints(place.bench).start()
    assert found["text"] == PROMPT
    assert found["modes"] == [("fm-1", "Claims it is done", 6)]
    assert found["model"] == "offline/app"


def test_what_is_no_trial_is_refused(place: Place) -> None:
    for n in (0, 31, "10", None):
        with pytest.raises(EditError, match="from 1 to 30"):
            _Endpoints(place.bench).run({"mode": "fm-1", "text": BETTER, "n": n})


@needs_chromium
def test_a_trial_shows_both_answers_and_keeps_the_text_when_the_page_is_left(browser: Any, place: Place) -> None:
    with serve_pages(place.root) as url, open_page(browser, url, "prompts/try/", "#run:not([disabled])") as page:
        page.fill("#text", f"{BETTER}\n{EVIL}")
        page.fill("#n", "2")
        page.keyboard.press("Control+Enter")
        playwright.expect(page.locator("#status")).to_have_text("2 cases tried.")
        playwright.expect(page.locator("#tried .case")).to_have_count(2)
        playwright.expect(page.locator("#tried .usage")).to_contain_text("0.0000 USD per 1,000 answers")
        assert page.evaluate("window.hacked") is None
        assert check_axe(page) == []
        page.reload()
        playwright.expect(page.locator("#text")).to_have_value(f"{BETTER}\n{EVIL}")
