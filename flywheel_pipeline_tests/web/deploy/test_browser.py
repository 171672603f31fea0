"""The page of prompts in a real browser: versions, what differs, promotion and rollback, and hostile prompts."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from flywheel_pipeline.adapters.registry import Canary, Move
from flywheel_pipeline.flows.deploy.publish import Publication
from flywheel_pipeline.flows.deploy.turns import record_turns
from flywheel_pipeline.records import Json
from flywheel_pipeline.steps.deploy.turns import TurnNote
from flywheel_pipeline_tests.builders import a_candidate, a_health, a_prompt, a_prompt_trial
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
COVERS = ("web/deploy/page.py", "flows/deploy/overview.py")
FIRST, NOW = a_prompt("Be kind."), a_prompt("Be kind and helpful.", note=f"set {EVIL}")
BETTER = a_prompt(f"Be kind, helpful and brief. {EVIL}", base_version=NOW.version, author="the improver")
HELD = a_prompt("Be rude.", base_version=NOW.version)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = a_home(tmp_path / "home")
    for prompt in (FIRST, NOW, BETTER, HELD):
        place.bench.registry.add(prompt)
    place.bench.registry.promote(FIRST.version, at="2026-01-01T00:00:00Z", by=EVIL, message=EVIL)
    place.bench.registry.promote(NOW.version, at="2026-01-02T00:00:00Z", by="mira")
    place.lake.write(
        "prompt_candidate",
        [
            a_candidate(candidate_id=BETTER.version, base_version=NOW.version, decision="ship", reason="13 fixed"),
            a_candidate(candidate_id=HELD.version, base_version=NOW.version, decision="hold", reason="cannot tell"),
        ],
    )
    found = a_health(before_version=FIRST.version, after_version=NOW.version, name=EVIL, state="re-opened")
    place.lake.write("production_health", [found])
    tree = {"base_version": NOW.version, "changes": Json(json.dumps([EVIL]))}
    place.lake.write("prompt_trials", [
        a_prompt_trial(version=NOW.version, parent_version=None, status="base", number=0, reason=f"stopped {EVIL}", **tree),
        a_prompt_trial(version=BETTER.version, parent_version=NOW.version, status="held", reason=EVIL, **tree),
    ])  # fmt: skip
    turn = TurnNote(
        "2026-01-03T00:00:00Z", NOW.version, BETTER.version, "ship", f"13 fixed {EVIL}", 90, {"fm-1": EVIL},
        {"difference": 0.1, "low": 0.02, "high": 0.2}, {"problem": f"no judge {EVIL}"},
    )  # fmt: skip
    place.append("prompts/turns.jsonl", [asdict(turn)])
    failed = Publication("2026-01-02T00:00:01Z", "langfuse http://127.0.0.1", "fern", NOW.version, None, f"401 {EVIL}")
    place.append("prompts/published.jsonl", [asdict(failed)])
    record_turns(place.bench)
    return place


@pytest.fixture
def served(place: Place) -> Iterator[str]:
    with serve_pages(place.root) as url:
        yield url


@pytest.fixture
def page(browser: Any, served: str) -> Iterator[Any]:
    with open_page(browser, served, "prompts/", "#detail header") as page:
        yield page


def status(page: Any, text: str) -> None:
    playwright.expect(page.locator("#status")).to_have_text(text)


def test_the_prompt_in_production_comes_first_and_the_others_show_what_differs(page: Any) -> None:
    playwright.expect(page.locator("#detail h2 .id")).to_have_text(NOW.version)
    page.keyboard.press("j")
    playwright.expect(page.locator("#detail h2 .id")).not_to_have_text(NOW.version)
    page.locator("#version").select_option(BETTER.version)
    playwright.expect(page.locator("#detail")).to_contain_text("The gate: ship. 13 fixed")
    assert "brief" in page.locator("ins").all_inner_texts()[-1] or "brief" in "".join(
        page.locator("ins").all_inner_texts()
    )
    assert f"before={NOW.version}&after={BETTER.version}" in page.locator("#detail a[href*=evals]").get_attribute(
        "href"
    )
    assert f"version={BETTER.version}" in page.url
    playwright.expect(page.locator("#turns")).to_contain_text("+10 points +2 to +20")
    playwright.expect(page.locator("#turns")).to_contain_text("Predicted: not known, no judge")
    playwright.expect(page.locator("#overview")).to_contain_text("not published, 401")


def test_a_candidate_is_promoted_and_rolled_back_by_keyboard_with_name_and_reason(page: Any, place: Place) -> None:
    page.locator("#version").select_option(BETTER.version)
    playwright.expect(page.locator("#actions button").first).to_have_text(re.compile("Promote"))
    page.keyboard.press("Tab")
    page.locator("#main").focus()
    page.keyboard.press("p")
    page.locator("#by").fill("noor")
    page.locator("#message").fill("clearer")
    page.keyboard.press("Enter")
    status(page, f"{BETTER.version} is in production now.")
    assert place.bench.registry.history()[-1] == BETTER.version
    assert (place.bench.registry.labels().moves[-1].by, place.bench.registry.labels().moves[-1].message) == (
        "noor",
        "clearer",
    )
    page.locator("#main").focus()
    page.keyboard.press("r")
    playwright.expect(page.locator("#by")).to_have_value("noor")
    page.keyboard.press("Enter")
    status(page, f"{NOW.version} is in production again.")


def test_foreign_parts_are_shown_and_a_person_notes_that_they_were_read(page: Any, place: Place) -> None:
    page.locator("#version").select_option(BETTER.version)
    playwright.expect(page.locator("#detail")).to_contain_text("To be read before it may ship")
    playwright.expect(page.locator("#detail ul")).to_contain_text("markup")
    page.locator("#main").focus()
    page.keyboard.press("y")
    page.locator("#by").fill("noor")
    page.keyboard.press("Enter")
    status(page, "Noted. The gate decides again with `flywheel gate decide`, or in the next run.")
    (row,) = place.lines("prompts/read.jsonl")
    assert (row["version"], row["by"]) == (BETTER.version, "noor")
    playwright.expect(page.locator("#detail")).not_to_contain_text("To be read before it may ship")


def test_what_the_gate_holds_has_no_way_to_be_promoted(page: Any, served: str) -> None:
    page.locator("#version").select_option(HELD.version)
    playwright.expect(page.locator("#detail")).to_contain_text("The gate: hold. cannot tell")
    playwright.expect(page.locator("#actions button")).to_have_count(0)
    page.locator("#main").focus()
    page.keyboard.press("p")
    playwright.expect(page.locator("#move")).to_be_hidden()


def send(url: str, **sent: Any) -> tuple[int, str]:
    request = urllib.request.Request(
        f"{url}prompts/api/act", json.dumps(sent).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_move_names_the_state_it_was_decided_on_and_the_gate_holds_for_the_page_too(
    served: str, place: Place
) -> None:
    seen = place.bench.registry.labels().seen
    assert send(served, what="promote", version=HELD.version, seen=seen)[0] == 422
    assert send(served, what="delete", seen=seen)[0] == 422
    assert send(served, what="promote", version=BETTER.version)[0] == 400
    place.bench.registry.move(Move("staging", FIRST.version))
    code, text = send(served, what="promote", version=BETTER.version, seen=seen)
    assert code == 409 and "moved since this page was loaded" in text
    assert place.bench.registry.history()[-1] == NOW.version


def test_a_hostile_prompt_name_or_reason_is_only_text(page: Any, place: Place) -> None:
    page.locator("#version").select_option(BETTER.version)
    playwright.expect(page.locator("#detail pre")).to_contain_text("<script>")
    for part in ("ol.moves", "ul.moves", "#turns"):
        playwright.expect(page.locator(part)).to_contain_text("<script>")
    assert page.evaluate("window.hacked") is None
    assert page.locator("#overview script, #overview img, #detail script, #detail img").count() == 0
    playwright.expect(page.locator("#overview")).to_contain_text("worse re-opened")


def test_a_canary_is_shown(place: Place, browser: Any) -> None:
    place.bench.registry.move(Move("production", NOW.version, canary=Canary("c1", BETTER.version, 0.25)))
    with serve_pages(place.root) as url, open_page(browser, url, "prompts/", "#detail header") as page:
        playwright.expect(page.locator("#overview")).to_contain_text(f"Canary: {BETTER.version} answers 25%")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible_and_fits_every_width(page: Any, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
    assert check_axe(page) == []


def test_a_home_without_a_prompt_says_where_the_first_comes_from(tmp_path: Path, browser: Any) -> None:
    a_home(tmp_path / "new")
    with serve_pages(tmp_path / "new") as url, open_page(browser, url, "prompts/", "#overview p") as page:
        playwright.expect(page.locator("#overview")).to_contain_text("flywheel prompt FILE")
