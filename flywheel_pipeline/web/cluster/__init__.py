"""The page on which people review the failure modes: side by side with their failures, every edit saved at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from flywheel_pipeline.errors import ConflictError, EditError, FlywheelError
from flywheel_pipeline.flows.cluster.review import Review
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.web.cluster.board import act_on, show_board
from flywheel_pipeline.web.pages import Page, read_object, respond, respond_not_saved

__all__ = ["taxonomy_page"]

MAX_BODY = 400_000


class _Endpoints:
    """The requests of the page."""

    def __init__(self, review: Review) -> None:
        self.review = review
        self._alone = threading.Lock()  # edits of one process are made one after the other

    def board(self, whole: str = "", edit: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the board, after an edit if there is one."""
        with self._alone:
            if edit is not None:
                act_on(self.review, edit)
            return show_board(self.review, whole)

    async def show(self, request: Request) -> Response:
        """Answer `GET /taxonomy/api/board`."""
        return JSONResponse(await asyncio.to_thread(self.board, request.query_params.get("whole", "")))

    async def act(self, request: Request) -> Response:
        """Answer `POST /taxonomy/api/act` with the new board: what a 200 answers is on the disk."""
        sent = await read_object(request, MAX_BODY)
        if sent is None or not isinstance(sent.get("version"), str):
            return JSONResponse({"error": "send a JSON object with the version that was looked at"}, 400)
        return JSONResponse(await asyncio.to_thread(self.board, "", sent))


def taxonomy_page(bench: Workbench) -> Page:
    """Return the page of a home."""
    endpoints = _Endpoints(Review(bench))
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
        prepare=endpoints.board,
    )
