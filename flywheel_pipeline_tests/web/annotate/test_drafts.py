"""What is half written on the labelling page is never lost."""

from __future__ import annotations

import json
from typing import Any

from flywheel_pipeline_tests.homes import Place
from flywheel_pipeline_tests.web.annotate.labelling import error, events, go_to, progress, status, turn
from flywheel_pipeline_tests.web.browsing import needs_chromium, open_page, playwright, serve_pages

pytestmark = needs_chromium


def draft(page: Any, reported: str = "Draft kept.") -> None:
    playwright.expect(page.locator("#draft")).to_have_text(reported)


def test_a_half_typed_comment_survives_escape_next_and_reload(page: Any) -> None:
    first = page.text_content("#title") or ""
    page.keyboard.press("f")
    page.keyboard.type("Promises a refu")
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    turn(page, "j")
    assert page.input_value("#comment") == ""
    turn(page, "k")
    assert page.input_value("#comment") == "Promises a refu" and page.locator(".marked").count() == 1
    page.reload()
    page.wait_for_selector(".message")
    go_to(page, first)
    draft(page, "Your draft: not saved as a label yet.")
    assert page.input_value("#comment") == "Promises a refu" and page.locator(".marked").count() == 1
    page.fill("#code", "Promises a refund")
    turn(page, "Control+Enter")
    go_to(page, first)
    draft(page, "")
    page.select_option("#filter", "draft")
    error(page, "No trace of this batch is like that.")


def test_a_comment_survives_a_crash_of_the_browser_in_the_middle_of_a_word(page: Any) -> None:
    first = page.text_content("#title") or ""
    page.keyboard.press("f")
    page.route("**/api/draft*", lambda route: None)  # nothing reaches the server any more
    page.keyboard.type("Promises a refu")
    other = page.context.new_page()
    other.goto(page.url)
    other.wait_for_selector(".message")
    go_to(other, first)
    assert other.input_value("#comment") == "Promises a refu"


def test_a_comment_survives_a_server_that_is_gone(page: Any, labelling_home: Place) -> None:
    first = page.text_content("#title") or ""
    page.route("**/api/**", lambda route: route.abort())
    page.keyboard.press("f")
    page.keyboard.type("Promises a refu")
    draft(page, "Draft kept in this browser only: the server did not take it.")
    page.keyboard.press("Control+Enter")
    error(page, "The server cannot be reached. Nothing is lost: try again.")
    page.unroute("**/api/**")
    page.reload()
    page.wait_for_selector(".message")
    go_to(page, first)
    assert page.input_value("#comment") == "Promises a refu"
    turn(page, "Control+Enter")
    assert [e["comment"] for e in events(labelling_home)] == ["Promises a refu"]


def test_a_draft_stays_with_the_annotator_who_wrote_it(browser: Any, labelling_home: Place) -> None:
    (labelling_home.root / "flywheel.yaml").write_text(
        "annotate: {arbiter: mira, annotators: [ben], overlap: 1, repeated: 0}"
    )
    with serve_pages(labelling_home.root) as url, open_page(browser, url, "label/", ".message") as page:
        first = page.text_content("#title") or ""
        page.keyboard.press("f")
        page.keyboard.type("Mira's words")
        page.keyboard.press("Escape")
        page.select_option("#annotator", "ben")
        playwright.expect(page.locator("#comment")).to_have_value("")
        go_to(page, first)
        assert page.input_value("#comment") == ""
        page.select_option("#annotator", "mira")
        playwright.expect(page.locator("#comment")).to_have_value("Mira's words")
        drafts = {
            p.name: json.loads(p.read_text()) for p in (labelling_home.root / "labels" / ".drafts").glob("*.json")
        }
        assert drafts == {"mira.drafts.json": {first: {"comment": "Mira's words"}}}


def test_what_was_undone_comes_back_as_a_draft(page: Any) -> None:
    page.keyboard.press("u")
    status(page, "Nothing to undo.")
    page.keyboard.press("f")
    page.keyboard.type("Rude")
    turn(page, "Control+Enter")
    turn(page, "u")
    status(page, "Undone. What you wrote is back as a draft.")
    assert page.input_value("#comment") == "Rude"
    progress(page, "0 of 15")
    page.keyboard.press("Shift+S")
    status(page, "Nothing new to submit.")


def test_drafts_are_not_among_the_labels_that_are_submitted(page: Any) -> None:
    turn(page, "p")
    page.fill("#comment", "Half a thou")
    draft(page)
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+S")
    status(page, "Thank you: 1 label submitted. 1 draft is not among them.")
