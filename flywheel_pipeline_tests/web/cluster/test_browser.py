"""The page of failure modes in a real browser: by keyboard, by drag, in two tabs, and whatever a comment holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flywheel_pipeline.steps.cluster.propose import ProposedChange
from flywheel_pipeline_tests.homes import Place, a_home
from flywheel_pipeline_tests.steps.cluster.reviewed import a_mode, actions, known, members, put_taxonomy, taxonomy_of
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
COVERS = ("web/cluster/__init__.py",)
MERGE = ProposedChange("merge", ("dull", "rude"), f"Merge {EVIL}", f"alike {EVIL}", examples=(EVIL,))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = a_home(tmp_path / "home")
    (made.root / "flywheel.yaml").write_text("annotate: {arbiter: mira, annotators: [ben]}")
    modes = (a_mode("rude", "r1", "r2", "r3"), a_mode("late", "l1", "l2"), a_mode("dull", "d1", name=EVIL[:70]))
    put_taxonomy(made, known(*modes), MERGE, comment=EVIL, loose=["x1"])
    return made


@pytest.fixture
def page(browser: Any, place: Place) -> Iterator[Any]:
    with serve_pages(place.root) as url, open_page(browser, url, "taxonomy/", ".mode") as page:
        yield page


def status(page: Any, text: str) -> None:
    playwright.expect(page.locator("#status")).to_have_text(text)


def error(page: Any, text: str) -> None:
    playwright.expect(page.locator("#error")).to_contain_text(text)


def press(page: Any, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def to(page: Any, mode: str) -> None:
    """Put the focus on a mode by keyboard."""
    for _ in range(9):
        if page.evaluate("document.activeElement.dataset?.mode") == mode:
            return
        page.keyboard.press("]")
    raise AssertionError(f"{mode} is not reached")


def pick(page: Any, text: str) -> None:
    playwright.expect(page.locator("#pick")).to_be_visible()
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def write(page: Any, text: str, *keys: str) -> None:
    playwright.expect(page.locator("#write")).to_be_visible()
    page.keyboard.type(text)
    press(page, *(keys or ("Enter",)))


def test_many_failures_are_moved_at_once_by_keyboard_and_back_by_undo(page: Any, place: Place) -> None:
    to(page, "rude")
    press(page, "j", "Space", "Shift+ArrowDown")
    playwright.expect(page.locator("#n-selected")).to_have_text("2 failures selected")
    press(page, "m")
    pick(page, "lat")
    status(page, "Moved 2 failures to “LATE”.")
    found = taxonomy_of(place)
    assert members(found)["late"] == ["l1", "l2", "r1", "r2"] and members(found)["rude"] == ["r3"]
    assert found.mode("late").members[-1].assigned_by == "HUMAN"
    playwright.expect(page.locator("#selection")).to_be_hidden()
    playwright.expect(page.locator("input[value=r3]")).to_be_focused()  # the focus stays in the list
    press(page, "u")
    status(page, "Undone: moving failures.")
    assert members(taxonomy_of(place))["rude"] == ["r1", "r2", "r3"] and taxonomy_of(place).history == ()
    playwright.expect(page.locator("#undo")).to_be_disabled()


def test_a_failure_leads_to_its_trace(page: Any) -> None:
    to(page, "rude")
    press(page, "j", "l")
    page.wait_for_url("**/traces/#r1")


def test_a_single_failure_in_focus_is_moved_without_selecting_it(page: Any, place: Place) -> None:
    to(page, "late")
    press(page, "ArrowDown", "m")
    pick(page, "rude")
    status(page, "Moved 1 failure to “RUDE”.")
    assert members(taxonomy_of(place))["rude"] == ["r1", "r2", "r3", "l1"]


def test_all_failures_of_a_mode_are_selected_and_escape_clears(page: Any) -> None:
    to(page, "rude")
    press(page, "a")
    playwright.expect(page.locator("#n-selected")).to_have_text("3 failures selected")
    press(page, "Escape")
    playwright.expect(page.locator("#selection")).to_be_hidden()
    assert page.locator(".pick input:checked").count() == 0
    press(page, "m")
    error(page, "Select a failure first (Space).")


def test_the_selected_failures_are_dragged_together(page: Any, place: Place) -> None:
    page.check("input[value=r1]")
    page.check("input[value=r3]")
    page.locator(".failure", has=page.locator("input[value=r3]")).drag_to(page.locator("#mode-late"))
    status(page, "Moved 2 failures to “LATE”.")
    assert members(taxonomy_of(place))["late"] == ["l1", "l2", "r1", "r3"]


def test_a_mode_is_renamed_defined_rated_accepted_and_retired_by_keyboard(page: Any, place: Place) -> None:
    to(page, "rude")
    press(page, "r")
    write(page, "Is impolite")
    status(page, "Renamed to “Is impolite”.")
    press(page, "d")
    write(page, "It insults.", "Control+Enter")
    status(page, "The definition is saved.")
    press(page, "v")
    pick(page, "high")
    status(page, "The severity is saved.")
    press(page, "y")
    status(page, "Accepted “Is impolite”.")
    playwright.expect(page.locator("#modes-title")).to_have_text("Failure modes (1)")
    press(page, "Shift+R")
    status(page, "Retired “Is impolite”: no failures are assigned to it any more.")
    rude = taxonomy_of(place).mode("rude")
    assert (rude.name, rude.definition, rude.severity, rude.status) == ("Is impolite", "It insults.", "high", "retired")
    assert {by for by, _, _ in actions(taxonomy_of(place))} == {"mira"}


def test_modes_are_split_and_merged_and_a_failure_in_none_makes_one_by_keyboard(page: Any, place: Place) -> None:
    to(page, "rude")
    press(page, "j", "n")
    write(page, "Shouts")
    status(page, "Made “Shouts” of 1 failure.")
    to(page, "late")
    press(page, "g")
    pick(page, "RUDE")
    status(page, "Merged “LATE” into “RUDE”.")
    page.focus("input[value=x1]")
    press(page, "x", "n")
    write(page, "Strange")
    status(page, "Made “Strange” of 1 failure.")
    found = {m.name: [x.trace_id for x in m.members] for m in taxonomy_of(place).modes if not m.merged_into}
    assert found == {"RUDE": ["r2", "r3", "l1", "l2"], EVIL[:70]: ["d1"], "Shouts": ["r1"], "Strange": ["x1"]}


def test_what_was_typed_into_a_dialog_survives_escape_but_not_cancel(page: Any) -> None:
    to(page, "rude")
    press(page, "d")
    write(page, "It insu", "Escape")
    playwright.expect(page.locator(".mode[data-mode=rude]")).to_be_focused()
    press(page, "d")
    playwright.expect(page.locator("#write-text")).to_have_value("It insu")
    page.locator("#write").get_by_role("button", name="Cancel").click()
    playwright.expect(page.locator(".mode[data-mode=rude]")).to_be_focused()
    press(page, "d")
    playwright.expect(page.locator("#write-text")).to_have_value("It belongs here.")


def test_a_dialog_that_is_left_changes_nothing(page: Any, place: Place) -> None:
    to(page, "rude")
    for key in ("r", "d", "v", "g"):
        press(page, key, "Escape")
    assert taxonomy_of(place).history == ()
    playwright.expect(page.locator(".mode[data-mode=rude]")).to_be_focused()


def test_groups_without_a_definition_are_to_be_reviewed_by_their_comments(page: Any, place: Place) -> None:
    put_taxonomy(place, known(a_mode("late", "l1", "m1", "n1", "o1", definition="")))
    page.evaluate("dispatchEvent(new Event('focus'))")
    playwright.expect(page.locator("#groups-title")).to_have_text("Groups to review (1)")
    playwright.expect(page.locator("#groups .examples li")).to_have_text(["It was l.", "It was m.", "It was n."])
    to(page, "late")
    press(page, "r")
    write(page, "Answers too late")
    status(page, "Renamed to “Answers too late”.")
    press(page, "y")
    status(page, "Accepted “Answers too late”.")
    playwright.expect(page.locator("#modes-title")).to_have_text("Failure modes (1)")


def test_a_proposal_is_accepted(page: Any, place: Place) -> None:
    page.select_option("#by", "ben")
    page.locator("#proposals").get_by_role("button", name="Accept").click()
    playwright.expect(page.locator("#proposals")).to_be_hidden()
    assert actions(taxonomy_of(place)) == [("ben", "merged", ("dull", "rude"))]
    page.click("#undo")
    playwright.expect(page.locator("#proposals")).to_be_visible()


def test_of_two_tabs_the_later_gets_a_conflict_error_and_sees_what_the_other_did(page: Any, place: Place) -> None:
    other = page.context.new_page()
    other.goto(page.url)
    other.wait_for_selector(".mode")
    page.focus("input[value=r1]")
    press(page, "m")
    pick(page, "LATE")
    status(page, "Moved 1 failure to “LATE”.")
    other.locator("#rename-late").click()
    write(other, "Is slow")
    error(other, "nothing was overwritten.")
    playwright.expect(other.locator(".mode[data-mode=late] .failure")).to_have_count(3)
    assert taxonomy_of(place).mode("late").name == "LATE"


def test_what_strangers_write_is_shown_and_does_nothing(page: Any) -> None:
    assert page.inner_text("#proposed").count("<script>window.hacked = 1</script>") >= 6
    assert "<img src=x" in page.inner_text("#proposals")
    assert page.locator("main script, main img, main [onerror]").count() == 0
    assert page.evaluate("window.hacked") is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_passes_axe(page: Any, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    to(page, "late")
    press(page, "y", "j", "x")
    status(page, "Accepted “LATE”.")
    for key in ("", "m", "Escape", "r", "Escape", "?"):
        if key:
            press(page, key)
        if key != "Escape":
            assert check_axe(page) == [], key


@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_the_screen(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.check("input[value=r1]")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    playwright.expect(page.locator("#move")).to_be_in_viewport()


def test_the_two_pages_lead_to_each_other(page: Any) -> None:
    page.get_by_role("link", name="Labelling").click()
    playwright.expect(page.locator("#progress")).to_be_visible()
    page.get_by_role("link", name="Failure modes").click()
    playwright.expect(page.locator("#mode-rude")).to_be_visible()
