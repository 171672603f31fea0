"""The labelling page: one trace at a time for a domain expert who never opens a terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from flywheel_pipeline.errors import EditError, FlywheelError, HomeError
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.web.annotate.first_batch import MAX_BODY as MAX_EXPORT
from flywheel_pipeline.web.annotate.first_batch import MEGABYTES, describe_home, start_labelling
from flywheel_pipeline.web.annotate.groups import show_groups
from flywheel_pipeline.web.annotate.labels import InvalidLabelError
from flywheel_pipeline.web.annotate.service import LabellingService, NotThereError
from flywheel_pipeline.web.annotate.source import people_of, source_of
from flywheel_pipeline.web.pages import Handler, Page, read_object, respond, respond_not_saved

__all__ = ["ERRORS", "Actions", "LabellingEndpoints", "labelling_page", "labelling_service"]

MAX_BODY = 200_000
SCRIPTS = (
    "annotate/label.js",
    "annotate/conversation.js",
    "annotate/drafts.js",
    "annotate/compare.js",
    "annotate/verdict.js",
)


ERRORS: Mapping[Any, Handler] = {
    InvalidLabelError: respond(422),
    NotThereError: respond(404),
    FlywheelError: respond(500),
    OSError: respond_not_saved,
}


Actions = Mapping[str, Callable[[str, Mapping[str, Any]], dict[str, Any]]]
"""{what an address ends with: what is done for (annotator, what was sent)}."""


class LabellingEndpoints:
    """The requests of every page on which traces are labelled."""

    def __init__(self, service: LabellingService) -> None:
        self.service = service
        self._actions: Actions = {
            "label": service.label,
            "draft": service.draft,
            "undo": lambda annotator, _: service.undo(annotator),
            "submit": lambda annotator, _: service.submit(annotator),
        }

    async def queue(self, request: Request) -> Response:
        """Answer `GET /label/api/queue?annotator=`."""
        return JSONResponse(await asyncio.to_thread(self.service.queue, self.annotator(request)))

    async def item(self, request: Request) -> Response:
        """Answer `GET /label/api/item?annotator=&key=`."""
        key = request.query_params.get("key", "")
        return JSONResponse(await asyncio.to_thread(self.service.item, self.annotator(request), key))

    async def messages(self, request: Request) -> Response:
        """Answer `GET /label/api/messages?key=&start=&end=`."""
        key, start, end = request.query_params.get("key", ""), _number(request, "start"), _number(request, "end")
        return JSONResponse(await asyncio.to_thread(self.service.messages, key, start or 0, end))

    async def text(self, request: Request) -> Response:
        """Answer `GET /label/api/text?key=&address=&start=`."""
        key, address = request.query_params.get("key", ""), request.query_params.get("address", "")
        return JSONResponse(await asyncio.to_thread(self.service.text, key, address, _number(request, "start") or 0))

    async def act(self, request: Request) -> Response:
        """Answer `POST /label/api/{label, draft, undo, submit}`: what a 200 answers is on the disk."""
        return await self.dispatch(request, self._actions)

    async def dispatch(self, request: Request, actions: Actions, longest: int = MAX_BODY) -> Response:
        """Carry out the action that the address names, in the name of the annotator who asks."""
        action = actions.get(request.path_params["action"])
        if action is None:
            return JSONResponse({"error": f"the action must be one of {', '.join(actions)}"}, 404)
        sent = await read_object(request, longest)
        if sent is None:
            return JSONResponse({"error": "send a JSON object that is not too large"}, 400)
        named = request.query_params.get("annotator", "").strip()
        if named and named not in self.service.annotators:
            return JSONResponse({"error": f"{named[:80]!r} is not an annotator of this home: reload the page"}, 422)
        return JSONResponse(await asyncio.to_thread(action, self.annotator(request), sent))

    def annotator(self, request: Request) -> str:
        """Return who asks: an annotator of the home, else the arbiter."""
        name = request.query_params.get("annotator", "").strip()
        return name if name in self.service.annotators else self.service.annotators[0]


def _number(request: Request, name: str) -> int | None:
    text = request.query_params.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 10 else None


def labelling_service(bench: Workbench) -> LabellingService:
    """Return the service of a home, which its pages share."""
    return LabellingService(bench.settings.home / "labels", source_of(bench), people_of(bench.settings))


def labelling_page(bench: Workbench, service: LabellingService) -> Page:
    """Return the page of a home."""
    endpoints = LabellingEndpoints(service)

    async def groups(request: Request) -> Response:
        """Answer `GET /label/api/groups?annotator=&batch=` with the first groups of failures as HTML."""
        who, batch = endpoints.annotator(request), request.query_params.get("batch", "")
        return JSONResponse(await asyncio.to_thread(show_groups, bench, service, who, batch))

    async def home(_: Request) -> Response:
        """Answer `GET /label/api/home`: what there is where nothing is to label."""
        return JSONResponse(await asyncio.to_thread(describe_home, bench))

    async def start(request: Request) -> Response:
        """Answer `POST /label/api/start` by making the first batch."""
        sent = await read_object(request, MAX_EXPORT)
        if sent is None:
            return JSONResponse(
                {"error": f"Up to {MEGABYTES} MB are taken here; `flywheel start FILE` takes more."}, 400
            )
        return JSONResponse(await asyncio.to_thread(start_labelling, bench, sent))

    return Page(
        name="label",
        title="Labelling",
        template="annotate/label.html",
        scripts=SCRIPTS,
        routes=[
            Route("/api/queue", endpoints.queue),
            Route("/api/item", endpoints.item),
            Route("/api/groups", groups),
            Route("/api/home", home),
            Route("/api/start", start, methods=["POST"]),
            Route("/api/messages", endpoints.messages),
            Route("/api/text", endpoints.text),
            Route("/api/{action:str}", endpoints.act, methods=["POST"]),
        ],
        errors={**ERRORS, EditError: respond(422), HomeError: respond(422)},
        prepare=lambda: service.queue(service.annotators[0]),
    )
