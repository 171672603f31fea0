"""The page of judges in a real browser: by keyboard, in both schemes and on small screens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flywheel_pipeline_tests.homes import Place, a_home
from flywheel_pipeline_tests.web.browsing import WIDTHS, check_axe, needs_chromium, open_page, playwright, serve_pages
from flywheel_pipeline_tests.web.evaluate.reviewing import put_judges

pytestmark = needs_chromium


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = a_home(tmp_path / "home")
    put_judges(made)
    return made


@pytest.fixture
def page(browser: Any, place: Place) -> Iterator[Any]:
    with serve_pages(place.root) as url, open_page(browser, url, "evals/judges/", "#trace .message") as page:
        yield page


def title(page: Any, text: str) -> None:
    playwright.expect(page.locator("#title")).to_have_text(text)


def given(place: Place) -> list[tuple[str, str]]:
    path = place.root / "labels" / ".drafts" / "mira.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [(e["event"], e.get("key", "") + e.get("verdict", "")) for e in lines]


def test_disagreements_are_reviewed_with_one_key_each(page: Any, place: Place) -> None:
    title(page, "1 of 3 · false pass · Is rude to people")
    playwright.expect(page.locator("#critique")).to_contain_text("Nothing rude in it.")
    page.keyboard.press("c")
    title(page, "2 of 3 · false fail · Is rude to people")
    playwright.expect(page.locator("#status")).to_have_text("Your label stands.")
    page.keyboard.press("x")
    title(page, "3 of 3 · unsure · Is rude to people")
    page.keyboard.press("u")
    title(page, "2 of 3 · false fail · Is rude to people")
    playwright.expect(page.locator("#progress")).to_have_text("1 of 3 disagreements reviewed")
    assert given(place) == [("label", "r1fail"), ("label", "ok1fail"), ("undo", "")]


def test_the_expert_writes_what_went_wrong_and_it_survives_a_look_elsewhere(page: Any, place: Place) -> None:
    page.keyboard.press("j")
    title(page, "2 of 3 · false fail · Is rude to people")
    page.keyboard.press("w")
    page.keyboard.type("It snaps at the user.")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    title(page, "3 of 3 · unsure · Is rude to people")
    page.keyboard.press("k")
    title(page, "2 of 3 · false fail · Is rude to people")
    playwright.expect(page.locator("#comment")).to_have_value("It snaps at the user.")
    page.locator("#trace .message").nth(1).click()
    playwright.expect(page.locator("#first-step")).to_have_text("First failure at message 2.")
    page.keyboard.press("x")
    title(page, "3 of 3 · unsure · Is rude to people")
    label = json.loads((place.root / "labels" / ".drafts" / "mira.jsonl").read_text())
    assert (label["comment"], label["first_failure_step"]) == ("It snaps at the user.", 1)


def test_kinds_and_judges_are_filtered_and_labels_submitted(page: Any, place: Place) -> None:
    page.select_option("#kind", "unsure")
    title(page, "1 of 1 · unsure · Is rude to people")
    page.keyboard.press("c")
    playwright.expect(page.locator("#submit")).to_have_text("Submit 1 label")
    page.keyboard.press("Shift+S")
    playwright.expect(page.locator("#status")).to_contain_text("1 label submitted.")
    page.select_option("#kind", "open")
    title(page, "1 of 2 · false pass · Is rude to people")
    page.get_by_role("button", name="1 false pass").click()
    playwright.expect(page.locator("#judge")).to_have_value("judge:rude")


def test_what_strangers_write_is_shown_and_does_nothing(page: Any) -> None:
    assert "<script>window.hacked" in page.inner_text("#critique") + page.inner_text("#remark")
    assert page.locator("main script, main img, main [onerror]").count() == 0
    assert page.evaluate("window.hacked") is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_passes_axe(page: Any, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    assert check_axe(page) == []
    page.keyboard.press("j")
    title(page, "2 of 3 · false fail · Is rude to people")
    assert check_axe(page) == []
    page.keyboard.press("?")
    assert check_axe(page) == []


@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_the_screen(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_pages_lead_to_each_other(page: Any) -> None:
    page.get_by_role("link", name="Failure modes").click()
    playwright.expect(page.locator(".mode").first).to_be_visible()
    page.get_by_role("link", name="Judges").click()
    playwright.expect(page.locator("#title")).to_contain_text("false pass")
