"""The labelling page in a real browser: ten traces by keyboard alone, and whatever strangers put into a trace."""

from __future__ import annotations

import json
import re
import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
import uvicorn

from flywheel_pipeline.commands.serve import label_source, people_of
from flywheel_pipeline.definitions import build_definitions
from flywheel_pipeline.defs.sensors import look
from flywheel_pipeline.records import SampledTrace
from flywheel_pipeline.settings import load_settings
from flywheel_pipeline.web import Limits, build_app, labelling_mount, open_socket
from flywheel_pipeline.web.labelling.journal import Journal
from flywheel_pipeline_tests.builders import NOON, a_mode, a_sampled_trace, a_trace
from flywheel_pipeline_tests.homes import Place, a_home, an_instance

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install -e .[dev]")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium on this machine")
FLAGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync"
EVIL = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'> [x](javascript:window.hacked=1) "


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = a_home(tmp_path / "home")
    (made.root / "flywheel.yaml").write_text("annotate: {arbiter: mira, repeated: 0}\nautomation: {settle_seconds: 0}")
    evil = [{"role": "system", "content": EVIL}, {"role": "user", "content": EVIL},
            {"role": "tool", "content": EVIL + "x" * 5_000_000}, {"role": EVIL, "content": EVIL}]  # fmt: skip
    traces = [replace(a_trace(), trace_id=f"t{i:02}", input=f"question {i}") for i in range(12)]
    traces.append(replace(a_trace(), trace_id="evil", messages=json.dumps(evil), error=EVIL))
    made.lake.write("raw_traces", traces, part=f"{NOON:%Y-%m-%d}")
    made.lake.write("sampled_traces", [a_sampled_trace(trace_id=t.trace_id, reason=EVIL) for t in traces])
    return made


@pytest.fixture
def url(place: Place) -> Iterator[str]:
    settings = load_settings(place.root, {})
    page = labelling_mount(place.root / "labels", label_source(settings), people_of(settings), None)
    app = build_app(place.root / "traces", Limits(10**6, 10**6, 10**6, 60), None, [page])
    listening = open_socket("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/label/"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        yield browser
        browser.close()


@pytest.fixture
def page(browser: playwright.Browser, url: str) -> Iterator[playwright.Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(url)
    page.wait_for_selector(".message")
    yield page
    assert [u for u in asked if not u.startswith(url)] == []
    context.close()


def take_in(place: Place) -> None:
    """Do what the sensor does, and what its run begins with."""
    with an_instance() as instance:
        result = look(dg.build_sensor_context(instance=instance), place.bench, "labels", "label_files", "label_batch")
        assert isinstance(result, dg.SensorResult) and len(result.run_requests or []) == 1
        job = build_definitions(load_settings(place.root, {})).resolve_job_def("label_batch")
        job.execute_in_process(instance=instance, asset_selection=[dg.AssetKey("annotations")])


def progress(page: playwright.Page, told: str) -> None:
    playwright.expect(page.locator("#progress")).to_have_text(told)


def turn(page: playwright.Page, *keys: str) -> None:
    """Press keys that lead to another trace, and wait until it is there."""
    before = page.text_content("#title")
    for key in keys:
        page.keyboard.press(key)
    playwright.expect(page.locator("#title")).not_to_have_text(before or "")


def test_ten_traces_by_keyboard_alone_reach_the_annotations(page: playwright.Page, place: Place) -> None:
    first = page.text_content("#title")
    for _ in range(6):
        turn(page, "p")
    progress(page, "6 of 13")
    for n in range(3):
        page.keyboard.press("s")
        page.keyboard.press("f")
        page.keyboard.type(f"p the {n}. thing that went wrong")
        page.keyboard.press("Tab")
        page.keyboard.type("Makes up a feature")
        turn(page, "Control+Enter")
    progress(page, "9 of 13")
    turn(page, "d")
    turn(page, "p")
    turn(page, "u")
    progress(page, "9 of 13")
    page.reload()
    page.wait_for_selector(".message")
    progress(page, "9 of 13")
    page.keyboard.press("f")
    page.keyboard.press("Control+Enter")
    playwright.expect(page.locator("#message")).to_have_text("Say what went wrong first, in a few words.")
    page.keyboard.press("Escape")
    turn(page, "p")
    assert not place.bench.home.files("labels")
    page.keyboard.press("Shift+H")
    playwright.expect(page.locator("#message")).to_have_text("Thank you: 11 labels are handed in.")
    with ThreadPoolExecutor(1) as pool:  # the browser's driver has an event loop in this thread
        pool.submit(take_in, place).result()
    rows = place.lake.frame("select * from annotations where is_current order by labelled_at")
    assert rows["verdict"].value_counts().to_dict() == {"pass": 7, "fail": 3, "defer": 1}
    assert rows["trace_id"][0] == first and set(rows["annotator"]) == {"mira"}
    fails = rows[rows["verdict"] == "fail"]
    assert list(fails["comment"]) == [f"p the {n}. thing that went wrong" for n in range(3)]
    assert set(fails["code"]) == {"Makes up a feature"} and fails["first_failure_step"].notna().all()


def test_what_strangers_put_into_a_trace_is_shown_and_does_nothing(page: playwright.Page) -> None:
    page.keyboard.press("/")
    page.keyboard.type("evil")
    page.keyboard.press("Enter")
    playwright.expect(page.locator("#title")).to_have_text("evil")
    for summary in page.locator("summary").all():
        summary.click()
    assert "<script>window.hacked = 1</script>" in page.inner_text("#trace")
    assert page.locator("#trace script, #trace img, #trace [onerror], #trace a[href^='javascript' i]").count() == 0
    page.click("button.whole")
    playwright.expect(page.locator("button.whole")).to_have_count(0, timeout=20_000)
    assert page.evaluate("document.getElementById('trace').textContent.length") > 5_000_000
    assert page.evaluate("window.hacked") is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_passes_axe(page: playwright.Page, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")
    page.emulate_media(color_scheme=scheme)
    page.keyboard.press("f")
    for step in ("page", "help"):
        found = axe.Axe().run(page)
        assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in found.response["violations"]] == [], step
        page.keyboard.press("Escape")
        page.keyboard.press("?")


def test_it_fits_a_tablet(page: playwright.Page) -> None:
    page.set_viewport_size({"width": 768, "height": 1024})
    assert page.evaluate("document.documentElement.scrollWidth") <= 768
    playwright.expect(page.locator("#fail")).to_be_in_viewport()
    page.click("#fail")
    playwright.expect(page.locator("#comment")).to_be_in_viewport()


def test_two_tabs_do_not_undo_each_other(page: playwright.Page) -> None:
    other = page.context.new_page()
    other.goto(page.url)
    other.wait_for_selector(".message")
    turn(page, "p")
    turn(page, "p")
    turn(other, "j")
    turn(other, "j")
    turn(other, "p")
    progress(other, "3 of 13")
    page.reload()
    progress(page, "3 of 13")


def test_what_is_said_is_of_the_trace_on_the_screen_although_the_queue_changed(
    page: playwright.Page, place: Place
) -> None:
    told = page.text_content("#title")
    rows = place.lake.read("sampled_traces", SampledTrace)
    more = [replace(a_trace(), trace_id=f"n{i:02}", input=f"new {i}") for i in range(30)]
    place.lake.write("raw_traces", more, part="2025-06-09")
    place.lake.write("sampled_traces", [*rows, *(a_sampled_trace(batch="c", trace_id=t.trace_id) for t in more)])
    page.evaluate("dispatchEvent(new Event('focus'))")
    playwright.expect(page.locator("#batch option")).to_have_text(["c", "b", "all batches"])
    progress(page, "0 of 13")
    turn(page, "p")
    said = Journal(place.root / "labels", "mira").events()
    assert [(e["key"], e["verdict"]) for e in said] == [(told, "pass")]
    page.select_option("#batch", "c")
    progress(page, "0 of 30")
    playwright.expect(page.locator("#title")).to_have_text(re.compile("n[0-9]+"))
    page.select_option("#batch", "")
    progress(page, "1 of 43")


def test_the_message_that_is_clicked_is_the_first_failure_and_a_mode_is_chosen_or_added(
    page: playwright.Page, place: Place
) -> None:
    place.lake.write("failure_taxonomy", [a_mode(name="Made up a feature", rank=2), a_mode(name="Too long", rank=1)])
    page.evaluate("dispatchEvent(new Event('focus'))")
    playwright.expect(page.locator("#chips button")).to_have_text(["Too long", "Made up a feature"])
    page.click(".message.assistant .text")
    playwright.expect(page.locator("#step-told")).to_have_text("First failure at message 2.")
    page.click(".message.assistant .step")
    playwright.expect(page.locator("#step-told")).to_have_text("Click the message where it first went wrong.")
    page.click(".message.user")
    page.click("#chips button >> nth=1")
    page.fill("#code", "Makes up a button")
    turn(page, "Control+Enter")
    page.fill("#category", "Rude to the user")
    page.fill("#code", "Scolds the user")
    turn(page, "Control+Enter")
    playwright.expect(page.locator("#chips button >> nth=2")).to_have_text("Rude to the user")
    said = Journal(place.root / "labels", "mira").events()
    assert [(e["category"], e.get("first_failure_step")) for e in said] == [
        ("Made up a feature", 0), ("Rude to the user", None),
    ]  # fmt: skip


def test_a_key_that_is_pressed_before_the_next_trace_is_there_says_nothing_of_it(
    page: playwright.Page, place: Place
) -> None:
    told = page.text_content("#title")
    page.route("**/api/item*", lambda route: (time.sleep(0.3), route.continue_()))
    for _ in range(5):
        page.keyboard.press("p")
    playwright.expect(page.locator("#title")).not_to_have_text(told or "")
    said = Journal(place.root / "labels", "mira").events()
    assert [e["key"] for e in said] == [told]


def test_the_last_one_is_told(page: playwright.Page) -> None:
    for _ in range(12):
        turn(page, "p")
    page.keyboard.press("p")
    playwright.expect(page.locator("#message")).to_have_text("That was the last one. Hand in when you are ready.")
    progress(page, "13 of 13")
    page.select_option("#filter", "fail")
    playwright.expect(page.locator("#message")).to_have_text("There is none of this kind.")
