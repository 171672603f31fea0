"""The pages of a home in a real browser."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.settings import load_settings
from flywheel_pipeline.web import RequestLimits, build_app, mount_pages, open_socket, pages_of

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install -e .[dev]")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium on this machine")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
EVIL = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'> [x](javascript:window.hacked=1) "
WIDTHS = (390, 768, 1024, 1440, 1920)


@contextmanager
def open_browser() -> Iterator[Any]:
    """Start a browser for the block."""
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def serve_pages(home: Path) -> Iterator[str]:
    """Serve the pages of a home for the block; yields the address that they begin with."""
    app = build_app(
        home / "traces",
        RequestLimits(10**6, 10**6, 10**6, 60),
        None,
        mount_pages(pages_of(Workbench(load_settings(home, {}))), None),
    )
    listening = open_socket("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def open_page(browser: Any, url: str, path: str, wait: str) -> Iterator[Any]:
    """Open a page and wait for an element; afterwards nothing was asked of another server and no script failed."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    asked: list[str] = []
    failed: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: failed.append(str(error)))
    page.goto(url + path)
    page.wait_for_selector(wait)
    yield page
    assert [u for u in asked if not u.startswith(url)] == [] == failed
    context.close()


def check_axe(page: Any) -> list[Any]:
    """Return the accessibility rules that the page breaks, and where."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")
    found = axe.Axe().run(page)
    return [(v["id"], [n["html"] for n in v["nodes"]]) for v in found.response["violations"]]
