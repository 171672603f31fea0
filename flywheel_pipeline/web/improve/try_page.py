"""The page of trials: edit the production prompt, and see ten cases of a failure mode answered by both."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from flywheel_pipeline.errors import EditError, FlywheelError, HomeError, ModelError
from flywheel_pipeline.flows.trial import SHOWN, Tried, TryRequest, modes_to_try, try_prompt
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.web.evaluate.views import show_case, show_evaluators
from flywheel_pipeline.web.pages import Page, read_object, respond
from flywheel_pipeline.web.templates import render

MAX_BODY = 1_000_000
MOST_CASES = 30


class _Endpoints:
    """The requests of the page; one trial at a time, since each may ask models."""

    def __init__(self, bench: Workbench) -> None:
        self.bench = bench
        self._alone = threading.Lock()

    def start(self, version: str = "") -> dict[str, Any]:
        """Return a prompt (a label or version, or the one in production), and the modes that have cases to try.

        Raises:
            GateError: there is no such version.
        """
        registry = self.bench.registry
        production = registry.production()
        shown = registry.get(registry.find(version)) if version else production
        return {
            "text": shown.text if shown else "",
            "production": production.version if production else None,
            "modes": modes_to_try(self.bench),
            "models": [m.model for m in self.bench.settings.evaluate.models],
            "model": self.bench.model_name("app"),
        }

    def run(self, sent: dict[str, Any]) -> dict[str, Any]:
        """Run a trial and return it as HTML.

        Raises:
            EditError: what is sent is no trial, or cannot be tried.
        """
        n = sent.get("n", SHOWN)
        if not isinstance(n, int) or not 1 <= n <= MOST_CASES:
            raise EditError(f"The number of cases is from 1 to {MOST_CASES}.")
        mode, text, model = (str(sent.get(k) or "") for k in ("mode", "text", "model"))
        request = TryRequest(mode, text, model, n)
        with self._alone:
            return _shown(try_prompt(self.bench, request))

    async def show(self, request: Request) -> Response:
        """Answer `GET /prompts/try/api/start?version=`."""
        return JSONResponse(await asyncio.to_thread(self.start, request.query_params.get("version", "")))

    async def ask(self, request: Request) -> Response:
        """Answer `POST /prompts/try/api/run`."""
        sent = await read_object(request, MAX_BODY)
        if sent is None:
            return JSONResponse({"error": "send a JSON object with mode and text"}, 400)
        return JSONResponse(await asyncio.to_thread(self.run, sent))


def _shown(tried: Tried) -> dict[str, Any]:
    compared = tried.compared
    cases = [show_case(tried.details[c.case_id], c, compared) for c in compared.found.cases]
    outcomes = {
        c.case_id: [(compared.name_of(e), c.outcome(e), e in compared.found.counting) for e in tried.evaluators]
        for c in compared.found.cases
    }
    html = render(
        "improve/tried.html", tried=tried, rows=show_evaluators(compared), cases=cases, outcomes=outcomes,
        before=str(compared.before), after=str(compared.after),
    )  # fmt: skip
    return {"html": html, "n": len(cases)}


def try_page(bench: Workbench) -> Page:
    """Return the page of a home."""
    endpoints = _Endpoints(bench)
    return Page(
        name="prompts/try",
        title="Try a prompt",
        template="improve/try.html",
        scripts=("improve/try.js",),
        routes=[Route("/api/start", endpoints.show), Route("/api/run", endpoints.ask, methods=["POST"])],
        errors={
            EditError: respond(422),
            HomeError: respond(422),
            ModelError: respond(502),
            FlywheelError: respond(500),
        },
        prepare=endpoints.start,
    )
