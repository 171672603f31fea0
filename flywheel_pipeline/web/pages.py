"""The pages for people: one layout, one navigation and one stylesheet, and the JSON that they send and receive."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from flywheel_pipeline.web.guard import Guard
from flywheel_pipeline.web.templates import render

SHARED = ("style.css", "shared.js")
"""Files of this package that every page uses, at `/assets/`."""
TYPES = {"css": "text/css", "js": "text/javascript"}
NO_PAGE = "There is no such page."

Handler = Callable[[Request, Exception], Response]


@dataclass(frozen=True)
class Page:
    """One page: its template and its scripts are files of this package, such as `annotate/label.html`."""

    name: str
    """Its address: `label` is served at `/label/`, `evals/judges` at `/evals/judges/`."""
    title: str
    """What the navigation calls it."""
    template: str
    scripts: tuple[str, ...]
    """Scripts of the page, served below its address; the first is loaded by the page."""
    routes: Sequence[BaseRoute]
    """Its endpoints, below its address."""
    errors: Mapping[Any, Handler]
    prepare: Callable[[], object]
    """Read what the first request will need."""


def prepare_pages(pages: Sequence[Page]) -> None:
    """Start reading, in a thread, what the first requests will need; errors are reported by those requests."""

    def prepare() -> None:
        for page in pages:
            with suppress(Exception):
                page.prepare()

    threading.Thread(target=prepare, name="prepare-pages").start()


def mount_pages(pages: Sequence[Page], token: str | None) -> list[BaseRoute]:
    """Return the routes of the pages, of the files that they share, and of `/`, which leads to the first page."""
    shared = Guard(Starlette(routes=[Route("/{name:str}", _shared)]), token)
    folders = dict.fromkeys(page.name.rpartition("/")[0] for page in pages)
    deepest_first = sorted(pages, key=lambda page: -page.name.count("/"))
    return [
        Route("/", lambda _: RedirectResponse(f"/{pages[0].name}/", 307)),
        *(Mount(f"/{folder}/assets".replace("//", "/"), app=shared) for folder in folders),
        *(Mount(f"/{page.name}", app=Guard(_app_of(page, pages), token)) for page in deepest_first),
    ]


def _app_of(page: Page, pages: Sequence[Page]) -> Starlette:
    scripts = {name.rpartition("/")[2]: name for name in page.scripts}
    root = "../" * (page.name.count("/") + 1)

    async def show(_: Request) -> Response:
        return HTMLResponse(render(page.template, page=page, pages=pages, script=next(iter(scripts)), root=root))

    async def script(request: Request) -> Response:
        return _file(scripts.get(request.path_params["name"]))

    routes = [Route("/", show), *page.routes, Route("/{name:str}", script)]
    return Starlette(routes=routes, exception_handlers=dict(page.errors))


async def _shared(request: Request) -> Response:
    name = request.path_params["name"]
    return _file(name if name in SHARED else None)


def _file(name: str | None) -> Response:
    if name is None:
        return PlainTextResponse(NO_PAGE, 404)
    data = files(__package__).joinpath(name).read_bytes()
    return Response(data, media_type=TYPES[name.rpartition(".")[2]])


async def read_object(request: Request, longest: int) -> dict[str, Any] | None:
    """Return the JSON object of a body of at most `longest` bytes, None for anything else."""
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > longest:
            return None
    try:
        sent = json.loads(data or b"{}")
        json.dumps(sent, ensure_ascii=False).encode()  # half of a surrogate pair is no text that can be kept
    except (ValueError, RecursionError):
        return None
    return sent if isinstance(sent, dict) else None


def respond(status: int) -> Handler:
    """Return a handler that answers an error with its own words, which the page shows."""
    return lambda request, error: JSONResponse({"error": str(error)}, status)


def respond_not_saved(request: Request, error: Exception) -> Response:
    """Answer an error of the disk."""
    why = getattr(error, "strerror", None) or error
    return JSONResponse({"error": f"It could not be saved: {why}. Try again."}, 503)
