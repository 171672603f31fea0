"""The labelling page in a real browser: by keyboard alone, with drafts that survive, and whatever a trace holds."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import dagster as dg
import pytest

from flywheel_pipeline.definitions import build_definitions
from flywheel_pipeline.defs.sensors import look
from flywheel_pipeline.records import SampledTrace
from flywheel_pipeline.settings import load_settings
from flywheel_pipeline_tests.builders import a_mode, a_sampled_trace, a_trace
from flywheel_pipeline_tests.homes import Place, an_instance
from flywheel_pipeline_tests.web.annotate.labelling import error, events, go_to, progress, status, turn
from flywheel_pipeline_tests.web.browsing import (
    WIDTHS,
    check_axe,
    needs_chromium,
    playwright,
)

pytestmark = needs_chromium
COVERS = (
    "definitions.py",
    "web/annotate/__init__.py",
)


def take_in(labelling_home: Place) -> None:
    """Do what the sensor does, and what its run begins with."""
    with an_instance() as instance:
        result = look(
            dg.build_sensor_context(instance=instance), labelling_home.bench, "labels", "label_files", "label_batch"
        )
        assert isinstance(result, dg.SensorResult) and len(result.run_requests or []) == 1
        job = build_definitions(load_settings(labelling_home.root, {})).resolve_job_def("label_batch")
        job.execute_in_process(instance=instance, asset_selection=[dg.AssetKey("annotations")])


def test_ten_traces_by_keyboard_alone_reach_the_annotations(page: Any, labelling_home: Place) -> None:
    first = page.text_content("#title")
    for _ in range(6):
        turn(page, "p")
    progress(page, "6 of 15")
    for n in range(3):
        page.keyboard.press("s")
        page.keyboard.press("f")
        page.keyboard.type(f"p the {n}. thing that went wrong")
        page.keyboard.press("Tab")
        page.keyboard.type("Makes up a feature")
        turn(page, "Control+Enter")
    progress(page, "9 of 15")
    turn(page, "d")
    turn(page, "p")
    turn(page, "u")
    progress(page, "9 of 15")
    page.reload()
    page.wait_for_selector(".message")
    progress(page, "9 of 15")
    page.keyboard.press("f")
    page.keyboard.press("Control+Enter")
    error(page, "Say what went wrong first, in a few words.")
    page.keyboard.press("Escape")
    turn(page, "p")
    assert not labelling_home.bench.home.files("labels")
    page.keyboard.press("Shift+S")
    status(page, "Thank you: 11 labels submitted.")
    with ThreadPoolExecutor(1) as pool:  # the browser's driver has an event loop in this thread
        pool.submit(take_in, labelling_home).result()
    rows = labelling_home.lake.frame("select * from annotations where is_current order by labelled_at")
    assert rows["verdict"].value_counts().to_dict() == {"pass": 7, "fail": 3, "defer": 1}
    assert rows["trace_id"][0] == first and set(rows["annotator"]) == {"mira"}
    fails = rows[rows["verdict"] == "fail"]
    assert list(fails["comment"]) == [f"p the {n}. thing that went wrong" for n in range(3)]
    assert set(fails["code"]) == {"Makes up a feature"} and fails["first_failure_step"].notna().all()


def test_what_strangers_put_into_a_trace_is_shown_and_does_nothing(page: Any) -> None:
    go_to(page, "evil")
    for summary in page.locator("#trace summary").all():
        summary.click()
    playwright.expect(page.locator(".cut span")).to_have_text(re.compile("^4,[0-9,]+ more characters$"))
    assert "<script>window.hacked = 1</script>" in page.inner_text("#trace")
    assert page.locator("#trace script, #trace img, #trace [onerror], #trace a[href^='javascript' i]").count() == 0
    assert page.evaluate("document.documentElement.outerHTML.length") < 400_000
    page.click("button.all")
    playwright.expect(page.locator("button.all")).to_have_count(0, timeout=20_000)
    assert page.evaluate("document.getElementById('trace').textContent.length") > 5_000_000
    assert page.evaluate("window.hacked") is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_passes_axe(page: Any, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    go_to(page, "long")
    page.keyboard.press("s")
    page.keyboard.press("f")
    page.keyboard.press("Control+Enter")
    for step in ("page", "help"):
        assert check_axe(page) == [], step
        page.keyboard.press("Escape")
        page.keyboard.press("?")


@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_the_screen(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    for trace in ("evil", "long"):
        go_to(page, trace)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    playwright.expect(page.locator("#fail")).to_be_in_viewport()
    page.click("#fail")
    playwright.expect(page.locator("#comment")).to_be_in_viewport()


def test_success_is_not_red(page: Any) -> None:
    turn(page, "p")
    page.keyboard.press("Shift+S")
    status(page, "Thank you: 1 label submitted.")
    colour = "e => getComputedStyle(e).color"
    assert page.eval_on_selector("#status", colour) == page.eval_on_selector("body", colour)
    assert page.eval_on_selector("#error", colour) != page.eval_on_selector("body", colour)


def in_view(page: Any, step: int) -> None:
    playwright.expect(page.locator(f"#trace .message[data-step='{step}'] > header")).to_be_in_viewport()


def test_message_150_of_200_is_a_few_keys_away(page: Any, labelling_home: Place) -> None:
    go_to(page, "long")
    playwright.expect(page.locator("#n-messages")).to_have_text("of 200")
    page.keyboard.press("g")
    page.keyboard.type("150")
    page.keyboard.press("Enter")
    in_view(page, 149)
    page.keyboard.press("s")
    playwright.expect(page.locator("#first-step")).to_have_text("First failure at message 150.")
    page.keyboard.press("e")
    in_view(page, 199)
    page.keyboard.press("m")
    in_view(page, 149)
    page.keyboard.press("g")
    page.keyboard.type("201")
    page.keyboard.press("Enter")
    error(page, "This trace has messages 1 to 200.")
    page.keyboard.press("Escape")
    page.keyboard.press("f")
    page.keyboard.type("Repeats itself")
    turn(page, "Control+Enter")
    assert events(labelling_home)[-1]["first_failure_step"] == 149


def test_messages_that_were_not_sent_yet_are_a_click_away_and_each_is_there_once(page: Any) -> None:
    go_to(page, "long")
    assert page.locator("#trace .message").count() < 150
    page.click("#all-messages summary")
    page.click("#outline-list li:nth-child(150) button")
    in_view(page, 149)
    while page.locator("#trace .rest").count():
        page.locator("#trace .rest button").first.click()
        page.wait_for_timeout(50)
    steps = page.eval_on_selector_all("#trace .message", "all => all.map(m => Number(m.dataset.step))")
    assert steps == list(range(200))


def test_texts_from_right_to_left_read_so(page: Any) -> None:
    go_to(page, "hebrew")
    direction = "e => [e.dir, getComputedStyle(e).direction]"
    assert page.eval_on_selector(".message.user .text", direction) == ["auto", "rtl"]
    page.keyboard.press("f")
    page.keyboard.type("שגוי")
    assert page.eval_on_selector("#comment", direction) == ["auto", "rtl"]


def test_two_tabs_do_not_undo_each_other(page: Any) -> None:
    other = page.context.new_page()
    other.goto(page.url)
    other.wait_for_selector(".message")
    turn(page, "p")
    turn(page, "p")
    turn(other, "j")
    turn(other, "j")
    turn(other, "p")
    progress(other, "3 of 15")
    page.reload()
    progress(page, "3 of 15")


def test_what_is_said_is_of_the_trace_on_the_screen_although_the_queue_changed(
    page: Any, labelling_home: Place
) -> None:
    reported = page.text_content("#title")
    rows = labelling_home.lake.read("sampled_traces", SampledTrace)
    more = [replace(a_trace(), trace_id=f"n{i:02}", input=f"new {i}") for i in range(30)]
    labelling_home.lake.write("raw_traces", more, part="2025-06-09")
    labelling_home.lake.write(
        "sampled_traces", [*rows, *(a_sampled_trace(batch="c", trace_id=t.trace_id) for t in more)]
    )
    page.evaluate("dispatchEvent(new Event('focus'))")
    playwright.expect(page.locator("#batch option")).to_have_text(["c", "b", "all batches"])
    progress(page, "0 of 15")
    turn(page, "p")
    said = events(labelling_home)
    assert [(e["key"], e["verdict"]) for e in said] == [(reported, "pass")]
    page.select_option("#batch", "c")
    progress(page, "0 of 30")
    playwright.expect(page.locator("#title")).to_have_text(re.compile("n[0-9]+"))
    page.select_option("#batch", "")
    progress(page, "1 of 45")


def test_the_message_that_is_clicked_is_the_first_failure_and_a_mode_is_chosen_or_added(
    page: Any, labelling_home: Place
) -> None:
    labelling_home.lake.write(
        "failure_taxonomy", [a_mode(name="Made up a feature", rank=2), a_mode(name="Too long", rank=1)]
    )
    page.evaluate("dispatchEvent(new Event('focus'))")
    playwright.expect(page.locator("#chips button")).to_have_text(["Too long", "Made up a feature"])
    page.click(".message.assistant .text")
    playwright.expect(page.locator("#first-step")).to_have_text("First failure at message 2.")
    page.click(".message.assistant .step")
    playwright.expect(page.locator("#first-step")).to_have_text("Click the message where it first went wrong.")
    page.click(".message.user")
    page.click("#chips button >> nth=1")
    page.fill("#code", "Makes up a button")
    turn(page, "Control+Enter")
    page.fill("#category", "Rude to the user")
    page.fill("#code", "Scolds the user")
    turn(page, "Control+Enter")
    playwright.expect(page.locator("#chips button >> nth=2")).to_have_text("Rude to the user")
    said = events(labelling_home)
    assert [(e["category"], e.get("first_failure_step")) for e in said] == [
        ("Made up a feature", 0), ("Rude to the user", None),
    ]  # fmt: skip


def test_a_key_that_is_pressed_before_the_next_trace_is_there_says_nothing_of_it(
    page: Any, labelling_home: Place
) -> None:
    reported = page.text_content("#title")
    held: list[Any] = []
    page.route("**/api/item*", lambda route: held.append(route))
    for _ in range(5):
        page.keyboard.press("p")
    while not held:
        page.wait_for_timeout(20)
    for route in held:
        route.continue_()
    playwright.expect(page.locator("#title")).not_to_have_text(reported or "")
    said = events(labelling_home)
    assert [e["key"] for e in said] == [reported]


def test_the_last_one_is_announced(page: Any) -> None:
    for _ in range(14):
        turn(page, "p")
    page.keyboard.press("p")
    status(page, "That was the last one.")
    playwright.expect(page.locator("#found-groups")).to_contain_text("No failures so far")
    page.keyboard.press("Escape")
    progress(page, "15 of 15")
    page.select_option("#filter", "fail")
    error(page, "No trace of this batch is like that.")
