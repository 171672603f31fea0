"""The page on which people review the failure modes: side by side with their failures, every edit saved at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from flywheel_pipeline.errors import ConflictError, EditError, FlywheelError
from flywheel_pipeline.web.pages import Page, read_object, respond, respond_not_saved

__all__ = ["Board", "taxonomy_page"]

MAX_BODY = 400_000


@dataclass(frozen=True)
class Board:
    """What the page shows and does."""

    show: Callable[[str], dict[str, Any]]
    """Return the modes, failures and proposals as they are now; of the named mode all failures, else the first."""
    act: Callable[[Mapping[str, Any]], None]
    """Make the edit that was sent, undo one, or decide a proposal; it names the version that the person looked at."""


class _Endpoints:
    """The requests of the page."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self._lock = asyncio.Lock()  # edits of one process are made one after the other

    async def show(self, request: Request) -> Response:
        """Answer `GET /taxonomy/api/board`."""
        async with self._lock:
            return JSONResponse(await asyncio.to_thread(self.board.show, request.query_params.get("whole", "")))

    async def act(self, request: Request) -> Response:
        """Answer `POST /taxonomy/api/act` with the new board: what a 200 answers is on the disk."""
        sent = await read_object(request, MAX_BODY)
        if sent is None or not isinstance(sent.get("version"), str):
            return JSONResponse({"error": "send a JSON object with the version that was looked at"}, 400)
        async with self._lock:
            await asyncio.to_thread(self.board.act, sent)
            return JSONResponse(await asyncio.to_thread(self.board.show, ""))


def taxonomy_page(board: Board) -> Page:
    """Return the page."""
    endpoints = _Endpoints(board)
    return Page(
        name="taxonomy",
        title="Failure modes",
        template="cluster/taxonomy.html",
        scripts=("cluster/taxonomy.js", "cluster/board.js"),
        routes=[Route("/api/board", endpoints.show), Route("/api/act", endpoints.act, methods=["POST"])],
        errors={
            EditError: respond(422),
            ConflictError: respond(409),
            FlywheelError: respond(500),
            OSError: respond_not_saved,
        },
    )
