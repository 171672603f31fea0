"""The page on which people look at traces: filter, open, judge, make a test case, send to an annotator."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from flywheel_pipeline.errors import ConflictError, EditError, HomeError
from flywheel_pipeline.flows.traces.browse import count_traces, list_traces
from flywheel_pipeline.flows.traces.filters import FilterError, Filters, read_filters
from flywheel_pipeline.flows.traces.similar import Neighbours
from flywheel_pipeline.flows.traces.views import list_views, save_view
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.web.annotate import ERRORS, Actions, LabellingEndpoints
from flywheel_pipeline.web.annotate.service import LabellingService
from flywheel_pipeline.web.pages import Page, respond
from flywheel_pipeline.web.traces.act import make_cases, send_traces
from flywheel_pipeline.web.traces.show import show_facets, show_list, show_similar, show_trace

__all__ = ["traces_page"]

MAX_BODY = 400_000
OWN = ("after", "annotator", "id")
"""Parameters that are no filters."""
SCRIPTS = (
    "traces/traces.js", "traces/filters.js", "traces/cases.js", "annotate/conversation.js", "annotate/drafts.js",
    "annotate/verdict.js",
)  # fmt: skip


class _Endpoints:
    """The requests of the page that are not those of a label."""

    def __init__(self, bench: Workbench, labels: LabellingEndpoints) -> None:
        self.bench, self.labels, self.service = bench, labels, labels.service
        self.neighbours = Neighbours(bench)
        self._actions: Actions = {
            "case": lambda annotator, sent: make_cases(bench, sent),
            "send": lambda annotator, sent: send_traces(bench, annotator, sent),
            "view": lambda annotator, sent: {
                "views": save_view(bench, str(sent.get("name") or ""), str(sent.get("query") or ""))
            },
        }

    async def start(self, request: Request) -> Response:
        """Answer `GET /traces/api/start?annotator=`: who labels, what the form of a verdict offers, saved views."""
        form = await asyncio.to_thread(self.service.form, self.labels.annotator(request))
        return JSONResponse({**form, "views": await asyncio.to_thread(list_views, self.bench)})

    async def list(self, request: Request) -> Response:
        """Answer `GET /traces/api/list?FILTERS&after=` with a page of traces as HTML."""
        filters, after = _filters(request), request.query_params.get("after", "")

        def listed() -> dict[str, Any]:
            page = list_traces(self.bench, self.neighbours.narrowed(filters), after)
            return show_list(self.bench, page, self.neighbours.of(filters.like) if filters.like else None)

        return JSONResponse(await asyncio.to_thread(listed))

    async def facets(self, request: Request) -> Response:
        """Answer `GET /traces/api/facets?FILTERS` with the counts beside the filters and by day."""
        filters = await asyncio.to_thread(self.neighbours.narrowed, _filters(request))
        found = await asyncio.to_thread(count_traces, self.bench, filters)
        return JSONResponse(await asyncio.to_thread(show_facets, self.bench, found))

    async def similar(self, request: Request) -> Response:
        """Answer `GET /traces/api/similar?id=` with the traces whose questions are the most similar."""
        found = await asyncio.to_thread(self.neighbours.of, request.query_params.get("id", ""))
        return JSONResponse(await asyncio.to_thread(show_similar, self.bench, found))

    async def trace(self, request: Request) -> Response:
        """Answer `GET /traces/api/trace?id=&annotator=` with a trace and what is known about it."""
        annotator, trace_id = self.labels.annotator(request), request.query_params.get("id", "")
        return JSONResponse(await asyncio.to_thread(show_trace, self.bench, self.service, annotator, trace_id))

    async def act(self, request: Request) -> Response:
        """Answer `POST /traces/api/{case, send, view}`; what is sent to other addresses is a label's."""
        if request.path_params["action"] not in self._actions:
            return await self.labels.act(request)
        return await self.labels.dispatch(request, self._actions, MAX_BODY)


def _filters(request: Request) -> Filters:
    return read_filters([(name, value) for name, value in request.query_params.multi_items() if name not in OWN])


def traces_page(bench: Workbench, service: LabellingService) -> Page:
    """Return the page of a home; verdicts go through the labelling service."""
    labels = LabellingEndpoints(service)
    endpoints = _Endpoints(bench, labels)
    return Page(
        name="traces",
        title="Traces",
        template="traces/traces.html",
        scripts=SCRIPTS,
        routes=[
            Route("/api/start", endpoints.start),
            Route("/api/list", endpoints.list),
            Route("/api/facets", endpoints.facets),
            Route("/api/trace", endpoints.trace),
            Route("/api/similar", endpoints.similar),
            Route("/api/messages", labels.messages),
            Route("/api/text", labels.text),
            Route("/api/{action:str}", endpoints.act, methods=["POST"]),
        ],
        errors={
            **ERRORS,
            FilterError: respond(400),
            EditError: respond(422),
            HomeError: respond(422),
            ConflictError: respond(409),
        },
        prepare=lambda: None,
    )
