"""The page of comparisons in a real browser: by keyboard, with thousands of cases, and whatever an answer holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flywheel_pipeline_tests.flows.evaluated import BASE, NEW, evaluated_home
from flywheel_pipeline_tests.homes import Place
from flywheel_pipeline_tests.web.browsing import (
    EVIL,
    WIDTHS,
    check_axe,
    needs_chromium,
    open_page,
    playwright,
    serve_pages,
)

pytestmark = needs_chromium
READY = "#case header"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    pairs = ["pp"] * 400 + ["pf", "p-", "fp", "pf", "ff"]
    made = evaluated_home(tmp_path_factory.mktemp("evals") / "home", *pairs, text=EVIL)
    (made.root / "flywheel.yaml").write_text("annotate: {arbiter: mira, repeated: 0}\n")
    return made


@pytest.fixture(scope="module")
def url(place: Place) -> Iterator[str]:
    with serve_pages(place.root) as served:
        yield served


@pytest.fixture
def page(browser: Any, url: str) -> Iterator[Any]:
    with open_page(browser, url, "evals/", READY) as page:
        yield page


def shows(page: Any, case: str) -> None:
    playwright.expect(page.locator("#case .id")).to_have_text(case)
    playwright.expect(page.locator("[aria-selected=true] .by")).to_contain_text(case)


def found(page: Any, text: str) -> None:
    playwright.expect(page.locator("#n-found")).to_have_text(text)


def test_the_worst_case_is_shown_first_with_what_changed_in_its_answer(page: Any) -> None:
    shows(page, "g-400")
    assert page.locator("#case .outcome").text_content() == "broken"
    assert page.locator("#case ins").first.text_content() == " gladly"
    assert page.evaluate("window.hacked") is None
    playwright.expect(page.locator("#status")).to_contain_text("Quality failed: passed before and not now: 2 cases")


def test_cases_are_gone_through_by_keyboard(page: Any) -> None:
    for key, case in (("j", "g-403"), ("j", "g-401"), ("k", "g-403"), ("End", "g-99"), ("Home", "g-400")):
        page.keyboard.press(key)
        shows(page, case)
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "case"
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "list"


def test_filters_are_in_the_address_and_come_back_with_it(page: Any, url: str) -> None:
    page.keyboard.press("1")
    found(page, "2 cases")
    page.keyboard.press("j")
    shows(page, "g-403")
    assert "outcome=broken" in page.url and "case=g-403" in page.url
    page.goto(page.url)
    shows(page, "g-403")
    page.keyboard.press("1")
    found(page, "405 cases")
    page.keyboard.press("/")
    page.keyboard.type("question g-402")
    found(page, "1 case")
    shows(page, "g-402")
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    found(page, "405 cases")
    assert page.url == f"{url}evals/?case=g-400"


def test_a_case_far_down_the_list_is_found_by_its_address(page: Any, url: str) -> None:
    page.goto(f"{url}evals/?case=g-99")
    shows(page, "g-99")


def test_a_filter_that_leaves_nothing_says_so(page: Any) -> None:
    page.keyboard.press("3")
    found(page, "No case is like that.")
    assert page.locator("#case").text_content() == ""


def test_only_rows_in_sight_are_elements_and_all_can_be_reached(page: Any) -> None:
    assert page.locator(".row-of-list").count() < 40
    page.locator("#list").evaluate("list => { list.scrollTop = list.scrollHeight; }")
    last = page.locator('.row-of-list[aria-posinset="405"] .by')
    playwright.expect(last).to_contain_text("g-99")
    assert page.locator(".row-of-list").count() < 40
    last.click()
    shows(page, "g-99")


def test_the_two_versions_can_be_changed(page: Any) -> None:
    page.locator("#before").select_option(NEW)
    page.locator("#after").select_option(BASE)
    playwright.expect(page.locator("#outcomes")).to_contain_text("1 broken")
    assert f"before={NEW}" in page.url and f"after={BASE}" in page.url


def test_label_this_leads_to_the_production_trace_on_the_labelling_page(page: Any) -> None:
    page.keyboard.press("l")
    playwright.expect(page.locator("#title")).to_have_text("t-g-400")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_fits_and_breaks_no_rule_of_accessibility(page: Any, width: int, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if width in (390, 1440):
        assert check_axe(page) == []


def test_the_keys_are_shown(page: Any) -> None:
    page.keyboard.press("?")
    playwright.expect(page.locator("#help")).to_contain_text("label the production trace of this case")
    assert check_axe(page) == []
