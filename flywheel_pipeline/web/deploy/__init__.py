"""Prompts for applications: `GET /v1/prompts/<label>` is what `flywheel_pipeline.prompts.get` reads.

The answer is the content of the label, `{label, name, version, text, model, parameters, canary}`, with an ETag.
Where the server has a token, the request needs it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.prompts import PromptError, PromptNotFoundError, read_home
from flywheel_pipeline.web.guard import names_this_machine


def prompt_route(bench: Workbench, token: str | None) -> Route:
    """Return the endpoint."""

    async def show(request: Request) -> Response:
        if token is None and not names_this_machine(request):
            return JSONResponse({"error": "Without a token, ask for it on this machine, as 127.0.0.1."}, 421)
        if token is not None and not _has_token(request, token):
            return JSONResponse({"error": "Send `Authorization: Bearer <token>`."}, 401)
        try:
            found = await asyncio.to_thread(read_home, bench.settings.home, request.path_params["label"])
        except PromptNotFoundError as error:
            return JSONResponse({"error": str(error)}, 404)
        except PromptError as error:
            return JSONResponse({"error": str(error)}, 503)
        whole = JSONResponse(found)
        etag = f'"{hashlib.sha256(bytes(whole.body)).hexdigest()[:20]}"'
        answer = Response(status_code=304) if request.headers.get("if-none-match") == etag else whole
        answer.headers.update({"ETag": etag, "Cache-Control": "no-cache"})
        return answer

    return Route("/v1/prompts/{label:str}", show)


def _has_token(request: Request, token: str) -> bool:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())
