"""The page on which people review the failure modes: side by side with their failures, every edit saved at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from flywheel_pipeline.errors import ConflictError, EditError, FlywheelError
from flywheel_pipeline.web.labelling.guard import Guard
from flywheel_pipeline.web.pages import page_file, read_object, tell, tell_not_saved

__all__ = ["Board", "taxonomy_mount"]

MAX_BODY = 400_000
PAGE = ("taxonomy.html", "taxonomy.css", "taxonomy.js")


@dataclass(frozen=True)
class Board:
    """What the page shows and does; both are asked anew for every request."""

    show: Callable[[str], dict[str, Any]]
    """The modes, failures and proposals as they are now, of the mode that is named with all its failures."""
    act: Callable[[Mapping[str, Any]], None]
    """Make the edit that was sent, or decide the proposal; it names the version that the person looked at."""


class Page:
    """The requests of the page."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self._lock = asyncio.Lock()  # edits of one process are made one after the other

    async def file(self, request: Request) -> Response:
        """Answer `GET /taxonomy/` and the files that it needs."""
        return page_file(__package__, PAGE, request.path_params.get("name", ""))

    async def show(self, request: Request) -> Response:
        """Answer `GET /taxonomy/api/board`."""
        async with self._lock:
            return JSONResponse(await asyncio.to_thread(self.board.show, request.query_params.get("whole", "")))

    async def act(self, request: Request) -> Response:
        """Answer `POST /taxonomy/api/act`: when it answers 200, it is on the disk."""
        sent = await read_object(request, MAX_BODY)
        if sent is None or not isinstance(sent.get("version"), str):
            return JSONResponse({"error": "send a JSON object with the version that was looked at"}, 400)
        async with self._lock:
            await asyncio.to_thread(self.board.act, sent)
            return JSONResponse(await asyncio.to_thread(self.board.show, ""))


def taxonomy_mount(board: Board, token: str | None) -> Mount:
    """Return the page, to be mounted under `/taxonomy`."""
    page = Page(board)
    routes = [
        Route("/api/board", page.show),
        Route("/api/act", page.act, methods=["POST"]),
        Route("/", page.file),
        Route("/{name:str}", page.file),
    ]
    handlers: dict[Any, Callable[[Request, Exception], Response]] = {
        EditError: tell(422), ConflictError: tell(409), FlywheelError: tell(500), OSError: tell_not_saved,
    }  # fmt: skip
    return Mount("/taxonomy", app=Guard(Starlette(routes=routes, exception_handlers=handlers), token))
