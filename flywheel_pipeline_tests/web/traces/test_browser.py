"""The page of traces in a real browser: by keyboard alone, with filters in the address, whatever a trace holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from flywheel_pipeline.records import Feedback, GoldenCase, Json
from flywheel_pipeline_tests.builders import NOON, a_mode, a_sampled_trace, a_trace, an_annotation, an_evaluator_score
from flywheel_pipeline_tests.homes import Place, a_home
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


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Sixty traces in sessions of three, and one that a stranger wrote, the newest."""
    made = a_home(tmp_path / "home")
    (made.root / "flywheel.yaml").write_text("annotate: {arbiter: mira, annotators: [ben], repeated: 0}")
    traces = [
        a_trace(trace_id=f"t{n:02}", input=f"question {n}", started_at=NOON + timedelta(hours=n), session_id=f"s{n // 3}",
                feedback_score=0.0 if n % 10 == 0 else None)
        for n in range(60)
    ]  # fmt: skip
    messages = [{"role": "user", "content": EVIL}, {"role": EVIL, "content": EVIL + "x" * 5_000_000}]
    evil = replace(
        traces[-1], trace_id=f"e/{EVIL}", started_at=NOON + timedelta(days=9), input=EVIL, output=EVIL, error=EVIL,
        session_id=None, app=EVIL, model=EVIL + "x" * 300, prompt_version=EVIL, feedback_comment=EVIL, feedback_score=0.0,
        messages=Json(json.dumps(messages)), retrieved=Json(json.dumps([{"id": EVIL, "content": EVIL}])),
        tags=Json(json.dumps({"lang": EVIL})),
    )  # fmt: skip
    made.lake.write("raw_traces", [*traces, evil])
    made.lake.write("annotations", [an_annotation(trace_id=evil.trace_id, comment=EVIL, code=EVIL, annotator=EVIL)])
    made.lake.write("evaluator_scores", [an_evaluator_score(trace_id=evil.trace_id, explanation=EVIL, label=EVIL)])
    made.lake.write("feedback", [Feedback(evil.trace_id, 0.0, EVIL, None, "f", 1, name=EVIL)])
    made.lake.write("failure_taxonomy", [a_mode(name=EVIL)])
    made.lake.write("sampled_traces", [a_sampled_trace(trace_id="t00", batch=EVIL)])
    return made


@pytest.fixture
def page(browser: Any, place: Place) -> Iterator[Any]:
    with serve_pages(place.root) as url, open_page(browser, url, "traces/", "#facets input") as page:
        page.wait_for_selector("#trace-list .trace")
        yield page


def see(page: Any, selector: str, text: str) -> None:
    playwright.expect(page.locator(selector)).to_have_text(text, timeout=20_000)


def events(place: Place) -> list[dict[str, Any]]:
    path = place.root / "labels" / ".drafts" / "mira.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_trace_is_found_judged_and_made_a_test_case_by_keyboard_alone(page: Any, place: Place) -> None:
    page.keyboard.press("/")
    page.keyboard.type("question 2")
    page.keyboard.press("Enter")
    see(page, "#found", "15 traces")
    assert "words=question+2" in page.url
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    see(page, "#title", "t42")
    page.keyboard.press("f")
    page.keyboard.type("It makes up a rebate.")
    page.keyboard.press("Control+Enter")
    see(page, "#title", "t32")
    see(page, "#status", "Saved: fail, picked.")
    page.keyboard.press("k")
    see(page, "#title", "t42")
    playwright.expect(page.locator("#fail")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("t")
    see(page, "#case-kind option:first-child", "choose one: the trace has no verdict yet")
    playwright.expect(page.locator("#case-kind")).to_have_value("failure")  # as the label that was just given
    playwright.expect(page.locator("#case-criteria")).to_have_value("It makes up a rebate.")
    page.fill("#case-criteria", "There is no rebate.")
    playwright.expect(page.locator("#case-found")).to_contain_text("g-")
    page.focus("#case-add")
    page.keyboard.press("Enter")
    see(page, "#status", "1 case added; the next `flywheel run` evaluates it.")
    (case,) = place.lake.read("golden_set", GoldenCase)
    assert (case.source_trace_id, case.criteria) == ("t42", "There is no rebate.")
    page.keyboard.press("b")
    playwright.expect(page.locator("#trace-list .trace:focus-within")).to_have_attribute("data-id", "t42")
    assert [(e["key"], e["verdict"]) for e in events(place)] == [("t42#picked", "fail")]


def test_filters_and_the_open_trace_are_in_the_address(page: Any) -> None:
    page.check("#facets input[name=feedback][value=negative]")
    see(page, "#found", "7 traces")
    page.check("#facets input[name=verdict][value='(none)']")
    see(page, "#found", "6 traces")
    page.locator("#trace-list .open").nth(1).click()
    see(page, "#title", "t40")
    assert "feedback=negative&verdict=%28none%29#t40" in page.url
    page.reload()
    see(page, "#title", "t40")
    see(page, "#found", "6 traces")
    page.keyboard.press("]")
    see(page, "#title", "t41")
    page.go_back()
    see(page, "#title", "t40")
    page.keyboard.press("b")
    page.click("#clear-filters")
    see(page, "#found", "61 traces")
    page.go_back()
    see(page, "#found", "6 traces")
    assert page.is_checked("#facets input[name=feedback][value=negative]")


def test_the_next_page_comes_when_the_keys_reach_the_end(page: Any) -> None:
    assert page.locator("#trace-list .trace").count() == 50
    page.locator("#trace-list .open").nth(49).focus()
    page.keyboard.press("j")
    playwright.expect(page.locator("#trace-list .trace:focus-within")).to_have_attribute("data-id", "t10")
    assert page.locator("#trace-list .trace").count() == 61 and page.is_hidden("#rest")


def test_selected_traces_are_sent_to_an_annotator(page: Any, place: Place) -> None:
    for _ in range(3):
        page.keyboard.press("j")
        page.keyboard.press("x")
    see(page, "#n-selected", "3 traces selected")
    page.keyboard.press("h")
    page.select_option("#send-to", "ben")
    page.fill("#send-note", "Is this a promise?")
    page.click("#send button[value=ok]")
    playwright.expect(page.locator("#status")).to_contain_text("3 traces sent to ben")
    assert [r["to"] for r in place.lines("picked.jsonl")] == ["ben"] * 3
    playwright.expect(page.locator("#selection")).to_be_hidden()


def test_a_view_is_saved_and_shown_again(page: Any) -> None:
    page.check("#facets input[name=feedback][value=negative]")
    see(page, "#found", "7 traces")
    page.click("#view-box summary")
    page.fill("#view-name", "Disliked")
    page.click("#save-view")
    page.click("#clear-filters")
    see(page, "#found", "61 traces")
    page.click("#views a")
    see(page, "#found", "7 traces")


def test_what_strangers_put_into_a_trace_is_shown_and_does_nothing(page: Any) -> None:
    page.locator("#trace-list .open").first.click()
    page.wait_for_selector("#trace .message")
    for summary in page.locator("#opened summary:visible").all():
        summary.click()
    inert = "script, img, [onerror], a[href^='javascript' i]"
    assert page.locator(f"#opened :is({inert}), #browse :is({inert})").count() == 0
    assert page.evaluate("document.documentElement.outerHTML.length") < 500_000
    page.keyboard.press("t")
    page.wait_for_selector("#case-found p")
    assert page.locator(f"#case-dialog :is({inert})").count() == 0
    assert page.evaluate("window.hacked") is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_passes_axe(page: Any, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    page.keyboard.press("j")
    page.keyboard.press("x")
    assert check_axe(page) == []
    page.keyboard.press("Enter")
    page.wait_for_selector("#trace .message")
    for step in ("open", "t", "h", "?"):
        if step != "open":
            page.keyboard.press(step)
        assert check_axe(page) == [], step
        page.keyboard.press("Escape")


@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_the_screen(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.locator("#trace-list .open").first.click()
    page.wait_for_selector("#trace .message")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    playwright.expect(page.locator("#fail")).to_be_in_viewport()
