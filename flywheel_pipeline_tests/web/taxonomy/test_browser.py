"""The page of failure modes in a real browser: by keyboard, by drag, in two tabs, and whatever a comment holds."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from flywheel_pipeline.commands.board import taxonomy_board
from flywheel_pipeline.commands.serve import label_source, people_of
from flywheel_pipeline.settings import load_settings
from flywheel_pipeline.steps.cluster.propose import Proposal
from flywheel_pipeline.web import Limits, build_app, labelling_mount, open_socket, taxonomy_mount
from flywheel_pipeline_tests.homes import Place, a_home
from flywheel_pipeline_tests.steps.cluster.reviewed import a_mode, actions, known, members, put_taxonomy, taxonomy_of

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install -e .[dev]")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium on this machine")
FLAGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync"
EVIL = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
MERGE = Proposal("merge", ("dull", "rude"), f"Merge {EVIL}", f"alike {EVIL}", examples=(EVIL,))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = a_home(tmp_path / "home")
    (made.root / "flywheel.yaml").write_text("annotate: {arbiter: mira, annotators: [ben]}")
    modes = (a_mode("rude", "r1", "r2", "r3"), a_mode("late", "l1", "l2"), a_mode("dull", "d1", name=EVIL[:70]))
    put_taxonomy(made, known(*modes), MERGE, comment=EVIL, loose=["x1"])
    return made


@pytest.fixture
def url(place: Place) -> Iterator[str]:
    settings = load_settings(place.root, {})
    label = labelling_mount(place.root / "labels", label_source(settings), people_of(settings), None)
    pages = [label, taxonomy_mount(taxonomy_board(settings), None)]
    app = build_app(place.root / "traces", Limits(10**6, 10**6, 10**6, 60), None, pages)
    listening = open_socket("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    server.should_exit = True
    thread.join()


@pytest.fixture
def page(url: str) -> Iterator[playwright.Page]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
        asked: list[str] = []
        wrong: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(url + "taxonomy/")
        page.wait_for_selector(".mode")
        yield page
        assert [u for u in asked if not u.startswith(url)] == [] == wrong
        browser.close()


def told(page: playwright.Page, text: str) -> None:
    playwright.expect(page.locator("#told")).to_have_text(text)


def test_a_failure_is_moved_by_keyboard(page: playwright.Page, place: Place) -> None:
    page.focus("#move-r2")
    page.keyboard.type("LATE")
    assert members(taxonomy_of(place))["late"] == ["l1", "l2"]  # a choice alone moves nothing
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    told(page, "Moved to “LATE”.")
    found = taxonomy_of(place)
    assert members(found)["late"] == ["l1", "l2", "r2"] and found.mode("late").members[-1].assigned_by == "HUMAN"
    page.reload()
    playwright.expect(page.locator("[aria-labelledby=mode-late].mode .failure")).to_have_count(3)


def test_a_failure_is_dragged_to_another_mode(page: playwright.Page, place: Place) -> None:
    page.locator(".failure", has=page.locator("#move-r3")).drag_to(page.locator("#mode-late"))
    told(page, "Moved to “LATE”.")
    assert members(taxonomy_of(place))["late"] == ["l1", "l2", "r3"]


def test_a_mode_is_renamed_defined_rated_accepted_and_retired(page: playwright.Page, place: Place) -> None:
    page.focus("#edit-rude")
    page.keyboard.press("Enter")
    page.fill("#name-rude", "Is impolite")
    page.click("text=Rename >> visible=true")
    told(page, "Renamed; its id stays.")
    page.fill("#definition-rude", "It insults.")
    page.click("text=Save the definition >> visible=true")
    told(page, "The definition is saved.")
    page.select_option("#severity-rude", "high")
    page.get_by_role("button", name="Save", exact=True).locator("visible=true").click()
    told(page, "The severity is saved.")
    page.get_by_role("button", name="Accept", exact=True).locator("visible=true").click()
    told(page, "Accepted.")
    page.get_by_role("button", name="Retire", exact=True).locator("visible=true").click()
    told(page, "Retired: it takes no more failures.")
    rude = taxonomy_of(place).mode("rude")
    assert (rude.name, rude.definition, rude.severity, rude.status) == ("Is impolite", "It insults.", "high", "retired")
    assert {by for by, _, _ in actions(taxonomy_of(place))} == {"mira"}


def test_modes_are_split_and_merged_and_a_failure_in_none_makes_one(page: playwright.Page, place: Place) -> None:
    page.check("input[value=r1]")
    page.click("#edit-rude")
    page.fill("#split-rude", "Shouts")
    page.get_by_role("button", name="Split").locator("visible=true").click()
    told(page, "Split.")
    page.click("#edit-late")
    page.select_option("#into-late", "rude")
    page.locator("section.mode", has=page.locator("#mode-late")).get_by_role("button", name="Merge").click()
    told(page, "Merged.")
    page.check("input[value=x1]")
    page.fill("#new-name", "Strange")
    page.click("text=Make a mode")
    told(page, "There is a new mode.")
    found = {m.name: [x.trace_id for x in m.members] for m in taxonomy_of(place).modes if not m.merged_into}
    assert found == {"RUDE": ["r2", "r3", "l1", "l2"], EVIL[:70]: ["d1"], "Shouts": ["r1"], "Strange": ["x1"]}


def test_a_proposal_is_accepted(page: playwright.Page, place: Place) -> None:
    page.select_option("#by", "ben")
    page.locator("#proposals").get_by_role("button", name="Accept").click()
    playwright.expect(page.locator("#proposals")).to_be_hidden()
    assert actions(taxonomy_of(place)) == [("ben", "merged", ("dull", "rude"))]


def test_of_two_tabs_the_later_is_told_and_sees_what_the_other_did(page: playwright.Page, place: Place) -> None:
    other = page.context.new_page()
    other.goto(page.url)
    other.click("#edit-late")
    other.fill("#name-late", "Is slow")
    page.select_option("#move-r1", "late")
    page.locator(".failure", has=page.locator("#move-r1")).get_by_role("button", name="Move").click()
    told(page, "Moved to “LATE”.")
    other.click("text=Rename >> visible=true")
    playwright.expect(other.locator("#message")).to_contain_text("Nothing was overwritten. This is how it stands now.")
    playwright.expect(other.locator("[aria-labelledby=mode-late].mode .failure")).to_have_count(3)
    assert taxonomy_of(place).mode("late").name == "LATE"


def test_what_strangers_write_is_shown_and_does_nothing(page: playwright.Page) -> None:
    for summary in page.locator("summary").all():
        summary.click()
    assert page.inner_text("#modes").count("<script>window.hacked = 1</script>") >= 6
    assert "<img src=x" in page.inner_text("#proposals")
    assert page.locator("main script, main img, main [onerror]").count() == 0
    assert page.evaluate("window.hacked") is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_passes_axe(page: playwright.Page, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")
    page.emulate_media(color_scheme=scheme)
    page.click("#edit-rude")
    found = axe.Axe().run(page)
    assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in found.response["violations"]] == []


@pytest.mark.parametrize("width", [768, 360])
def test_it_fits_a_small_screen(page: playwright.Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.click("#edit-rude")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_two_pages_lead_to_each_other(page: playwright.Page) -> None:
    page.click("text=Labelling >> visible=true")
    playwright.expect(page.locator("#progress")).to_be_visible()
    page.click("text=Failure modes")
    playwright.expect(page.locator("#mode-rude")).to_be_visible()
