"""The page of prompts: versions, what changed between them, their evidence, who moved which label when, and turns."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from flywheel_pipeline.adapters.registry import PRODUCTION, Move
from flywheel_pipeline.errors import ConflictError, CorruptFileError, FlywheelError, GateError
from flywheel_pipeline.flows.deploy.overview import Overview, look_at_prompts
from flywheel_pipeline.flows.deploy.promote import Mover, promote_candidate, roll_back
from flywheel_pipeline.flows.deploy.why import explain_version
from flywheel_pipeline.flows.foreign import note_read, parts_of
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import FlywheelTurn
from flywheel_pipeline.steps.evaluate import word_diff
from flywheel_pipeline.web.pages import Page, read_object, respond, respond_not_saved
from flywheel_pipeline.web.templates import render

MAX_BODY = 20_000
LONGEST = 200_000
"""Characters of a prompt that are shown."""


class _Endpoints:
    """The requests of the page."""

    def __init__(self, bench: Workbench) -> None:
        self.bench = bench

    def overview(self) -> dict[str, Any]:
        """Return versions, labels and moves."""
        found = look_at_prompts(self.bench)
        return {
            "html": render("deploy/overview.html", found=found, moves=list(reversed(found.moves))[:200]),
            "turns": render("deploy/turns.html", turns=found.turns[::-1], span=_span(found.turns)),
            "versions": [(v.prompt.version, _name(v.prompt.version, v.labels)) for v in found.versions],
            "production": _production(found),
            "previous": found.previous,
            "seen": found.seen,
        }

    def version(self, version: str, against: str) -> dict[str, Any]:
        """Return one version whole, and what differs from another."""
        one, other = self.bench.registry.get(version), self.bench.registry.get(against)
        pieces = [tuple(p) for p in word_diff(other.text[:LONGEST], one.text[:LONGEST])]
        found = next(v for v in look_at_prompts(self.bench).versions if v.prompt.version == version)
        unread = [str(part) for part in parts_of(self.bench, version)] if found.decision else []
        cut = len(one.text) > LONGEST
        why = explain_version(self.bench, version)
        html = render("deploy/version.html", found=found, against=other, pieces=pieces, cut=cut, unread=unread, why=why)
        may_ship = found.may_ship and PRODUCTION not in found.labels
        return {"html": html, "may_ship": may_ship, "to_read": bool(unread) and not cut}

    def act(self, sent: dict[str, Any]) -> dict[str, Any]:
        """Promote a version, roll back, or note that one was read, and return the new state of everything.

        Raises:
            ConflictError: a label was moved since the page was loaded.
            GateError: it may not be promoted, or there is nothing to roll back to.
        """
        if self.bench.registry.labels().seen != sent["seen"]:
            raise ConflictError("A label was moved since this page was loaded. Look at it again.")
        mover = Mover(str(sent.get("by") or "")[:80], str(sent.get("message") or "")[:500])
        if sent.get("what") == "promote":
            promote_candidate(self.bench, str(sent.get("version")), mover)
        elif sent.get("what") == "roll back":
            roll_back(self.bench, mover)
        elif sent.get("what") == "read":
            note_read(self.bench, str(sent.get("version")), mover.by)
        else:
            raise GateError("There is nothing like that to do.")
        return self.overview()

    async def show(self, _: Request) -> Response:
        """Answer `GET /prompts/api/overview`."""
        return JSONResponse(await asyncio.to_thread(self.overview))

    async def one(self, request: Request) -> Response:
        """Answer `GET /prompts/api/version?version=&against=`."""
        asked = request.query_params
        return JSONResponse(await asyncio.to_thread(self.version, asked.get("version", ""), asked.get("against", "")))

    async def move(self, request: Request) -> Response:
        """Answer `POST /prompts/api/act`: what a 200 answers is on the disk."""
        sent = await read_object(request, MAX_BODY)
        if sent is None or not isinstance(sent.get("seen"), str):
            return JSONResponse({"error": "send a JSON object with the state that was looked at"}, 400)
        return JSONResponse(await asyncio.to_thread(self.act, sent))


def _span(turns: Sequence[FlywheelTurn]) -> float:
    """Return how far the axis of gains reaches on both sides of zero: as far as any interval, a tenth at least."""
    ends = [
        abs(end)
        for t in turns
        for end in (t.test_low, t.test_high, t.predicted_low, t.predicted_high, t.realised_low, t.realised_high)
        if end is not None
    ]
    return max([*ends, 0.1])


def _name(version: str, labels: tuple[str, ...]) -> str:
    return f"{version} ({', '.join(labels)})" if labels else version


def _production(found: Overview) -> str | None:
    move: Move | None = found.now.get(PRODUCTION)
    return move.version if move else None


def prompts_page(bench: Workbench) -> Page:
    """Return the page of a home."""
    endpoints = _Endpoints(bench)
    return Page(
        name="prompts",
        title="Prompts",
        template="deploy/prompts.html",
        scripts=("deploy/prompts.js",),
        routes=[
            Route("/api/overview", endpoints.show),
            Route("/api/version", endpoints.one),
            Route("/api/act", endpoints.move, methods=["POST"]),
        ],
        errors={
            ConflictError: respond(409),
            GateError: respond(422),
            CorruptFileError: respond(404),
            FlywheelError: respond(500),
            OSError: respond_not_saved,
        },
        prepare=endpoints.overview,
    )
