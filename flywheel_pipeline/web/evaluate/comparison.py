"""The page on which people see what a change did: two versions side by side, and every case, worst first."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from flywheel_pipeline.errors import FlywheelError, HomeError
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.web.evaluate.service import MOST_ROWS, ComparisonService, Filter, NotThereError
from flywheel_pipeline.web.pages import Page, respond

LONGEST = 200
"""Characters of a text that is looked for."""


class _Endpoints:
    """The requests of the page; all of them only read."""

    def __init__(self, service: ComparisonService) -> None:
        self.service = service

    async def overview(self, request: Request) -> Response:
        """Answer `GET /evals/api/compare?before=&after=`."""
        return JSONResponse(await asyncio.to_thread(self.service.overview, *_versions(request)))

    async def cases(self, request: Request) -> Response:
        """Answer `GET /evals/api/cases?before=&after=&mode=&outcome=&evaluator=&text=&start=&n=&case=`."""
        asked = request.query_params
        names = ("mode", "outcome", "evaluator", "text")
        wanted = Filter(*(asked.get(name, "").strip()[:LONGEST] for name in names))
        start, n = _number(request, "start", 0), _number(request, "n", MOST_ROWS)
        case_id = asked.get("case", "")
        found = await asyncio.to_thread(self.service.cases, *_versions(request), wanted, start, n, case_id)
        return JSONResponse(found)

    async def case(self, request: Request) -> Response:
        """Answer `GET /evals/api/case?before=&after=&case=`."""
        case_id = request.query_params.get("case", "")
        return JSONResponse(await asyncio.to_thread(self.service.case, *_versions(request), case_id))


def _versions(request: Request) -> tuple[str, str]:
    return request.query_params.get("before", ""), request.query_params.get("after", "")


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else default


def comparison_page(bench: Workbench) -> Page:
    """Return the page of a home."""
    service = ComparisonService(bench)
    endpoints = _Endpoints(service)
    return Page(
        name="evals",
        title="Evals",
        template="evaluate/evals.html",
        scripts=("evaluate/evals.js", "evaluate/case_list.js"),
        routes=[
            Route("/api/compare", endpoints.overview),
            Route("/api/cases", endpoints.cases),
            Route("/api/case", endpoints.case),
        ],
        errors={HomeError: respond(404), NotThereError: respond(404), FlywheelError: respond(500)},
        prepare=service.overview,
    )
