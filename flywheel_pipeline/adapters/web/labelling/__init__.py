"""The labelling page: one trace at a time for a domain expert who never opens a terminal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route

from flywheel_pipeline.adapters.web.labelling.desk import (
    MAX_NAME,
    Desk,
    NotLabelledError,
    NotThereError,
    People,
    Source,
)
from flywheel_pipeline.adapters.web.labelling.guard import Guard
from flywheel_pipeline.errors import FlywheelError

__all__ = ["Desk", "People", "Source", "labelling_mount"]

MAX_BODY = 200_000
ACTIONS = ("label", "undo", "hand-in")
PAGE = {"": "text/html", "label.css": "text/css", "label.js": "text/javascript"}


class Page:
    """The requests of the page."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._lock = asyncio.Lock()  # labels of one process are kept one after the other

    async def file(self, request: Request) -> Response:
        """Answer `GET /label/` and the files that it needs."""
        name = request.path_params.get("name", "")
        if name not in PAGE:
            return PlainTextResponse("There is no such page.", 404)
        folder = files("flywheel_pipeline.adapters.web.labelling").joinpath("page")
        return Response(folder.joinpath(name or "label.html").read_bytes(), media_type=PAGE[name])

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
        sent, what = await _body(request), request.path_params["what"]
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


async def _body(request: Request) -> dict[str, Any] | None:
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_BODY:
            return None
    try:
        sent = json.loads(data or b"{}")
    except (ValueError, RecursionError):
        return None
    return sent if isinstance(sent, dict) else None


def _told(status: int) -> Callable[[Request, Exception], Response]:
    """Return what answers an error with its own words, which the page shows."""
    return lambda request, error: JSONResponse({"error": str(error)}, status)


def _not_saved(request: Request, error: Exception) -> Response:
    why = getattr(error, "strerror", None) or error
    return JSONResponse({"error": f"It could not be saved: {why}. Try again."}, 503)


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
    handlers = {NotLabelledError: _told(422), NotThereError: _told(404), FlywheelError: _told(500), OSError: _not_saved}
    return Mount("/label", app=Guard(Starlette(routes=routes, exception_handlers=handlers), token))
