"""The empty labelling page takes an export, or what is captured, to a first batch of twenty."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from flywheel_pipeline_tests.homes import Place, a_home, some_traces
from flywheel_pipeline_tests.web.annotate.test_service import a_batch, client_of
from flywheel_pipeline_tests.web.browsing import needs_chromium, open_page, playwright, serve_pages

EXPORT = "".join(json.dumps(row) + "\n" for row in some_traces(22)) + "{broken\n"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = a_home(tmp_path / "home")
    (made.root / "flywheel.yaml").write_text("annotate: {arbiter: mira, repeated: 0}")
    return made


def start(client: Any, name: str, data: bytes) -> Any:
    return client.post("/label/api/start", json={"name": name, "data": base64.b64encode(data).decode()})


def test_what_is_no_export_is_refused_and_leaves_nothing_behind(place: Place) -> None:
    client = client_of(place)
    assert client.post("/label/api/start", json={}).status_code == 422
    for name in ("../evil.jsonl", "", ".hidden", "a/b", "a\\b", "x" * 300, "a\nb"):
        assert start(client, name, b"{}").status_code == 422, name
    assert client.post("/label/api/start", json={"name": "a.jsonl", "data": "§"}).status_code == 422
    assert list((place.root / "traces").iterdir()) == []
    answer = start(client, "a.jsonl", b"{broken\n")
    assert answer.status_code == 422 and "no trace could be read" in answer.json()["error"]
    assert (
        client.post("/label/api/start", content=b"[]", headers={"content-type": "application/json"}).status_code == 400
    )


def test_captured_traces_are_drawn_once(place: Place) -> None:
    a_batch(place)
    (place.root / "lake" / "sampled_traces" / "all.parquet").unlink()
    client = client_of(place)
    assert client.get("/label/api/home").json() == {"n_traces": 5, "n_batches": 0}
    assert client.post("/label/api/start", json={}).json()["lines"][0].startswith("5 traces to label, batch ")
    assert len(client.get("/label/api/queue").json()["keys"]) == 5
    again = client.post("/label/api/start", json={})
    assert again.status_code == 422 and "drawn already" in again.json()["error"]


@needs_chromium
def test_an_export_is_chosen_labelled_and_grouped_on_the_page(browser: Any, place: Place, tmp_path: Path) -> None:
    (tmp_path / "chats.jsonl").write_text(EXPORT)
    with serve_pages(place.root) as url, open_page(browser, url, "label/", "#first:not([hidden])") as page:
        playwright.expect(page.locator("#form")).to_be_hidden()
        page.set_input_files("#export", str(tmp_path / "chats.jsonl"))
        playwright.expect(page.locator("#progress")).to_have_text("0 of 20 labelled", timeout=20_000)
        playwright.expect(page.locator("#status")).to_contain_text("22 traces from 23 rows, 1 row rejected")
        for n in range(20):
            before = page.text_content("#title")
            if n < 4:
                page.keyboard.press("f")
                page.keyboard.type(("invents a discount", "invents a discount code")[n % 2])
                page.keyboard.press("Control+Enter")
            else:
                page.keyboard.press("p")
            if n < 19:
                playwright.expect(page.locator("#title")).not_to_have_text(before)
        playwright.expect(page.locator("#found-groups")).to_contain_text("20 of 20 traces labelled: 16 pass, 4 fail.")
        playwright.expect(page.locator("#found-groups h3").first).to_contain_text("invents a discount")
        page.click("#submit-found")
        playwright.expect(page.locator("#status")).to_have_text("Thank you: 20 labels submitted.")
