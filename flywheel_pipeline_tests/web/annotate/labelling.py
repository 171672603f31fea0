"""What people do on the labelling page, and what it shows then."""

from __future__ import annotations

import json
from typing import Any

from flywheel_pipeline_tests.homes import Place
from flywheel_pipeline_tests.web.browsing import playwright


def progress(page: Any, reported: str) -> None:
    playwright.expect(page.locator("#progress")).to_have_text(reported + " labelled")


def status(page: Any, reported: str) -> None:
    playwright.expect(page.locator("#status")).to_have_text(reported)


def error(page: Any, reported: str) -> None:
    playwright.expect(page.locator("#error")).to_have_text(reported)


def events(place: Place) -> list[dict[str, Any]]:
    path = place.root / "labels" / ".drafts" / "mira.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def go_to(page: Any, trace_id: str) -> None:
    page.keyboard.press("/")
    page.keyboard.type(trace_id)
    page.keyboard.press("Enter")
    playwright.expect(page.locator("#title")).to_have_text(trace_id)


def turn(page: Any, *keys: str) -> None:
    """Press keys that lead to another trace, and wait until it is there."""
    before = page.text_content("#title")
    for key in keys:
        page.keyboard.press(key)
    playwright.expect(page.locator("#title")).not_to_have_text(before or "")
