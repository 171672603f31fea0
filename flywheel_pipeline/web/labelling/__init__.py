"""The labelling page: one trace at a time for a domain expert who never opens a terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from flywheel_pipeline.errors import FlywheelError
from flywheel_pipeline.web.labelling.guard import Guard
from flywheel_pipeline.web.labelling.service import (
    MAX_NAME,
    Desk,
    NotLabelledError,
    NotThereError,
    People,
    Source,
)
from flywheel_pipeline.web.pages import page_file, read_object, tell, tell_not_saved

__all__ = ["Desk", "People", "Source", "labelling_mount"]

MAX_BODY = 200_000
ACTIONS = ("label", "undo", "hand-in")
PAGE = ("label.html", "label.css", "label.js")


class Page:
    """The requests of the page."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._lock = asyncio.Lock()  # labels of one process are kept one after the other

    async def file(self, request: Request) -> Response:
        """Answer `GET /label/` and the files that it needs."""
        return page_file(__package__, PAGE, request.path_params.get("name", ""))

    async def queue(self, request: Request) -> Response:
        """Answer `GET /label/api/queue`."""
        async with self._lock:
            return JSONResponse(await asyncio.to_thread(self.desk.queue, self._annotator(request)))

    async def item(self, request: Request) -> Response:
        """Answer `GET /label/api/item`."""
        key, whole = request.query_params.get("key", ""), "whole" in request.query_params
        async with self._lock:
            return JSONResponse(await asyncio.to_thread(self.desk.item, self._annotator(request), key, whole))

    async def act(self, request: Request) -> Response:
        """Answer `POST /label/api/{label, undo, hand-in}`: when it answers 200, it is on the disk."""
        sent, what = await read_object(request, MAX_BODY), request.path_params["what"]
        if what not in ACTIONS:
            return JSONResponse({"error": f"there is only {', '.join(ACTIONS)}"}, 404)
        if sent is None:
            return JSONResponse({"error": "send a JSON object that is not too large"}, 400)
        async with self._lock:
            return JSONResponse(await asyncio.to_thread(self._do, what, self._annotator(request), sent))

    def _do(self, what: str, annotator: str, sent: dict[str, Any]) -> dict[str, Any]:
        if what == "undo":
            return {"key": self.desk.undo(annotator)}
        if what == "hand-in":
            name, n = self.desk.hand_in(annotator)
            return {"file": name, "n": n}
        return {"n": self.desk.say(annotator, sent)}

    def _annotator(self, request: Request) -> str:
        name = request.query_params.get("annotator", "").strip()[:MAX_NAME]
        return name if name in self.desk.annotators else self.desk.annotators[0]


def labelling_mount(labels: Path, source: Source, people: People, token: str | None) -> Mount:
    """Return the page, to be mounted under `/label`."""
    page = Page(Desk(labels, source, people))
    routes = [
        Route("/api/queue", page.queue),
        Route("/api/item", page.item),
        Route("/api/{what:str}", page.act, methods=["POST"]),
        Route("/", page.file),
        Route("/{name:str}", page.file),
    ]
    handlers: dict[Any, Callable[[Request, Exception], Response]] = {
        NotLabelledError: tell(422), NotThereError: tell(404), FlywheelError: tell(500), OSError: tell_not_saved,
    }  # fmt: skip
    return Mount("/label", app=Guard(Starlette(routes=routes, exception_handlers=handlers), token))
