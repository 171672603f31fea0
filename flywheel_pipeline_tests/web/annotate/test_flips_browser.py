"""Flipped cases in a real browser: by keyboard alone, with drafts and undo, whatever the answers hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flywheel_pipeline.adapters.home.files import FLIP_LABELS_FILE
from flywheel_pipeline.records import CaseAnswer
from flywheel_pipeline_tests.flows.comparing import BASE, BETTER, a_home_with_flips
from flywheel_pipeline_tests.homes import Place
from flywheel_pipeline_tests.web.annotate.labelling import error, progress, status, turn
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
COVERS = ("web/annotate/flips.py",)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = a_home_with_flips(tmp_path / "home")
    answers = made.lake.read("answers", CaseAnswer, "prompt_version = ?", [BETTER.version])
    long = {"g-01": EVIL, "g-02": "word " * 30_000, "g-04": "unbroken" * 300}
    made.lake.write("answers", [replace(a, output=f"{a.output} {long.get(a.case_id, '')}") for a in answers],
                    part=BETTER.version)  # fmt: skip
    return made


@pytest.fixture
def page(browser: Any, place: Place) -> Iterator[Any]:
    with serve_pages(place.root) as url, open_page(browser, url, "label/", ".one-of-two") as page:
        yield page


def pressed(page: Any) -> list[str]:
    return [b.inner_text().split()[0] for b in page.locator("#answers [aria-pressed=true]").all()]


def test_a_batch_by_keyboard_alone_reaches_the_file(page: Any, place: Place) -> None:
    progress(page, "0 of 20")
    playwright.expect(page.locator("#answers .one-of-two")).to_have_count(2)
    playwright.expect(page.locator("#fail")).to_be_hidden()
    for _ in range(17):
        turn(page, "p", "f")
    progress(page, "17 of 20")
    page.keyboard.press("2")
    turn(page, "f", "p")
    turn(page, "d")
    progress(page, "18 of 20")
    page.keyboard.press("p")
    page.keyboard.press("p")
    progress(page, "19 of 20")
    status(page, "That was the last one. Submit your labels; `flywheel gate decide` then decides on the candidate.")
    page.keyboard.press("Shift+S")
    status(page, "Thank you: 20 labels submitted.")
    rows = place.lines(FLIP_LABELS_FILE)
    assert len(rows) == 20 and {r["annotator"] for r in rows} == {"mira"}
    counted = [(r["before"], r["after"]) for r in rows]
    assert counted.count(("pass", "pass")) == 1 and counted.count(("defer", "defer")) == 1
    assert {("pass", "fail"), ("fail", "pass")} < set(counted)


def test_a_draft_survives_a_reload_and_an_undo_brings_both_verdicts_back(page: Any) -> None:
    first = page.text_content("#title")
    page.keyboard.press("f")
    playwright.expect(page.locator(".one-of-two.chosen h3")).to_have_text("Answer 2")
    assert pressed(page) == ["Fail"]
    playwright.expect(page.locator("#draft")).to_have_text("Draft kept.")
    page.reload()
    page.wait_for_selector(".one-of-two")
    playwright.expect(page.locator("#draft")).to_have_text("Your draft: not saved as a label yet.")
    assert pressed(page) == ["Fail"]
    page.keyboard.press("Control+Enter")
    error(page, "Pass or fail both answers.")
    turn(page, "p")
    turn(page, "u")
    playwright.expect(page.locator("#title")).to_have_text(first or "")
    assert pressed(page) == ["Fail", "Pass"]
    turn(page, "Control+Enter")
    progress(page, "1 of 20")


def test_the_mouse_does_it_too(page: Any) -> None:
    before = page.text_content("#title")
    page.click("[data-answer='2'] [data-verdict=fail]")
    playwright.expect(page.locator(".one-of-two.chosen h3")).to_have_text("Answer 1")
    page.click("[data-answer='1'] [data-verdict=pass]")
    playwright.expect(page.locator("#title")).not_to_have_text(before or "")
    progress(page, "1 of 20")


def find(page: Any, case_id: str) -> bool:
    page.keyboard.press("/")
    keys = page.evaluate("fetch('api/queue').then(r => r.json()).then(q => q.keys)")
    key = next((k for k in keys if k.endswith(case_id)), "")
    page.keyboard.type(key)
    page.keyboard.press("Enter")
    if key:
        playwright.expect(page.locator("#title")).to_have_text(case_id)
    else:
        page.keyboard.press("Escape")
    return bool(key)


def test_what_an_answer_holds_does_nothing_and_a_long_one_comes_in_pieces(page: Any) -> None:
    found = [find(page, c) for c in ("g-01", "g-02")]
    assert any(found), "the draw of the batch has changed: take other cases"
    if found[1]:
        page.click("#answers button.all")
        playwright.expect(page.locator("#answers button.all")).to_have_count(0)
        assert page.evaluate("document.getElementById('answers').textContent.length") > 150_000
    assert page.locator("#compared script, #compared img, #compared [onerror]").count() == 0
    assert page.evaluate("window.hacked") is None


def test_clicking_a_message_marks_no_failure(page: Any) -> None:
    page.click(".message.user")
    assert page.locator(".message.marked").count() == 0
    page.keyboard.press("s")
    assert page.locator(".message.marked").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_passes_axe(page: Any, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    page.keyboard.press("f")
    assert check_axe(page) == []


def test_it_fits_every_screen(page: Any) -> None:
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for _ in range(3):
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            turn(page, "j")


def test_the_production_prompt_is_not_named_on_the_page(page: Any) -> None:
    shown = page.inner_text("body")
    assert BASE.version not in shown and "candidate" not in shown.lower().replace(BETTER.version, "")
